import { expect, test } from 'vitest';
import { checkShader, INLINED_TOKENS_MAX } from '../../host/gpu/shader.ts';

/** Makes a WGSL function with this many tokens, counting its name and brackets. */
const sized = (tokens: number): string => `fn f() {${' 1'.repeat(tokens - 4)} }`;

test('a WGSL function may have as many tokens as the limit, and no more', () => {
  checkShader(sized(INLINED_TOKENS_MAX));
  expect(() => checkShader(sized(INLINED_TOKENS_MAX + 1))).toThrow(/^function f has more than 262144 tokens/);
});

test('each call in a WGSL function adds the tokens of the called one, in any order of the functions', () => {
  const quarter = `fn b() {${' 1'.repeat(INLINED_TOKENS_MAX / 4)} }`;
  const call = (times: number) => `fn a() { ${'b();'.repeat(times)} }`;
  for (const order of [0, 1]) {
    const text = (times: number) => [quarter, call(times)].sort(() => (order ? 1 : -1)).join('\n');
    checkShader(text(3));
    expect(() => checkShader(text(4))).toThrow('function a');
  }
});

test.each([
  [
    'comments, also nested ones, do not count',
    `fn f() { /* ${'x '.repeat(INLINED_TOKENS_MAX)} /* } */ fn g( */ // { fn h()\n }`,
  ],
  [
    'text that looks like a call outside of a function does not count',
    `const a = f(${'1,'.repeat(INLINED_TOKENS_MAX)});`,
  ],
  ['a function that calls itself is left to the compiler', 'fn f() { f(); f(); }'],
  ['two functions that call each other are left to the compiler', 'fn f() { g(); g(); } fn g() { f(); f(); }'],
  ['a comment without an end is left to the compiler', 'fn f() { /* '],
  ['a function body without an end is left to the compiler', 'fn f() { {'],
  ['too many closing brackets are left to the compiler', '} } fn f() { } }'],
  [
    'a variable with the name of a function is not a call',
    `fn b() {${' 1'.repeat(INLINED_TOKENS_MAX / 2)} } fn a() { let b = 1; b + b + b; }`,
  ],
  ['an empty text passes', ''],
])('%s', (_, code) => {
  checkShader(code);
});

test('names may have letters beyond ASCII', () => {
  const half = `fn été() {${' 1'.repeat(INLINED_TOKENS_MAX / 2)} }`;
  expect(() => checkShader(`${half} fn a() { été(); été(); }`)).toThrow('function a');
});
