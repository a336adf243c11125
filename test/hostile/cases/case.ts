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
  gpuObjectBytesMax: 2 ** 27,
  gpuDrawsMax: 1000,
  gpuVerticesMax: 100_000,
  gpuWorkgroupsMax: 10_000,
  shaderBytesMax: 16_384,
  shaderMsMax: 1000,
  replayMsMax: 8000,
  mapBytesMax: 1024,
};

export interface Case {
  /** Name of the import, export, command or setting that the module misuses. */
  of: string;
  /** How the module breaks the contract. */
  what: string;
  module: Uint8Array;
  error: RegExp;
  /** Milliseconds by which each reading of the clock advances it, so that an amount of work exceeds a time limit. */
  chargeMs?: number;
  /** Event after a player has joined: the module is saved and loaded again, or the player leaves. */
  afterwards?: 'renew' | 'leave';
}

export const forever = '(loop $again (br $again))';
export const tick = (body: string, fields = ''): Uint8Array => good({ tick: body, fields });
/** Makes a case whose module submits commands that the host refuses. */
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
/** Makes a module whose exports save and load have these bodies, given as WAT. */
export const saving = (save: string, load = ''): Uint8Array =>
  good({ fields: `(func (export "save") ${save}) (func (export "load") (param i32) ${load})` });
/** Makes a module that lacks the export `name`. */
export const without = (name: string): Uint8Array =>
  assemble(text().replace(`(export "${name}")`, `(export "x${name}")`));
/** A module in which an export takes an i64 in place of an i32. */
export const retyped = (name: string): Uint8Array =>
  assemble(text().replace(`(func (export "${name}") (param i32)`, `(func (export "${name}") (param i64)`));
