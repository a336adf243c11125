import { Fault } from './reader.ts';

/**
 * Tokens of a function with all that it calls put in its place, as drivers do. Where each calls the one before twice, a
 * text of a few hundred bytes compiles for hours; this many take some tenths of a second.
 */
export const INLINED_TOKENS_MAX = 262_144;

const TOKEN = /\/\/.*|\/\*|[\p{ID_Start}_][\p{ID_Continue}]*|\d[\w.]*|\S/gu;
const COMMENT = /\/\*|\*\//g;

interface Body {
  tokens: number;
  /** What it calls, once for each call. */
  calls: string[];
}

/**
 * Whether the functions of a WGSL text stay within INLINED_TOKENS_MAX (WGSL, "Functions": none calls itself). What does not
 * parse is left to the compiler.
 * @throws Fault that names the first function that does not
 */
export function checkInlined(code: string): void {
  const bodies = functions(code);
  const sizes = new Map<string, number>();
  for (const name of bodies.keys()) size(name, bodies, sizes);
}

function size(name: string, bodies: Map<string, Body>, sizes: Map<string, number>): number {
  const known = sizes.get(name);
  if (known !== undefined) return known;
  // A function that calls itself is refused by the compiler.
  sizes.set(name, 0);
  const { tokens, calls } = bodies.get(name)!;
  let sum = tokens;
  for (const called of calls) if (bodies.has(called)) sum += size(called, bodies, sizes);
  if (sum > INLINED_TOKENS_MAX)
    throw new Fault(
      `function ${name.slice(0, 64)} has more than ${INLINED_TOKENS_MAX} tokens with those that it calls; let it call fewer`,
    );
  sizes.set(name, sum);
  return sum;
}

/** The functions of a text by name. */
function functions(code: string): Map<string, Body> {
  const bodies = new Map<string, Body>();
  let body: Body | undefined;
  let depth = 0;
  let before = '';
  const token = new RegExp(TOKEN);
  for (let found = token.exec(code); found; found = token.exec(code)) {
    const text = found[0];
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

/** Where a block comment ends: they nest (WGSL, "Comments"). */
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
