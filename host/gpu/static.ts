import {
  OP_DRAW,
  OP_DRAW_INDEXED,
  OP_DRAW_INDEXED_INDIRECT,
  OP_DRAW_INDIRECT,
  OP_END_RENDER_PASS,
  OP_SET_BIND_GROUP,
  OP_SET_INDEX_BUFFER,
  OP_SET_PIPELINE,
  OP_SET_VERTEX_BUFFER,
} from '../../renderer/contract/abi.ts';
import type { Reader } from './reader.ts';
import type { Handles } from './table.ts';

/** Passes with fewer draws gain nothing. */
const DRAWS_MIN = 32;
const BUNDLES_MAX = 64;
/** Of one pass: a bundle is recorded in one go, while others wait. And of all that are kept. */
const PASS_WORDS_MAX = 2 ** 18;
const WORDS_MAX = 2 ** 21;
const SEEN_MAX = 256;
/** A pass that differed so many times in a row is left alone for so many calls. */
const MISSES_MAX = 3;
const PAUSE = 61;

const FNV_PRIME = 0x01000193;

const STATE = 1;
const DRAW = 2;
/** What a render bundle can hold, by opcode. */
const kinds = new Uint8Array(128);
for (const opcode of [OP_SET_PIPELINE, OP_SET_BIND_GROUP, OP_SET_VERTEX_BUFFER, OP_SET_INDEX_BUFFER])
  kinds[opcode] = STATE;
for (const opcode of [OP_DRAW, OP_DRAW_INDEXED, OP_DRAW_INDIRECT, OP_DRAW_INDEXED_INDIRECT]) kinds[opcode] = DRAW;

/** The commands of a pass that came in the same words before. */
export interface StaticPass {
  words: Uint32Array;
  commands: number;
  bundle: Handles['renderBundle'];
}

/** What records commands `from` to `to` of the stream as a bundle; undefined where one of them is bad. */
export type RecordBundle = (from: number, to: number) => Handles['renderBundle'] | undefined;

/**
 * Finds render passes that a game submits again and again in the same words: those become render bundles, which cost a
 * third of their commands. What buffers hold may change all the same.
 */
export class StaticPasses {
  readonly #passes = new Map<number, StaticPass>();
  readonly #seen = new Set<number>();
  /** By the place of a pass in its call. */
  readonly #misses: number[] = [];
  #place = 0;
  /** Of the last scan. */
  #end = 0;
  #commands = 0;
  #words = 0;

  /** A call begins. */
  begin(): void {
    this.#place = 0;
  }

  /** Forgets all: an object has ended, and its id may come to name another. */
  clear(): void {
    this.#forget();
    this.#seen.clear();
  }

  /**
   * The commands of the pass that begins at the reader's command, from the second time on that they come.
   * @param target tells apart what passes draw into: formats and sample count
   */
  find(reader: Reader, target: number, record: RecordBundle): StaticPass | undefined {
    const place = this.#place++;
    const misses = this.#misses[place] ?? 0;
    this.#misses[place] = misses > MISSES_MAX + PAUSE ? 0 : misses + 1;
    if (misses > MISSES_MAX) return undefined;
    const from = reader.end;
    const hash = this.#scan(reader, target);
    if (hash === undefined) return undefined;
    const known = this.#passes.get(hash);
    if (known && same(known.words, reader.words, from, this.#end)) {
      this.#misses[place] = 0;
      return known;
    }
    if (this.#seen.delete(hash)) return this.#record(hash, reader, from, record);
    if (this.#seen.size >= SEEN_MAX) this.#seen.clear();
    this.#seen.add(hash);
    return undefined;
  }

  #record(hash: number, reader: Reader, from: number, record: RecordBundle): StaticPass | undefined {
    const bundle = record(from, this.#end);
    if (bundle === undefined) return undefined;
    if (this.#passes.size >= BUNDLES_MAX || this.#words >= WORDS_MAX) this.#forget();
    this.#words += this.#end - from;
    const pass = { words: reader.words.slice(from, this.#end), commands: this.#commands, bundle };
    this.#passes.set(hash, pass);
    return pass;
  }

  #forget(): void {
    this.#passes.clear();
    this.#words = 0;
  }

  /** The hash of the commands up to the pass's end; undefined where no bundle is to be made of them. */
  #scan(reader: Reader, target: number): number | undefined {
    const { words } = reader;
    const end = Math.min(reader.length, reader.end + PASS_WORDS_MAX);
    let hash = target;
    let draws = 0;
    let commands = 0;
    let at = reader.end;
    for (; at < end; commands++) {
      const head = words[at]!;
      const length = head >>> 16;
      if (length === 0 || length > end - at) return undefined;
      if ((head & 0xffff) === OP_END_RENDER_PASS) {
        this.#end = at;
        this.#commands = commands;
        return draws >= DRAWS_MIN ? hash : undefined;
      }
      const kind = kinds[head & 0xffff];
      if (!kind) return undefined;
      if (kind === DRAW) draws++;
      for (const last = at + length; at < last; at++) hash = Math.imul(hash ^ words[at]!, FNV_PRIME);
    }
    return undefined;
  }
}

function same(known: Uint32Array, words: Uint32Array, from: number, to: number): boolean {
  if (known.length !== to - from) return false;
  for (let n = 0; n < known.length; n++) if (known[n] !== words[from + n]) return false;
  return true;
}
