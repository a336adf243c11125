import { readFileSync } from 'node:fs';
import { must } from '../../host/base/assert.ts';
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
import { at } from '../at.ts';

/** USB HID usages of the keys that the tests press. */
export const keys = { a: 4, d: 7, s: 22, w: 26, space: 44 };

/** Loads a module on the JavaScript engine, with the test's own seed and seats. */
export function load(path: string, seed = 7, seats = 4): Promise<Instance> {
  const options = { limits: readConfig({}), seed, tickRate: 120, seats, assets: new Uint8Array(), log: () => {} };
  return createJavaScriptEngine().load(readFileSync(path), options);
}

/** Presses or releases a key of the player in a seat. */
export function key({ inputs }: Instance, seat: number, usage: number, down: boolean): void {
  const offset = seat * INPUT_STRIDE + INPUT_KEYS + (usage >> 5) * 4;
  const bit = 1 << (usage & 31);
  const old = inputs.getUint32(offset, true);
  inputs.setUint32(offset, (down ? old | bit : old & ~bit) >>> 0, true);
}

/** Sets which mouse buttons of the player in a seat are down, one bit a button. */
export function buttons({ inputs }: Instance, seat: number, bits: number): void {
  inputs.setUint32(seat * INPUT_STRIDE + INPUT_BUTTONS, bits, true);
}

/** Sets how far the pointer of the player in a seat has moved since the last tick, in CSS pixels. */
export function move({ inputs }: Instance, seat: number, x: number, y: number): void {
  inputs.setFloat32(seat * INPUT_STRIDE + INPUT_MOVEMENT, x, true);
  inputs.setFloat32(seat * INPUT_STRIDE + INPUT_MOVEMENT + 4, y, true);
}

/** Yields the commands of a submission, each as its words. */
export function* commandsOf({ commands: words }: Submission): Generator<Uint32Array> {
  for (let start = 0, end = 0; start < words.length; start = end) {
    end = start + (at(words, start) >>> 16);
    yield words.subarray(start, end);
  }
}

/** Returns the id of the GPU buffer that a submission creates with this label. */
export function bufferNamed(made: Submission, label: string): number {
  for (const command of commandsOf(made)) {
    if ((at(command, 0) & 0xffff) !== OP_CREATE_BUFFER) continue;
    const text = Buffer.from(command.buffer, command.byteOffset + 24, at(command, 5)).toString();
    if (text === label) return at(command, 1);
  }
  throw new Error(`no buffer was created with the label "${label}"`);
}

/** Returns the f32 numbers that the first writeBuffer command of a submission for a buffer carries. Executes nothing. */
export function written(submission: Submission, buffer: number): Float32Array {
  return must(findWritten(submission, buffer), `write into buffer ${buffer}`);
}

/** Returns the f32 numbers that a submission writes into a buffer, or undefined if it writes none. */
export function findWritten(submission: Submission, buffer: number): Float32Array | undefined {
  for (const command of commandsOf(submission)) {
    if ((at(command, 0) & 0xffff) !== OP_WRITE_BUFFER || command[1] !== buffer) continue;
    const bytes = submission.data.slice(at(command, 3), at(command, 3) + at(command, 4));
    return new Float32Array(bytes.buffer);
  }
  return undefined;
}
