import { COMMAND_NAMES, type CommandRecords, type Commands, type Handler } from './decode.ts';
import type { Tables } from './table.ts';

const NOTHING = Object.fromEntries([...COMMAND_NAMES.values()].map((name) => [name, () => {}])) as unknown as Commands;

/** A handler of commands that executes nothing. With it, the decoder only checks the command stream. */
export function idleHandler(tables: Tables, records: CommandRecords): Handler {
  return {
    tables,
    records,
    objects: NOTHING,
    pipelines: NOTHING,
    scopes: NOTHING,
    queue: NOTHING,
    copies: NOTHING,
    encoder: NOTHING,
    bindings: NOTHING,
    renderPass: NOTHING,
    computePass: NOTHING,
    player: NOTHING,
    bus: NOTHING,
  };
}
