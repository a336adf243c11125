import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Gpu } from '../../host/gpu/dawn.ts';
import { checkShader, INLINED_TOKENS_MAX } from '../../host/gpu/shader.ts';
import { scan } from '../../host/gpu/wgsl.ts';
import { problemIn } from './compute.ts';
import { openTestGpu } from './fixture.ts';

let gpu: Gpu;
beforeAll(async () => {
  gpu = await openTestGpu('null');
});
afterAll(() => gpu.close());

function tokens(code: string): string[] {
  const found: string[] = [];
  scan(code, (token, at) => {
    expect(code.startsWith(token, at)).toBe(true);
    found.push(token);
  });
  return found;
}

/** WGSL, "Blankspace and Line Breaks". */
const BREAKS = ['\n', '\v', '\f', '\r', '\u0085', '\u2028', '\u2029'];
const BLANKS = [' ', '\t', '\u200e', '\u200f', ...BREAKS];

test('a line comment ends at each line break of WGSL, as it does for the compiler', async () => {
  for (const end of BREAKS) {
    const code = `// a comment${end}$`;
    expect(tokens(code), JSON.stringify(end)).toEqual(['$']);
    expect(await problemIn(gpu.device, code), JSON.stringify(end)).not.toBe('');
  }
  for (const other of ['\u00a0', '\ufeff', '\u2003', '\u3000', '\u200e']) {
    const code = `// a comment${other}$`;
    expect(tokens(code), JSON.stringify(other)).toEqual([]);
    expect(await problemIn(gpu.device, code), JSON.stringify(other)).toBe('');
  }
});

test('a function that a line break hides behind a comment counts', () => {
  const large = `fn f() {${' 1'.repeat(INLINED_TOKENS_MAX)} }`;
  for (const end of BREAKS) expect(() => checkShader(`// a comment${end}${large}`)).toThrow('function f');
});

test('blankspace of WGSL separates tokens and is none, and other space is an error', async () => {
  for (const blank of BLANKS) {
    const code = `const${blank}a${blank}=${blank}1${blank};`;
    expect(tokens(code), JSON.stringify(blank)).toEqual(['const', 'a', '=', '1', ';']);
    expect(await problemIn(gpu.device, code), JSON.stringify(blank)).toBe('');
  }
  for (const other of ['\u00a0', '\ufeff', '\u2003', '\u3000']) {
    const code = `const a ${other}= 1;`;
    expect(tokens(code)).toContain(other);
    expect(await problemIn(gpu.device, code), JSON.stringify(other)).not.toBe('');
  }
});

test('names, numbers and characters are tokens, and comments are not', () => {
  expect(tokens('été_1/*a/*b*/c*/+=0x1fu*1.5e3f//x\n_a1.b')).toEqual([
    'été_1',
    '+',
    '=',
    '0x1fu',
    '*',
    '1.5e3f',
    '_a1',
    '.',
    'b',
  ]);
  expect(tokens('a /*/ b */ c /**/ d /***/ e')).toEqual(['a', 'c', 'd', 'e']);
  expect(tokens('a /* b')).toEqual(['a']);
});
