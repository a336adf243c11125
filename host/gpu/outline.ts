import { scan } from './wgsl.ts';

/** The tokens of a WGSL text. */
export interface Tokens {
  readonly texts: readonly string[];
  /** For each token: the index in the text at which it begins. */
  readonly starts: readonly number[];
  /** For each bracket: the index of the token that is its partner. */
  readonly partners: readonly number[];
}

/** A call in a WGSL text. */
export interface Call {
  readonly name: string;
  /** Index of the opening bracket's token. */
  readonly open: number;
}

/** A part of a WGSL text: a function without its loops, or a loop without those in it. */
export interface Region {
  /** Number of its tokens. */
  tokens: number;
  readonly calls: Call[];
}

export interface LoopOutline extends Region {
  /** The loop or function that contains this loop directly. */
  readonly parent: Region;
  /** Index of the token `loop`, `for` or `while`. */
  readonly keyword: number;
  /** Indices of the tokens that open and close its body. */
  readonly open: number;
  readonly close: number;
}

export interface FunctionOutline extends Region {
  readonly name: string;
  /** Whether it is an entry point of a shader. */
  readonly isEntry: boolean;
  /** Index of the token that opens its list of parameters. */
  readonly parameters: number;
  /** The type of its result, as WGSL; '' if it has none. */
  readonly result: string;
  /** Indices of the tokens that open and close its body. */
  readonly open: number;
  readonly close: number;
  /** Index of the token with which the last statement of its body begins; that of the end of the body if it is empty. */
  readonly last: number;
  /** Its loops. A loop comes before those in it. */
  readonly loops: readonly LoopOutline[];
}

/** Thrown for a text that every compiler of WGSL refuses. */
export class Unreadable extends Error {}

/** The most loops in each other that are read. Compilers refuse fewer. */
const LOOP_DEPTH_MAX = 256;
const LOOPS: ReadonlySet<string | undefined> = new Set(['loop', 'for', 'while']);
const STAGES: ReadonlySet<string | undefined> = new Set(['vertex', 'fragment', 'compute']);
const CLOSING: ReadonlyMap<string, string> = new Map([
  ['(', ')'],
  ['[', ']'],
  ['{', '}'],
]);
const CLOSES: ReadonlySet<string> = new Set(CLOSING.values());
/** A name, a number or a character of WGSL's syntax. */
const KNOWN = /^(?:[\p{XIDS}_]\p{XIDC}*|\d[\w.]*|[!%&()*+,\-./:;<=>@[\]^{|}~])$/u;
const NAME = /^[\p{XIDS}_]\p{XIDC}*$/u;

/** Splits a WGSL text into tokens. @throws Unreadable if a character has no meaning in WGSL, or brackets have no partners */
export function readTokens(code: string): Tokens {
  const texts: string[] = [];
  const starts: number[] = [];
  const partners: number[] = [];
  const open: number[] = [];
  scan(code, (text, at) => {
    const index = texts.length;
    if (!KNOWN.test(text)) throw new Unreadable(`character ${at}`);
    texts.push(text);
    starts.push(at);
    partners.push(index);
    if (CLOSING.has(text)) open.push(index);
    else if (CLOSES.has(text)) {
      const first = open.pop() ?? -1;
      if (CLOSING.get(texts[first] ?? '') !== text) throw new Unreadable(`bracket at ${at}`);
      partners[index] = first;
      partners[first] = index;
    }
  });
  if (open.length > 0) throw new Unreadable('a bracket is not closed');
  return { texts, starts, partners };
}

/** Finds the functions in a WGSL text. @throws Unreadable if there is a loop that is in none of them */
export function outlineFunctions(tokens: Tokens): FunctionOutline[] {
  const { texts, partners } = tokens;
  const functions: FunctionOutline[] = [];
  let isEntry = false;
  for (let at = 0; at < texts.length; at++) {
    const text = texts[at];
    if (text === 'fn') {
      const found = readFunction(tokens, at, isEntry);
      functions.push(found);
      at = found.close;
      isEntry = false;
    } else if (text === '@') isEntry ||= STAGES.has(texts[at + 1]);
    else if (text === ';' || text === '{') isEntry = false;
    if (text === '{' || text === '(' || text === '[') at = partners[at] ?? at;
  }
  const inFunctions = functions.reduce((sum, { loops }) => sum + loops.length, 0);
  if (inFunctions !== texts.filter((text) => LOOPS.has(text)).length)
    throw new Unreadable('a loop outside of functions');
  return functions;
}

/** Reads the function whose keyword `fn` is the token `at`. */
function readFunction(tokens: Tokens, at: number, isEntry: boolean): FunctionOutline {
  const { texts, partners } = tokens;
  const name = texts[at + 1] ?? '';
  const parameters = at + 2;
  if (!NAME.test(name) || texts[parameters] !== '(') throw new Unreadable(`function ${name}`);
  let next = (partners[parameters] ?? 0) + 1;
  let result = '';
  if (texts[next] === '-' && texts[next + 1] === '>') {
    const type = skipAttributes(tokens, next + 2);
    next = type;
    while (next < texts.length && texts[next] !== '{' && texts[next] !== '@') next++;
    // Joined by spaces, because a comment may separate them.
    result = texts.slice(type, next).join(' ');
  }
  const open = skipAttributes(tokens, next);
  if (texts[open] !== '{') throw new Unreadable(`function ${name}`);
  const close = partners[open] ?? open;
  const region: Region = { tokens: 0, calls: [] };
  const loops = readBody(tokens, { region, open, close });
  const last = lastStatement(tokens, open, close);
  // The same object as the loops' parent, which collects what they cost.
  return Object.assign(region, { name, isEntry, parameters, result, open, close, last, loops });
}

/** Returns the index of the first token at or after `at` that belongs to no attribute. */
function skipAttributes({ texts, partners }: Tokens, at: number): number {
  let next = at;
  while (texts[next] === '@') {
    next += 2;
    if (texts[next] === '(') next = (partners[next] ?? next) + 1;
  }
  return next;
}

/** Returns what FunctionOutline calls `last`. */
function lastStatement({ texts, partners }: Tokens, open: number, close: number): number {
  let last = close;
  let begins = true;
  for (let at = open + 1; at < close; at++) {
    const text = texts[at];
    if (begins && text !== 'else') last = at;
    begins = text === ';' || text === '{';
    if (text === '{' || text === '(' || text === '[') at = partners[at] ?? at;
  }
  return last;
}

interface Body {
  region: Region;
  open: number;
  close: number;
}

/** Counts the tokens of a function's body and finds its calls and loops. */
function readBody(tokens: Tokens, whole: Body): LoopOutline[] {
  const { texts } = tokens;
  const loops: LoopOutline[] = [];
  const outer: Body[] = [];
  let inner = whole;
  for (let at = whole.open; at <= whole.close; at++) {
    const text = texts[at] ?? '';
    if (LOOPS.has(text)) {
      if (at < inner.open) throw new Unreadable('a loop in the head of another');
      const open = findBody(tokens, at);
      const close = tokens.partners[open] ?? open;
      const loop: LoopOutline = { tokens: 0, calls: [], parent: inner.region, keyword: at, open, close };
      if (outer.length >= LOOP_DEPTH_MAX) throw new Unreadable('too many loops in each other');
      loops.push(loop);
      outer.push(inner);
      inner = { region: loop, open, close };
    }
    inner.region.tokens++;
    if (texts[at + 1] === '(' && NAME.test(text)) inner.region.calls.push({ name: text, open: at + 1 });
    if (at === inner.close) inner = outer.pop() ?? whole;
  }
  return loops;
}

/** Returns the index of the token that opens the body of the loop whose keyword is the token `at`. */
function findBody({ texts, partners }: Tokens, at: number): number {
  let next = at + 1;
  for (; texts[next] !== '{'; next++) {
    const text = texts[next];
    if (text === undefined || text === ';' || text === '}') throw new Unreadable('a loop without a body');
    if (text === '(' || text === '[') next = partners[next] ?? next;
  }
  return next;
}
