import { readFileSync } from 'node:fs';
import { readConfig } from '../../host/base/config.ts';
import type { Instance, Submission } from '../../host/engine/engine.ts';
import { createJavaScriptEngine } from '../../host/engine/javascript.ts';
import {
  INPUT_BUTTONS,
  INPUT_KEYS,
  INPUT_MOVEMENT,
  INPUT_STRIDE,
  OP_CREATE_BUFFER,
  OP_WRITE_BUFFER,
} from '../../renderer/contract/abi.ts';

/** USB HID usages. */
export const keys = { a: 4, d: 7, s: 22, w: 26, space: 44 };

/** Loads a module on the JavaScript engine, with the test's own seed and seats. */
export function load(path: string, seed = 7, seats = 4): Promise<Instance> {
  const options = { limits: readConfig({}), seed, tickRate: 120, seats, assets: new Uint8Array(), log: () => {} };
  return createJavaScriptEngine().load(readFileSync(path), options);
}

/** Presses or releases a key of a seat. */
export function key({ inputs }: Instance, seat: number, usage: number, down: boolean): void {
  const at = seat * INPUT_STRIDE + INPUT_KEYS + (usage >> 5) * 4;
  const bit = 1 << (usage & 31);
  const old = inputs.getUint32(at, true);
  inputs.setUint32(at, (down ? old | bit : old & ~bit) >>> 0, true);
}

/** Sets the buttons of a seat that are down. */
export function buttons({ inputs }: Instance, seat: number, bits: number): void {
  inputs.setUint32(seat * INPUT_STRIDE + INPUT_BUTTONS, bits, true);
}

/** Sets the pointer's movement since the last tick, in CSS pixels. */
export function move({ inputs }: Instance, seat: number, x: number, y: number): void {
  inputs.setFloat32(seat * INPUT_STRIDE + INPUT_MOVEMENT, x, true);
  inputs.setFloat32(seat * INPUT_STRIDE + INPUT_MOVEMENT + 4, y, true);
}

/** Walks over the commands of a submission. */
export function* commandsOf({ commands: words }: Submission): Generator<Uint32Array> {
  for (let at = 0; at < words.length; at += words[at] >>> 16) yield words.subarray(at, at + (words[at] >>> 16));
}

/** Finds a buffer by the label that it was made with. */
export function bufferNamed(made: Submission, label: string): number {
  for (const command of commandsOf(made)) {
    if ((command[0] & 0xffff) !== OP_CREATE_BUFFER) continue;
    const text = Buffer.from(command.buffer, command.byteOffset + 24, command[5]).toString();
    if (text === label) return command[1];
  }
  throw new Error(`no buffer is made that is named "${label}"`);
}

/** Gives the numbers that a submission writes into a buffer; undefined where it does not. */
export function written(submission: Submission, buffer: number): Float32Array | undefined {
  for (const command of commandsOf(submission)) {
    if ((command[0] & 0xffff) !== OP_WRITE_BUFFER || command[1] !== buffer) continue;
    const bytes = submission.data.slice(command[3], command[3] + command[4]);
    return new Float32Array(bytes.buffer);
  }
  return undefined;
}
