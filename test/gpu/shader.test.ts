import { expect, test } from 'vitest';
import { checkShader, INLINED_TOKENS_MAX, NESTED_MEMBERS_MAX } from '../../host/gpu/shader.ts';
import { Overrun } from '../../host/gpu/vetting.ts';

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

const members = (count: number): string => Array.from({ length: count }, (_, n) => `m${n}: u32,`).join(' ');

test('a WGSL structure may have as many members as the limit, and no more', () => {
  checkShader(`struct S { ${members(NESTED_MEMBERS_MAX)} }`);
  const larger = () => checkShader(`struct S { ${members(NESTED_MEMBERS_MAX + 1)} }`);
  expect(larger).toThrow(/^structure S has more than 4096 members/);
  expect(larger).toThrow(Overrun);
});

test.each([
  ['in any order', (inner: string, outer: string) => outer + inner],
  ['through another name', (inner: string, outer: string) => `${inner} alias C = B; ${outer.replaceAll('B', 'C')}`],
  ['as elements of arrays', (inner: string, outer: string) => inner + outer.replaceAll('B', 'array<array<B, 8>, 8>')],
  [
    'between attributes and comments',
    (inner: string, outer: string) => inner + outer.replaceAll('a:', '@align(16) a /* B: B */ :'),
  ],
])('a WGSL structure counts with the members of those in it, %s', (_, place) => {
  const inner = `struct B { ${members(NESTED_MEMBERS_MAX / 4 - 1)} }\n`;
  // A member counts in addition to those of the structure that it is.
  const outer = (count: number) =>
    `struct A { ${Array.from({ length: count }, (_, n) => `a${n === 0 ? '' : n}: B,`).join(' ')} }\n`;
  const text = (count: number) => place(inner, outer(count));
  checkShader(text(4));
  expect(() => checkShader(text(5))).toThrow('structure A');
});

test('structures that each contain the previous one twice are refused at once, however deep they are', () => {
  const nested = Array.from({ length: 5000 }, (_, n) => `struct S${n + 1} { a: S${n}, b: S${n} }`).join('\n');
  expect(() => checkShader(`struct S0 { a: u32 }\n${nested}`)).toThrow('structure S11 has more');
});

test.each([
  ['a structure that contains itself', 'struct S { a: S, b: S }'],
  ['two structures that contain each other', 'struct S { a: T, b: T } struct T { a: S, b: S }'],
  ['a structure without an end', 'struct S { a: u32, '],
  ['a member with the name of a structure', `struct B { ${members(3000)} } struct A { B: u32, C: u32 } `],
  ['an array with many elements', 'struct S { a: array<vec4f, 100000> }'],
])('%s is left to the compiler', (_, code) => {
  checkShader(code);
});

test('a chain of ten thousand calls, or of ten thousand structures, does not overflow the stack', () => {
  const chain = (item: (n: number) => string) => Array.from({ length: 10_000 }, (_, n) => item(n)).join('\n');
  expect(() => checkShader(chain((n) => `fn f${n}() { f${n + 1}(); }`))).not.toThrow(RangeError);
  expect(() => checkShader(chain((n) => `struct S${n} { a: S${n + 1} }`))).toThrow(Overrun);
});
