import { expect, test } from 'vitest';
import { checkInlined, INLINED_TOKENS_MAX } from '../../host/gpu/shader.ts';

/** A function of so many tokens: name, brackets and all. */
const sized = (tokens: number): string => `fn f() {${' 1'.repeat(tokens - 4)} }`;

test('both sides of the bound', () => {
  checkInlined(sized(INLINED_TOKENS_MAX));
  expect(() => checkInlined(sized(INLINED_TOKENS_MAX + 1))).toThrow(/^function f has more than 262144 tokens/);
});

test('each call counts what it calls, in whatever order they are written', () => {
  const quarter = `fn b() {${' 1'.repeat(INLINED_TOKENS_MAX / 4)} }`;
  const call = (times: number) => `fn a() { ${'b();'.repeat(times)} }`;
  for (const order of [0, 1]) {
    const text = (times: number) => [quarter, call(times)].sort(() => (order ? 1 : -1)).join('\n');
    checkInlined(text(3));
    expect(() => checkInlined(text(4))).toThrow('function a');
  }
});

test.each([
  [
    'comments do not count, nested ones neither',
    `fn f() { /* ${'x '.repeat(INLINED_TOKENS_MAX)} /* } */ fn g( */ // { fn h()\n }`,
  ],
  ['what looks like a call outside a function', `const a = f(${'1,'.repeat(INLINED_TOKENS_MAX)});`],
  ['a function that calls itself', 'fn f() { f(); f(); }'],
  ['two that call each other', 'fn f() { g(); g(); } fn g() { f(); f(); }'],
  ['a comment without an end', 'fn f() { /* '],
  ['a body without an end', 'fn f() { {'],
  ['more ends than beginnings', '} } fn f() { } }'],
  [
    'a variable by the name of a function',
    `fn b() {${' 1'.repeat(INLINED_TOKENS_MAX / 2)} } fn a() { let b = 1; b + b + b; }`,
  ],
  ['nothing', ''],
])('%s', (_, code) => {
  checkInlined(code);
});

test('names may have any letters', () => {
  const half = `fn été() {${' 1'.repeat(INLINED_TOKENS_MAX / 2)} }`;
  expect(() => checkInlined(`${half} fn a() { été(); été(); }`)).toThrow('function a');
});
