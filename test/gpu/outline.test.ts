import { describe, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { outlineFunctions, readTokens, Unreadable } from '../../host/gpu/outline.ts';

const outline = (code: string) => outlineFunctions(readTokens(code));

test('functions are found with their attributes, results and last statements', () => {
  const code = `
    struct S { fn_: u32 } @group(0) @binding(0) var<storage> x: array<u32>;
    @compute @workgroup_size(8, f(1)) fn main() {}
    fn f(a: u32, @size(4) b: array<vec2<f32>, 3>) -> @location(0) array< vec2<f32>, N + 1 > { if a { return x; } return y; }
    fn g() -> u32 @diagnostic(off, a.b) { return (1); if a { b; } else { c; } }`;
  const { texts } = readTokens(code);
  const [first, second, third] = outline(code).map(({ last, ...found }) => ({ ...found, last: texts[last] }));
  expect(first).toMatchObject({ name: 'main', isEntry: true, result: '', last: '}' });
  expect(second).toMatchObject({ name: 'f', isEntry: false, last: 'return' });
  expect(second?.result).toBe('array < vec2 < f32 > , N + 1 >');
  expect(third).toMatchObject({ name: 'g', result: 'u32', last: 'if' });
});

test('loops are found with their parents, tokens and calls', () => {
  const code = 'fn f() { g(); loop { h(i()); for (k(); l(); m()) { n(); } while o() {} } p(); }';
  const [found] = outline(code);
  const { loops, calls, tokens } = must(found, 'function');
  const [outer, inner, last] = loops;
  expect(calls.map(({ name }) => name)).toEqual(['g', 'p']);
  expect(outer?.calls.map(({ name }) => name)).toEqual(['h', 'i']);
  // The head of a `for` loop looks like a call too. No function has that name.
  expect(inner?.calls.map(({ name }) => name)).toEqual(['for', 'k', 'l', 'm', 'n']);
  expect(last?.calls.map(({ name }) => name)).toEqual(['o']);
  expect([outer?.parent, inner?.parent, last?.parent]).toEqual([found, outer, outer]);
  const all = readTokens(code).texts.length - 4;
  expect(tokens + loops.reduce((sum, loop) => sum + loop.tokens, 0)).toBe(all);
});

describe('what no compiler accepts is unreadable:', () => {
  test.each([
    ['}'],
    ['('],
    ['(]'],
    ['fn f { }'],
    ['fn (x) { }'],
    ['fn f();'],
    ['fn f() -> u32;'],
    ['$'],
    ['"'],
    ['loop {}'],
    ['fn f() { while }'],
    ['fn f() { for ; {} }'],
    ['struct S { loop: u32 }'],
    ['fn f() { while while {} {} }'],
  ])('%s', (code) => {
    expect(() => outline(code)).toThrow(Unreadable);
  });
});
