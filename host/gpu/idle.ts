import { COMMAND_NAMES, type Commands, type Handler, type Records } from './decode.ts';
import type { Tables } from './table.ts';

const NOTHING = Object.fromEntries([...COMMAND_NAMES.values()].map((name) => [name, () => {}])) as unknown as Commands;

/** A handler that executes nothing: with it, the decoder only checks the commands. */
export function idleHandler(tables: Tables, records: Records): Handler {
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
  };
}
