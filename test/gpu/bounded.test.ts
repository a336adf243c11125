import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConfig } from '../../host/base/config.ts';
import { boundLoops } from '../../host/gpu/bounded.ts';
import type { Gpu } from '../../host/gpu/dawn.ts';
import { TURN_TOKENS } from '../../host/gpu/effort.ts';
import { Random } from '../random.ts';
import { compute, draw, problemIn } from './compute.ts';
import { openTestGpu } from './fixture.ts';
import { ACCEPTED, DATA, main } from './loops.ts';
import { program } from './programs.ts';

const { shaderTurnsMax } = readConfig({});
const PROGRAMS = 60;

let gpu: Gpu;
let idle: Gpu;
beforeAll(async () => {
  [gpu, idle] = await Promise.all([openTestGpu('vulkan'), openTestGpu('null')]);
});
afterAll(() => {
  gpu.close();
  idle.close();
});

const bounded = (code: string, turns = shaderTurnsMax): string => boundLoops(code, turns);
/** The number of loops that get a counter. */
const guards = (code: string): number => [...bounded(code).matchAll(/ > \*?turns_left\S* \{ break; \}/g)].length;

describe('a loop is left as it is if its turns follow from its head:', () => {
  test.each([
    ['for (var i = 0; i < 10; i++) {}'],
    ['for (var i = 0u; i < 4096u; i += 16u) {}'],
    ['for (var i: u32 = 0; i <= 9; i = i + 1) {}'],
    ['for (var i = 9; i >= 0; i--) {}'],
    ['for (var i = 10; i > -5; i -= 2) {}'],
    ['for (var i = 0u; i < N; i++) { data[i] = i; }'],
    ['for (var i = 0u; i < 0x10u; i++) { if i == 3u { continue; } data[(i)] += i; }'],
    ['for (var i = 0; i < 0; i++) {}'],
    ['for (var i = 0u; i < 4294967294u; i += 4294967294u) {}'],
  ])('%s', (loop) => {
    const code = main(loop, 'const N = 16u;');
    expect(bounded(code)).toBe(code);
  });
});

describe('a loop is counted if it may make any number of turns:', () => {
  test.each([
    ['while (data[0] == 0u) {}'],
    ['loop { if data[0] == 0u { break; } }'],
    ['for (; data[0] > 3u; ) {}'],
    ['for (var i = 0u; i < data[0]; i++) {}'],
    ['for (var i = data[0]; i < 10u; i++) {}'],
    ['for (var i = 0u; i < 10u; i += data[0]) {}'],
    ['for (var i = 0u; i < 10u; i += 0u) {}'],
    ['for (var i = 0; i < 10; i--) {}'],
    ['for (var i = 10u; i >= 0u; i--) {}'],
    ['for (var i = 0u; i <= 4294967295u; i++) {}'],
    ['for (var i = 0; i < 2147483647; i += 2) {}'],
    ['for (var i = 0u; i != 10u; i += 3u) {}'],
    ['for (var i = 0u; i < 10u; i++) { i = 0u; }'],
    ['for (var i = 0u; i < 10u; i++) { (i) = 0u; }'],
    ['for (var i = 0u; i < 10u; i++) { i -= 1u; }'],
    ['for (var i = 0u; i < 10u; i++) { i >>= 1u; }'],
    ['for (var i = 0u; i < 10u; i++) { ((i))--; }'],
    ['for (var i = 0u; i < 10u; i++) { let p = &(i); *p = 0u; }'],
    ['for (var i = 0u; i < 10u; i++) { for (i = 0u; i < 9u; i++) {} }'],
    ['for (var i = 0.0; i < 10.0; i += 0.001) {}'],
    ['for (var i = 0u; i < M; i++) {}'],
    ['for (var i = 0u; i < 100000000u; i++) {}'],
  ])('%s', (loop) => {
    expect(guards(main(loop, 'override M: u32 = 3;'))).toBeGreaterThan(0);
  });

  test('because a name means something else there, or a type is one of fractions', () => {
    const loop = 'for (var i = 0u; i < N; i++) {}';
    expect(guards(main(`let N = data[0]; ${loop}`, 'const N = 16u;'))).toBe(1);
    expect(guards(main(`var<function> N = data[0]; ${loop}`, 'const N = 16u;'))).toBe(1);
    expect(guards(main('', `const N = 16u; fn f(N: u32) { ${loop} }`))).toBe(1);
    expect(guards(main('for (var i: i32 = 0; i < 9; i++) {}', 'alias i32 = f32;'))).toBe(1);
    expect(guards(main('for (var i: i32 = 0; i < 9; i++) {}'))).toBe(0);
  });

  test('because loops in each other or calls multiply their turns', () => {
    const nest = (depth: number, body: string, n = 0): string =>
      n === depth ? body : `for (var i${n} = 0u; i${n} < 256u; i${n}++) { ${nest(depth, body, n + 1)} }`;
    const body = 'data[0] += 1u;';
    expect(guards(main(nest(2, body)))).toBe(0);
    expect(guards(main(nest(3, body)))).toBeGreaterThan(0);
    const f = `fn f() { ${nest(2, body)} }`;
    expect(guards(main('f();', f))).toBe(0);
    expect(guards(main(nest(1, 'f();'), f))).toBeGreaterThan(0);
    const twice = Array.from(
      { length: 20 },
      (_, n) => `fn g${n}() { ${n === 0 ? 'f();' : `g${n - 1}(); g${n - 1}();`} }`,
    );
    expect(guards(main('g19();', [f, ...twice].join('\n')))).toBeGreaterThan(0);
  });
});

test.each(ACCEPTED)('a text whose loops are counted is still accepted: %s', async (_, code) => {
  expect(await problemIn(idle.device, code)).toBe('');
  expect(bounded(code)).not.toBe(code);
  expect(await problemIn(idle.device, bounded(code)), bounded(code)).toBe('');
});

test('text stays on its line', () => {
  for (const [, code] of ACCEPTED) {
    const lines = code.split('\n');
    for (const [n, line] of bounded(code).split('\n').entries())
      expect([...line].length).toBeGreaterThanOrEqual([...(lines[n] ?? '')].length);
    expect(bounded(code).split('\n')).toHaveLength(lines.length);
  }
});

test('generated programs compute the same when their loops are counted', async () => {
  let counted = 0;
  for (let seed = 0; seed < PROGRAMS; seed++) {
    const code = program(seed);
    const wanted = await compute(gpu.device, code);
    if (guards(code) > 0) counted++;
    // Calls in loops multiply, and each program still has to end by itself.
    expect(await compute(gpu.device, bounded(code, 2 ** 28)), code).toEqual(wanted);
  }
  expect(counted).toBeGreaterThan(PROGRAMS / 2);
}, 300_000);

describe('a shader that never ends is left soon', () => {
  const ENDLESS = `${DATA.replace('u32', 'atomic<u32>')}
    @compute @workgroup_size(64) fn main() { while (atomicLoad(&data[0]) < 9u) { atomicAdd(&data[1], 1u); } atomicAdd(&data[2], 1u); }`;

  test('in a compute stage, and goes on behind its loop', async () => {
    const words = await compute(gpu.device, bounded(ENDLESS));
    expect(words[2]).toBe(2 + 4 * 64);
    expect(words[1]).toBeGreaterThan(1000);
  });

  test('in loops in each other, and in functions', async () => {
    const code = main(
      'while data[0] < 9u { loop { if data[0] > 9u { break; } f(local); f(local); } } data[id.x] = 77u;',
      'fn f(x: u32) { while data[x] < 10000u { for (var i = 0u; i < 10u; i++) { if i > 5u { i = 0u; } } } }',
    );
    expect((await compute(gpu.device, bounded(code)))[100]).toBe(77);
  });

  const stages = (vertex: string, fragment: string) => `
    @vertex fn v(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f { var n = i; ${vertex}
      return vec4f(f32(i & 1) * 4 - 1, f32(i >> 1) * 4 - 1, 0, 1); }
    @fragment fn f(@builtin(position) p: vec4f) -> @location(0) vec4f { var n = u32(p.x); ${fragment} return vec4f(1); }`;
  const loop = 'while n < 100u { if n > 50u { n = 0u; } n += 1u; }';

  test.each([
    ['vertex', stages(loop, '')],
    ['fragment', stages('', loop)],
  ])('in a %s stage, whose picture is drawn', async (_, code) => {
    expect(new Set(await draw(gpu.device, bounded(code)))).toEqual(new Set(['255 255 255 255']));
  });

  test('after about as many turns as are allowed', async () => {
    const code = main('var n = 0u; while data[200] < 999u { n++; } data[id.x] = n;');
    for (const turns of [1024, 4096]) {
      const [count = 0] = await compute(gpu.device, bounded(code, turns));
      expect(count).toBe(turns);
    }
    // A turn of more than TURN_TOKENS tokens counts as several.
    const long = code.replace('n++;', `n++;${'n += data[201] - 201u;'.repeat(TURN_TOKENS)}`);
    const [count = 0] = await compute(gpu.device, bounded(long, 4096));
    expect(count).toBeLessThan(4096 / 8);
    expect(count).toBeGreaterThan(4096 / 32);
  });
});

describe('a text that the compiler refuses is refused:', () => {
  test.each([
    ['a bracket without a partner', `${main('while true {}')} }`],
    ['brackets that cross', main('while (true { ) }')],
    ['a character that WGSL lacks', main('while data[0] > 1u {} $')],
    ['a loop outside of functions', 'while true {}'],
    ['a loop in the head of another', main('while loop {} {}')],
    ['a loop without a body', main('while true;')],
    ['a comment without an end', `${main('while data[0] > 1u {}')} /* `],
    ['a function that calls itself', main('f();', 'fn f() { while data[0] > 1u { f(); } }')],
    ['two functions of one name', main('f();', 'fn f() { while data[0] > 1u {} } fn f() {}')],
    [
      'names that would be known',
      `const the_loops_of_this_shader_cannot_be_counted = true; ${main('while true {} $')}`,
    ],
    ['three hundred loops in each other', main(`${'while data[0] > 1u {'.repeat(300)}${'}'.repeat(300)}`)],
  ])('%s', async (_, code) => {
    expect(await problemIn(idle.device, bounded(code))).not.toBe('');
  });

  test('also one that is damaged at random, and no damage does harm', async () => {
    const random = new Random(11);
    const parts = [
      '{',
      '}',
      '(',
      ')',
      'loop',
      'for',
      'while',
      'fn',
      '/*',
      '*/',
      '//',
      ';',
      '<',
      '@',
      '\u000b',
      '\ud83d',
      '"',
      'return',
      '&',
      '\0',
    ];
    for (let n = 0; n < 3000; n++) {
      let code = n % 2 === 0 ? program(n % 64) : (ACCEPTED[n % ACCEPTED.length]?.[1] ?? '');
      for (let damage = random.below(4); damage >= 0; damage--) {
        const at = random.below(code.length);
        code = code.slice(0, at) + random.pick(parts) + code.slice(at + random.below(3));
      }
      const result = bounded(code);
      if (n % 10 === 0 && (await problemIn(idle.device, code)) !== '') continue;
      if (n % 10 === 0) expect(await problemIn(idle.device, result), code).toBe('');
    }
  }, 120_000);
});

test('time grows in proportion to the text, whatever it says', () => {
  const texts = [
    'while '.repeat(40_000),
    '{'.repeat(200_000),
    `fn f() {${'for (var i: i32 = 0; i < 9; i++) {'.repeat(250)}${'}'.repeat(250)}}`.repeat(15),
    main('for (var i: u32 = 0; i < 9; i++) {}'.repeat(6000)),
    'const a = 1'.repeat(20_000) + main('while true {}'),
    Array.from({ length: 6000 }, (_, n) => `fn f${n}() { while (data[0] > 1u) { f${n + 1}(); } }`).join('\n'),
    `while ${Array.from({ length: 600 }, (_, n) => 'turns_left'.padEnd(n + 10, '_')).join(' ')}`,
    `while${'/*'.repeat(100_000)}`,
  ];
  for (const text of texts) {
    const begun = process.threadCpuUsage();
    bounded(text);
    const { user, system } = process.threadCpuUsage(begun);
    // It takes about a tenth of this.
    expect((user + system) / 1000).toBeLessThan(10_000);
  }
});
