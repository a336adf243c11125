import { type FunctionOutline, type LoopOutline, type Region, type Tokens, Unreadable } from './outline.ts';
import { countTurns, readNames } from './turns.ts';

/** Tokens that one turn of a loop may execute. A turn of more counts as several. */
export const TURN_TOKENS = 64;
/** Counters of one shader module. If more loops than these are counted, some share a counter. */
export const COUNTERS_MAX = 16;
/** Tokens that a call of these functions of WGSL counts as, because many invocations at once have to wait for each other. */
const SLOW: readonly (readonly [RegExp, number])[] = [
  [/^atomic/, 256],
  [/^texture|^subgroup|^quad|Barrier$|^workgroupUniformLoad$/, 64],
];
/**
 * A loop is counted if its turns are unknown, or exceed this fraction of the turns of an invocation. The first fraction is used with
 * which the loops that are not counted have not too many turns together.
 */
const FRACTIONS = [1, 2 ** -4, 2 ** -8, 2 ** -12, 0] as const;
/** Fraction of an invocation's turns that one turn of a counted loop may count as, so that it can make several. */
const WEIGHT_FRACTION = 2 ** -8;
/** The largest number of WGSL's type u32. */
const WEIGHT_MAX = 2 ** 32 - 1;

/** The loops of a WGSL text whose turns are counted when they run. */
export interface Plan {
  /** For each counted loop: the number of turns that each of its turns counts as, and its counter. */
  readonly counted: ReadonlyMap<LoopOutline, { weight: number; counter: number }>;
  /** For each function that needs counters: their numbers, those of the functions that it calls among them. */
  readonly counters: ReadonlyMap<FunctionOutline, readonly number[]>;
}

/**
 * Decides which loops of a WGSL text are counted, so that no invocation makes many more than `turnsMax` turns.
 * @throws Unreadable if a function calls itself, or has the name of another
 */
export function planCounters(tokens: Tokens, functions: readonly FunctionOutline[], turnsMax: number): Plan {
  const names = readNames(tokens);
  const turns = new Map<LoopOutline, number | undefined>();
  for (const { loops } of functions) for (const loop of loops) turns.set(loop, countTurns(tokens, loop, names));
  const callers = sortByCalls(functions);
  let weights = new Map<LoopOutline, number>();
  for (const fraction of FRACTIONS) {
    const efforts = new Efforts(callers, turns, fraction * turnsMax * TURN_TOKENS);
    weights = efforts.weights;
    if (efforts.most <= turnsMax * TURN_TOKENS && Math.max(0, ...weights.values()) <= turnsMax * WEIGHT_FRACTION) break;
  }
  return numberCounters(callers, weights);
}

/** A function with the functions of the same text that each of its parts calls, one for each call. */
interface Caller {
  outline: FunctionOutline;
  callees: ReadonlyMap<Region, readonly FunctionOutline[]>;
  /** All functions that it calls. */
  all: ReadonlySet<FunctionOutline>;
}

/**
 * Sorts functions so that each comes after those that it calls.
 * @throws Unreadable if a function calls itself, or has the name of another
 */
function sortByCalls(functions: readonly FunctionOutline[]): Caller[] {
  const byName = new Map(functions.map((outline) => [outline.name, outline]));
  if (byName.size < functions.length) throw new Unreadable('two functions have the same name');
  const sorted: Caller[] = [];
  const begun = new Map<FunctionOutline, Caller>();
  const done = new Set<FunctionOutline>();
  for (const root of functions) {
    const path = [root];
    for (let outline = path.at(-1); outline; outline = path.at(-1)) {
      const caller = begun.get(outline);
      if (!caller) {
        const found = readCaller(outline, byName);
        begun.set(outline, found);
        for (const callee of found.all) {
          if (begun.has(callee) && !done.has(callee)) throw new Unreadable(`function ${callee.name} calls itself`);
          if (!done.has(callee)) path.push(callee);
        }
        continue;
      }
      path.pop();
      if (done.has(outline)) continue;
      done.add(outline);
      sorted.push(caller);
    }
  }
  return sorted;
}

function readCaller(outline: FunctionOutline, byName: ReadonlyMap<string, FunctionOutline>): Caller {
  const callees = new Map(
    [outline, ...outline.loops].map((region: Region) => [
      region,
      region.calls.flatMap(({ name }) => byName.get(name) ?? []),
    ]),
  );
  return { outline, callees, all: new Set([...callees.values()].flat()) };
}

/** Adds up the tokens that functions and loops execute at most. A counted loop adds what one turn executes. */
class Efforts {
  /** For each counted loop: the number of turns that one turn counts as. */
  readonly weights = new Map<LoopOutline, number>();
  /** The most tokens of an entry point. */
  most = 0;
  readonly #tokens = new Map<Region, number>();

  constructor(
    callers: readonly Caller[],
    turns: ReadonlyMap<LoopOutline, number | undefined>,
    uncountedTokensMax: number,
  ) {
    for (const { outline, callees } of callers) {
      for (const region of [outline, ...outline.loops])
        this.#tokens.set(region, this.#direct(region, callees.get(region) ?? []));
      // From the innermost to the outermost.
      for (const loop of outline.loops.toReversed()) {
        const once = this.#of(loop);
        const all = once * (turns.get(loop) ?? Number.POSITIVE_INFINITY);
        const isCounted = all > uncountedTokensMax;
        if (isCounted) this.weights.set(loop, Math.min(Math.ceil(once / TURN_TOKENS), WEIGHT_MAX));
        this.#tokens.set(loop.parent, this.#of(loop.parent) + (isCounted ? once : all));
      }
      if (outline.isEntry) this.most = Math.max(this.most, this.#of(outline));
    }
  }

  #of(region: Region): number {
    return this.#tokens.get(region) ?? 0;
  }

  /** The tokens of a region and of all that it calls, without the loops in it. */
  #direct({ tokens, calls }: Region, callees: readonly FunctionOutline[]): number {
    let sum = tokens;
    for (const { name } of calls) for (const [pattern, slow] of SLOW) if (pattern.test(name)) sum += slow;
    for (const callee of callees) sum += this.#of(callee);
    return sum;
  }
}

/** Gives each counted loop a counter, and each function the counters of its loops and of the functions that it calls. */
function numberCounters(callers: readonly Caller[], weights: ReadonlyMap<LoopOutline, number>): Plan {
  const counted = new Map<LoopOutline, { weight: number; counter: number }>();
  const counters = new Map<FunctionOutline, number[]>();
  for (const { outline, all } of callers) {
    const own = new Set<number>();
    for (const loop of outline.loops) {
      const weight = weights.get(loop);
      if (weight === undefined) continue;
      const counter = counted.size % COUNTERS_MAX;
      counted.set(loop, { weight, counter });
      own.add(counter);
    }
    for (const callee of all) for (const counter of counters.get(callee) ?? []) own.add(counter);
    if (own.size > 0)
      counters.set(
        outline,
        [...own].sort((a, b) => a - b),
      );
  }
  return { counted, counters };
}
