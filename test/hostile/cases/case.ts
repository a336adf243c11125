/** A case is a module that breaks the contract. There is at least one for each import, each export and each limit. */
import { assemble, good, text } from '../../engine/modules.ts';
import type { Item } from '../../fuzz/encode.ts';
import { submitting } from '../modules.ts';

/**
 * Limits of the host that runs the cases. They are low, so that a module soon exceeds them. The clocks of the test decide how
 * much work a millisecond is.
 */
export const LIMITS = {
  moduleBytesMax: 2 ** 18,
  memoryBytesMax: 16 * 2 ** 20,
  tableElementsMax: 1000,
  initMsMax: 700,
  callMsMax: 300,
  commandBytesMax: 2 ** 21,
  dataBytesMax: 2 ** 20,
  stateBytesMax: 4096,
  gpuObjectsMax: 128,
  gpuBufferBytesMax: 2 ** 20,
  gpuBytesMax: 2 ** 22,
  gpuDrawsMax: 1000,
  gpuVerticesMax: 100_000,
  gpuWorkgroupsMax: 10_000,
  shaderBytesMax: 16_384,
  shaderMsMax: 1000,
  replayMsMax: 8000,
  mapBytesMax: 1024,
};

export interface Case {
  /** The import, export, command or setting that the case is about. */
  of: string;
  /** How the module breaks the contract. */
  what: string;
  module: Uint8Array;
  error: RegExp;
  /** Milliseconds that each look at the clock costs the module, so that an amount of work exceeds a time limit. */
  chargeMs?: number;
  /** The event after a player has joined: the module is saved and loaded again, or the player leaves. */
  afterwards?: 'renew' | 'leave';
}

export const forever = '(loop $again (br $again))';
export const tick = (body: string, fields = ''): Uint8Array => good({ tick: body, fields });
/** A case of commands that are refused. */
export const refused = (
  of: string,
  what: string,
  items: Item[],
  error: RegExp,
  where: 'tick' | 'render' | 'init' | 'join' = 'tick',
): Case => ({
  of,
  what,
  module: submitting(where, items),
  error,
});
/** A module whose exports save and load have these bodies. */
export const saving = (save: string, load = ''): Uint8Array =>
  good({ fields: `(func (export "save") ${save}) (func (export "load") (param i32) ${load})` });
/** A module without an export. */
export const without = (name: string): Uint8Array =>
  assemble(text().replace(`(export "${name}")`, `(export "x${name}")`));
/** A module in which an export takes an i64 in place of an i32. */
export const retyped = (name: string): Uint8Array =>
  assemble(text().replace(`(func (export "${name}") (param i32)`, `(func (export "${name}") (param i64)`));
