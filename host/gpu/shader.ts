import { Fault } from './reader.ts';

/**
 * The most tokens of a WGSL function with all functions that it calls, because drivers copy a function into each place that
 * calls it. If every function calls the previous one twice, a text of a few hundred bytes compiles for hours. This many tokens
 * compile in some tenths of a second.
 */
export const INLINED_TOKENS_MAX = 262_144;

const TOKEN = /\/\/.*|\/\*|[\p{ID_Start}_][\p{ID_Continue}]*|\d[\w.]*|\S/gu;
const COMMENT = /\/\*|\*\//g;
const NAME_CHARS_MAX = 64;

interface Body {
  tokens: number;
  /** Names of the functions that this function calls, one for each call. */
  calls: string[];
}

/**
 * Checks that every function of a WGSL text stays within INLINED_TOKENS_MAX. Text that does not parse is left to the compiler.
 * @throws Fault that names the first function with too many tokens
 */
export function checkInlined(code: string): void {
  const bodies = functions(code);
  const sizes = new Map<string, number>();
  for (const [name, body] of bodies) measure(name, body, { bodies, sizes });
}

interface Measured {
  bodies: ReadonlyMap<string, Body>;
  /** Number of tokens of each function measured so far, including all functions that it calls. */
  sizes: Map<string, number>;
}

function measure(name: string, { tokens, calls }: Body, measured: Measured): number {
  const { bodies, sizes } = measured;
  const known = sizes.get(name);
  if (known !== undefined) return known;
  // Ends the recursion for a function that calls itself. The compiler refuses such a function.
  sizes.set(name, 0);
  let sum = tokens;
  for (const called of calls) {
    const body = bodies.get(called);
    if (body) sum += measure(called, body, measured);
  }
  if (sum > INLINED_TOKENS_MAX)
    throw new Fault(
      `function ${name.slice(0, NAME_CHARS_MAX)} has more than ${INLINED_TOKENS_MAX} tokens, counting those of the functions that it calls; let it call fewer`,
    );
  sizes.set(name, sum);
  return sum;
}

/** Finds the functions in a WGSL text, and returns their sizes and calls by name. */
function functions(code: string): Map<string, Body> {
  const bodies = new Map<string, Body>();
  let body: Body | undefined;
  let depth = 0;
  let before = '';
  const token = new RegExp(TOKEN);
  for (let found = token.exec(code); found; found = token.exec(code)) {
    const [text] = found;
    if (text === '/*') {
      token.lastIndex = commentEnd(code, token.lastIndex);
      continue;
    }
    if (text.startsWith('//')) continue;
    if (before === 'fn' && depth === 0) {
      body = { tokens: 0, calls: [] };
      bodies.set(text, body);
    } else if (body) {
      body.tokens++;
      if (text === '(' && depth > 0) body.calls.push(before);
      if (text === '{') depth++;
      if (text === '}' && --depth <= 0) {
        body = undefined;
        depth = 0;
      }
    }
    before = text;
  }
  return bodies;
}

/** Finds the end of a WGSL block comment that begins before `from`. Block comments nest (WGSL, "Comments"). */
function commentEnd(code: string, from: number): number {
  const mark = new RegExp(COMMENT);
  mark.lastIndex = from;
  for (let depth = 1; ; ) {
    const found = mark.exec(code);
    if (!found) return code.length;
    depth += found[0] === '/*' ? 1 : -1;
    if (depth === 0) return mark.lastIndex;
  }
}
