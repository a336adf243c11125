import type { LoopOutline, Tokens } from './outline.ts';

/** The meanings of names in a WGSL text, as far as the turns of loops depend on them. */
export interface Names {
  /** The constants at module scope that are whole numbers. */
  readonly constants: ReadonlyMap<string, number>;
  /** Whether the text declares something of the name i32 or u32. */
  readonly redefinesTypes: boolean;
}

const WHOLE = /^(0[xX][\da-fA-F]+|0|[1-9]\d*)([iu])?$/;
const TYPE = /^[iu]32$/;
const DECLARES: ReadonlySet<string | undefined> = new Set(['let', 'var', 'const', 'override', 'fn', 'struct', 'alias']);
const RANGES = { i32: [-(2 ** 31), 2 ** 31 - 1], u32: [0, 2 ** 32 - 1] } as const;
/** Characters that change the variable before them if an equals sign follows. */
const OPERATORS: ReadonlySet<string | undefined> = new Set(['+', '-', '*', '/', '%', '&', '|', '^']);

/** Finds the constants at module scope that are whole numbers, and whose names mean nothing else anywhere in the text. */
export function readNames({ texts, partners }: Tokens): Names {
  const constants = new Map<string, number>();
  for (let at = 0; at < texts.length; at++) {
    const text = texts[at];
    if (text === '{' || text === '(' || text === '[') at = partners[at] ?? at;
    if (text !== 'const') continue;
    const value = at + (texts[at + 2] === ':' && TYPE.test(texts[at + 3] ?? '') ? 5 : 3);
    const end = texts.slice(value, value + 3).indexOf(';');
    const number = wholeOf(texts.slice(value, value + Math.max(end, 0)));
    if (texts[value - 1] === '=' && number !== undefined) constants.set(texts[at + 1] ?? '', number);
  }
  const declared = new Set<string>();
  for (const [at, text] of texts.entries()) {
    if (!(constants.has(text) || TYPE.test(text)) || !isDeclaration(texts, at)) continue;
    if (declared.has(text)) constants.delete(text);
    declared.add(text);
  }
  return { constants, redefinesTypes: [...declared].some((name) => TYPE.test(name)) };
}

/** Whether a name is declared here. True also for some that are not. */
function isDeclaration(texts: readonly string[], at: number): boolean {
  const [before, after] = [texts[at - 1], texts[at + 1]];
  // The angle bracket ends an address space, as in var<private>. A colon follows the names of parameters and members.
  if (before === '>') return after === ':' || after === '=' || after === ';';
  return DECLARES.has(before) || (after === ':' && before !== 'case');
}

/**
 * Returns the most turns that a loop makes each time it begins; undefined if that does not follow from its head alone. It does
 * for a `for` loop that counts a variable of its own from a number to a number by a number, and does not change it otherwise.
 */
export function countTurns(tokens: Tokens, loop: LoopOutline, names: Names): number | undefined {
  const { texts, partners } = tokens;
  if (texts[loop.keyword] !== 'for') return undefined;
  const bracket = loop.keyword + 1;
  const head = texts.slice(bracket + 1, partners[bracket]);
  const first = head.indexOf(';');
  const second = head.indexOf(';', first + 1);
  if (first < 0 || second < 0) return undefined;
  const begin = readBegin(head.slice(0, first), names);
  if (!begin) return undefined;
  const { name, value, type } = begin;
  const limit = readLimit(head.slice(first + 1, second), name, names);
  const step = readStep(head.slice(second + 1), name, names);
  if (!limit || !step || step > 0 !== limit.rises || changes(tokens, loop, name)) return undefined;
  const steps = (limit.value - value) / step;
  const turns = Math.max(0, limit.includes ? Math.floor(steps) + 1 : Math.ceil(steps));
  // Whole numbers wrap around in WGSL, and such a loop would go on.
  const [min, max] = RANGES[type];
  return [value, value + turns * step].every((number) => number >= min && number <= max) ? turns : undefined;
}

interface Begin {
  name: string;
  value: number;
  type: keyof typeof RANGES;
}

/** Reads `var name = number`, with or without a type. */
function readBegin([keyword, name, ...rest]: readonly string[], { redefinesTypes }: Names): Begin | undefined {
  const isTyped = rest[0] === ':';
  const [equals, ...value] = isTyped ? rest.slice(2) : rest;
  const number = wholeOf(value);
  if (keyword !== 'var' || name === undefined || equals !== '=' || number === undefined) return undefined;
  if (!isTyped) return { name, value: number, type: value.at(-1)?.endsWith('u') ? 'u32' : 'i32' };
  // A type of that name may be one of fractions, which need not change when a small number is added.
  if (redefinesTypes || (rest[1] !== 'i32' && rest[1] !== 'u32')) return undefined;
  return { name, value: number, type: rest[1] };
}

/** Reads `name < number`, with one of the four signs that compare sizes. */
function readLimit(
  [left, sign, ...rest]: readonly string[],
  name: string,
  { constants }: Names,
): { rises: boolean; includes: boolean; value: number } | undefined {
  const includes = rest[0] === '=';
  const value = wholeOf(includes ? rest.slice(1) : rest, constants);
  if (left !== name || (sign !== '<' && sign !== '>') || value === undefined) return undefined;
  return { rises: sign === '<', includes, value };
}

/** Reads `name++`, `name--`, `name += number`, `name -= number`, or `name = name + number`. */
function readStep([left, ...rest]: readonly string[], name: string, { constants }: Names): number | undefined {
  if (left !== name) return undefined;
  const [first, second, third] = rest;
  if (first === '=' && second === name) return signed(third, wholeOf(rest.slice(3), constants));
  if (first === second && rest.length === 2) return signed(first, 1);
  return second === '=' ? signed(first, wholeOf(rest.slice(2), constants)) : undefined;
}

function signed(sign: string | undefined, value: number | undefined): number | undefined {
  if (value === undefined || (sign !== '+' && sign !== '-')) return undefined;
  return sign === '+' ? value : -value;
}

/** The value of a whole number or of a constant, with or without a minus sign; undefined for anything else. */
function wholeOf(texts: readonly string[], constants?: Names['constants']): number | undefined {
  const isNegative = texts[0] === '-';
  const [text = '', more] = isNegative ? texts.slice(1) : texts;
  if (more !== undefined) return undefined;
  const [, digits] = WHOLE.exec(text) ?? [];
  const value = digits === undefined ? constants?.get(text) : Number(digits);
  return value === undefined || !Number.isSafeInteger(value) ? undefined : isNegative ? -value : value;
}

/** Whether the body of a loop changes a variable. True also for some that do not. */
function changes({ texts, partners }: Tokens, { open, close }: LoopOutline, name: string): boolean {
  for (let at = open + 1; at < close; at++) {
    if (texts[at] !== name) continue;
    let [from, to] = [at - 1, at + 1];
    // `(name) = 1` is an assignment too, and `&(name)` a pointer.
    while (texts[from] === '(' && partners[from] === to) {
      from--;
      to++;
    }
    if (texts[from] === '&' || isAssignment(texts, to)) return true;
  }
  return false;
}

/** Whether the tokens from `at` on change the variable that comes before them. */
function isAssignment(texts: readonly string[], at: number): boolean {
  const [first, second, third] = texts.slice(at, at + 3);
  if (first === '=') return second !== '=';
  if (first === second && (first === '+' || first === '-')) return true;
  if (first === second && (first === '<' || first === '>')) return third === '=';
  return OPERATORS.has(first) && second === '=';
}
