import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createJavaScriptEngine } from '../../host/engine/javascript.ts';
import { checkModule } from '../../host/engine/module.ts';
import { locator } from '../../host/engine/symbols.ts';
import { createWasmEdgeEngine } from '../../host/engine/wasmedge/engine.ts';
import { compileModule } from '../../host/play/modules.ts';
import { installSdk } from '../renderer/project.ts';
import { options } from './modules.ts';

const folder = mkdtempSync(join(tmpdir(), 'nearlight-test-'));
const path = join(folder, 'game.wasm');

/** A game that fails in another way in each tick(n). The tests know the source line of each fault. */
const SOURCE = `import { Game, play } from '@nearlight/sdk';
export { init, join, leave, render, tick, version } from '@nearlight/sdk/game';
class Thing { next: Thing | null = null; }
let zero: i32 = 0;
let low: i32 = i32.MIN_VALUE;
let big: f32 = 1e20;
let nothing: Thing | null = null;
const four = new StaticArray<i32>(4);
class Bad extends Game {
  tick(n: u32): void {
    if (n === 0) zero = load<i32>(0xfffffff0);
    if (n === 1) unreachable();
    if (n === 2) zero = 7 / zero;
    if (n === 3) zero = low / (zero - 1);
    if (n === 4) zero = 4;
    if (n === 5) zero = four[4 + zero];
    if (n === 6) this.deep(1);
    if (n === 7) throw new Error('on purpose');
    if (n === 8) zero = (nothing!.next === null) ? 1 : 2;
    if (n === 9) this.deeper(1);
    if (n === 10) nothing!.next = null;
    if (n === 11) holder.thing.next = null;
  }
  deep(n: i32): i32 {
    return n > 1 << 20 ? n : this.deep(n + 1) + this.deep(n + 2);
  }
  @inline private deeper(n: i32): void {
    store<u32>(0xfffffff0, n);
  }
  render(_seat: i32, _width: u32, _height: u32): void {}
}
class Holder { thing!: Thing; }
const holder = new Holder();
play(new Bad());
`;

beforeAll(async () => {
  installSdk(folder);
  mkdirSync(join(folder, 'src'));
  writeFileSync(join(folder, 'src/game.ts'), SOURCE);
  await compileModule('src/game.ts', path, folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const engines = [
  { engine: createJavaScriptEngine(), exact: true },
  { engine: createWasmEdgeEngine({ cacheDir: join(folder, 'cache'), interpreter: true }), exact: true },
  { engine: createWasmEdgeEngine({ cacheDir: join(folder, 'cache') }), exact: false },
];

describe.each(engines)('$engine.name', ({ engine, exact }) => {
  const fail = async (n: number, module = readFileSync(path)) => {
    const instance = await engine.load(module, { ...options(), locate: locator(path, module) });
    const error = await instance.tick(n).catch((thrown: Error) => thrown);
    await instance.close();
    return (error as Error).message;
  };

  test.each([
    ['out of bounds', 0, 11],
    ['unreachable', 1, 12],
    ['divi', 2, 13],
    ['', 3, 14],
    ['', 9, 28],
  ])('a trap (%s) is reported with its place in the sources', async (reason, n, line) => {
    const message = await fail(n);
    expect(message).toMatch(/^NL_GUEST_TRAP/);
    expect(message).toContain(reason);
    if (exact) expect(message).toMatch(new RegExp(` in tick, at .*game\\.ts:${line}:\\d+\\)`));
    else
      expect(message).toMatch(
        / in tick, at [\w#.~]+ \(src\/game\.ts:1\d-2\d\).* \(.*--engine javascript to see the line\)/,
      );
    expect(message.includes('--engine javascript')).toBe(!exact);
  });

  test.each([
    ['on purpose', 7, 18],
    ['Index out of range', 5, 16],
  ])('a thrown error (%s) is reported with its place in the sources', async (reason, n, line) => {
    const message = await fail(n);
    expect(message).toContain(reason);
    // If a check in the compiler's library fails, the error gives its place there, and the game's line that led to it.
    expect(message).toContain(n === 7 ? `game.ts:${line}:` : 'staticarray.ts');
    if (engine.name === 'javascript') expect(message).toMatch(new RegExp(`game\\.ts:${line}\\b`));
  });

  test.each([
    ['read of', 8, 19],
    ['write to', 10, 21],
    ['use of an unset', 11, 22],
  ])('a %s null reference traps in a release build, and the log gives its source line', async (_, n, line) => {
    const message = await fail(n);
    expect(message).toMatch(/^NL_GUEST_TRAP: .*it last logged: Unexpected 'null'.* at src\/game\.ts:\d+:\d+/);
    // For an unset field, the log gives the line that declares the field.
    if (n !== 11) expect(message).toContain(`at src/game.ts:${line}:`);
    else if (engine.name === 'javascript') expect(message).toMatch(new RegExp(`game\\.ts:${line}\\b`));
  });

  test('endless recursion is reported with its place in the sources', async () => {
    const message = await fail(6);
    expect(message).toMatch(/it last logged: the stack is full/);
    if (engine.name !== 'wasmedge-interpreter') expect(message).toMatch(/deep \(src\/game\.ts:2\d/);
  });

  test('a source map of another module is ignored', async () => {
    const other = Buffer.concat([readFileSync(path), Uint8Array.of(0, 2, 1, 0x78)]);
    expect(await fail(1, other)).not.toContain('game.ts');
  });
});

test('the shipped module has no custom sections, and its code lies where its source map says', () => {
  const module = readFileSync(path);
  const { bytes, codeShift } = checkModule(module, options().limits);
  expect(bytes.length).toBe(module.length + codeShift);
  expect(readFileSync(`${path}.map`, 'utf8')).toContain('class Bad extends Game');
});
