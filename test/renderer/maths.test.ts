import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ID_INDEX_BITS, ID_INDEX_MIN } from '../../renderer/contract/abi.ts';
import { at } from '../at.ts';

const root = join(import.meta.dirname, '../..');
const source = join(root, 'build/maths.ts');
const path = join(root, 'build/maths.test.wasm');

/** A game that draws nothing, with exports through which the tests call parts of the SDK. */
const guestCode = `
import { BufferUsage, device, Game, mat4, play, quat, Random, vec3 } from '@nearlight/sdk';

export { init, join, leave, render, tick, version } from '@nearlight/sdk/game';

class Nothing extends Game {
  render(_seat: i32, _width: u32, _height: u32): void {}
}

const floats = new StaticArray<f32>(64);
const a: StaticArray<f32> = mat4.create();
const b: StaticArray<f32> = mat4.create();
const out: StaticArray<f32> = mat4.create();
const random = new Random(1);

/** Returns the address of 64 numbers: two operands of 16 numbers each, then the result. */
export function numbers(): usize {
  return changetype<usize>(floats);
}

/** Applies an operation by its number. */
export function apply(operation: i32): i32 {
  memory.copy(changetype<usize>(a), changetype<usize>(floats), 64);
  memory.copy(changetype<usize>(b), changetype<usize>(floats) + 64, 64);
  let done = true;
  if (operation === 0) mat4.multiply(a, b, out);
  else if (operation === 1) done = mat4.invert(a, out);
  else if (operation === 2) mat4.perspective(a[0], a[1], a[2], a[3], out);
  else if (operation === 3) {
    mat4.lookAt(part(a, 0), part(a, 3), part(a, 6), out);
  } else if (operation === 4) quat.multiply(a, b, out);
  else if (operation === 5) quat.slerp(a, b, a[4], out);
  else if (operation === 6) quat.rotate(a, b, out);
  else if (operation === 7) mat4.rotationTranslation(a, b[0], b[1], b[2], out);
  else if (operation === 8) vec3.cross(a, b, out);
  else out[0] = random.float();
  memory.copy(changetype<usize>(floats) + 128, changetype<usize>(out), 64);
  return done ? 1 : 0;
}

/** Creates a buffer and returns its id. Destroys the buffer if destroy is not 0. */
export function makeBuffer(destroy: i32): u32 {
  const buffer = device.createBuffer({ size: 16, usage: BufferUsage.VERTEX });
  const id = buffer.id;
  if (destroy !== 0) buffer.destroy();
  return id;
}

function part(from: StaticArray<f32>, at: i32): StaticArray<f32> {
  return vec3.create(from[at], from[at + 1], from[at + 2]);
}

play(new Nothing());
`;

interface Guest {
  _initialize(): void;
  numbers(): number;
  apply(operation: number): number;
  makeBuffer(destroy: number): number;
}

let guest: Guest;
let numbers: Float32Array;

beforeAll(async () => {
  mkdirSync(join(root, 'build'), { recursive: true });
  writeFileSync(source, guestCode);
  const asc = join(root, 'node_modules/assemblyscript/bin/asc.js');
  const parameters = [asc, 'build/maths.ts', '-o', 'build/maths.test.wasm', '--target', 'release'];
  await promisify(execFile)(process.execPath, parameters, { cwd: root });
  const nothing = () => 0;
  const nearlight = { submit: nothing, log: nothing, asset_find: nothing, asset_size: nothing, asset_read: nothing };
  const { instance } = await WebAssembly.instantiate(readFileSync(path), { nearlight });
  guest = instance.exports as unknown as Guest;
  guest._initialize();
  const { buffer } = (instance.exports as { memory: WebAssembly.Memory }).memory;
  numbers = new Float32Array(buffer, guest.numbers(), 64);
});

afterAll(() => {
  rmSync(source, { force: true });
  rmSync(path, { force: true });
});

const operations = [
  'multiply',
  'invert',
  'perspective',
  'lookAt',
  'quatMultiply',
  'slerp',
  'rotate',
  'pose',
  'cross',
  'random',
];

function run(operation: string, a: number[], b: number[] = []): number[] {
  numbers.fill(0);
  numbers.set(a, 0);
  numbers.set(b, 16);
  const done = guest.apply(operations.indexOf(operation));
  return done ? [...numbers.subarray(32, 48)] : [];
}

function close(actual: number[], wanted: number[]): void {
  for (const [index, value] of wanted.entries()) expect(actual[index], `element ${index}`).toBeCloseTo(value, 4);
}

const product = (a: number[], b: number[]): number[] =>
  Array.from({ length: 16 }, (_, index) => {
    const [column, row] = [index >> 2, index & 3];
    return [0, 1, 2, 3].reduce((sum, k) => sum + at(a, k * 4 + row) * at(b, column * 4 + k), 0);
  });

const identity = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
const some = [2, 1, 0, 3, -1, 4, 2, 0, 0.5, 1, 3, -2, 1, 0, 2, 5];
const other = [1, 0, 2, 0, 3, -1, 0, 1, 0, 2, 1, 1, -2, 1, 0, 4];
const half = Math.SQRT1_2;

describe('mat4', () => {
  it('multiplies', () => close(run('multiply', some, other), product(some, other)));

  it('mat4.invert inverts a matrix, and reports one without an inverse', () => {
    close(product(some, run('invert', some)), identity);
    expect(run('invert', new Array(16).fill(1))).toEqual([]);
  });

  it('mat4.perspective projects the near plane to 0 and the far plane to 1', () => {
    const m = run('perspective', [Math.PI / 2, 2, 0.5, 100]);
    const depth = (z: number): number => (at(m, 10) * z + at(m, 14)) / (at(m, 11) * z);
    close([at(m, 0), at(m, 5), depth(-0.5), depth(-100)], [0.5, 1, 0, 1]);
  });

  it('mat4.lookAt looks from an eye at a target', () => {
    const m = run('lookAt', [3, 0, 0, 0, 0, 0, 0, 1, 0]);
    const seen = (x: number, y: number, z: number): number[] =>
      [0, 1, 2].map((row) => at(m, row) * x + at(m, 4 + row) * y + at(m, 8 + row) * z + at(m, 12 + row));
    close(seen(0, 0, 0), [0, 0, -3]);
    close(seen(0, 1, 0), [0, 1, -3]);
    close(seen(0, 0, -1), [1, 0, -3]);
  });
});

describe('quat', () => {
  const quarterY = [0, half, 0, half];

  it('quat.multiply joins two rotations into their sequence', () =>
    close(run('quatMultiply', quarterY, quarterY), [0, 1, 0, 0]));
  it("quat.rotate rotates a vector as the quaternion's matrix does", () => {
    close(run('rotate', quarterY, [1, 0, 0]), [0, 0, -1]);
    close(run('pose', quarterY, [5, 6, 7]), [0, 0, -1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 5, 6, 7, 1]);
  });
  it('quat.slerp gives the middle of two rotations at 0.5', () => {
    const eighth = [0, Math.sin(Math.PI / 8), 0, Math.cos(Math.PI / 8)];
    close(run('slerp', [0, 0, 0, 1, 0.5], quarterY), eighth);
    close(
      run(
        'slerp',
        [0, 0, 0, 1, 0.5],
        quarterY.map((value) => -value),
      ),
      eighth,
    );
  });
});

it('vec3 crosses right-handed', () => close(run('cross', [1, 0, 0], [0, 1, 0]), [0, 0, 1]));

it('random numbers fill [0, 1) evenly', () => {
  const values = Array.from({ length: 4000 }, () => at(run('random', []), 0));
  expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...values)).toBeLessThan(1);
  expect(values.reduce((sum, value) => sum + value, 0) / values.length).toBeCloseTo(0.5, 1);
});

it('the id of a destroyed object is used again with the next generation', () => {
  const first = guest.makeBuffer(1);
  expect(first).toBe(ID_INDEX_MIN);
  const second = guest.makeBuffer(0);
  expect(second).toBe(ID_INDEX_MIN + (1 << ID_INDEX_BITS));
  expect(guest.makeBuffer(0)).toBe(ID_INDEX_MIN + 1);
});
