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

/** A render pass with fewer draws gains nothing from being kept as a render bundle. */
const DRAWS_MIN = 32;
const RENDER_BUNDLES_MAX = 64;
/** Passes of more words are not kept as render bundles, because other rooms wait while a bundle is recorded. */
const PASS_WORDS_MAX = 2 ** 18;
/** When the kept passes have this many words in total, all are forgotten. */
const WORDS_MAX = 2 ** 21;
const SEEN_MAX = 256;
/** A pass that changed in more than this many calls in a row is not searched for in the next PAUSE_CALLS calls. */
const MISSES_MAX = 3;
const PAUSE_CALLS = 61;

const FNV_PRIME = 0x01000193;

const STATE = 1;
const DRAW = 2;
/** The commands that a render bundle can hold, by opcode: STATE or DRAW. Every other opcode has 0. */
const KINDS = new Uint8Array(128);
for (const opcode of [OP_SET_PIPELINE, OP_SET_BIND_GROUP, OP_SET_VERTEX_BUFFER, OP_SET_INDEX_BUFFER])
  KINDS[opcode] = STATE;
for (const opcode of [OP_DRAW, OP_DRAW_INDEXED, OP_DRAW_INDIRECT, OP_DRAW_INDEXED_INDIRECT]) KINDS[opcode] = DRAW;

/** A render pass that was submitted before, kept as a render bundle. Its first and last command are left out. */
export interface StaticPass {
  words: Uint32Array;
  commands: number;
  renderBundle: Handles['renderBundle'];
}

/** Records the words `from` up to `to` of the command stream as a render bundle; undefined if a command in them is bad. */
export interface PartRecorder {
  record(from: number, to: number): Handles['renderBundle'] | undefined;
}

/**
 * Finds render passes that a game submits again and again in the same words, and keeps them as render bundles. Executing a
 * render bundle costs about a third of executing its commands. The contents of buffers and textures may still change.
 */
export class StaticPasses {
  /** Passes that are kept as render bundles, by the hash of their words. */
  readonly #passes = new Map<number, StaticPass>();
  /** Hashes of passes that were submitted once. */
  readonly #seen = new Set<number>();
  /** For each pass of a call, by its number in the call: in how many calls in a row its commands have changed. */
  readonly #misses: number[] = [];
  /** Number of the next render pass in the call, counted from 0. */
  #pass = 0;
  /** Total words of all passes that are kept as render bundles. */
  #words = 0;
  /** Results of the last scan of a pass: the index of the word at which it ends, and its number of commands. */
  #end = 0;
  #commands = 0;
  readonly #dropped: (bytes: number) => void;

  /** @param dropped called with the bytes of each render bundle that is dropped; they stay in use until it is collected */
  constructor(dropped: (bytes: number) => void) {
    this.#dropped = dropped;
  }

  /** Starts to count passes from 0, because the next call of the module begins. */
  begin(): void {
    this.#pass = 0;
  }

  /** Forgets all passes. Needed whenever a GPU object is destroyed, because a later object may get its id. */
  clear(): void {
    this.#forget();
    this.#seen.clear();
  }

  /**
   * Looks up the kept render bundle of the pass that begins at the reader's current command. Lets `recorder` record one when
   * the same commands come for the second time.
   * @param target tells apart render targets with different formats or sample counts
   */
  find(reader: Reader, target: number, recorder: PartRecorder): StaticPass | undefined {
    const pass = this.#pass++;
    const misses = this.#misses[pass] ?? 0;
    this.#misses[pass] = misses > MISSES_MAX + PAUSE_CALLS ? 0 : misses + 1;
    if (misses > MISSES_MAX) return undefined;
    const from = reader.end;
    const hash = this.#scan(reader, target);
    if (hash === undefined) return undefined;
    const known = this.#passes.get(hash);
    if (known && same(known.words, reader.words, from, this.#end)) {
      this.#misses[pass] = 0;
      return known;
    }
    if (this.#seen.delete(hash)) return this.#record(hash, reader, recorder);
    if (this.#seen.size >= SEEN_MAX) this.#seen.clear();
    this.#seen.add(hash);
    return undefined;
  }

  #record(hash: number, reader: Reader, recorder: PartRecorder): StaticPass | undefined {
    const from = reader.end;
    const renderBundle = recorder.record(from, this.#end);
    if (renderBundle === undefined) return undefined;
    if (this.#passes.size >= RENDER_BUNDLES_MAX || this.#words >= WORDS_MAX) this.#forget();
    // Another pass with the same hash is replaced.
    const replaced = this.#passes.get(hash);
    if (replaced) this.#drop(replaced);
    this.#words += this.#end - from;
    const pass = { words: reader.words.slice(from, this.#end), commands: this.#commands, renderBundle };
    this.#passes.set(hash, pass);
    return pass;
  }

  #forget(): void {
    for (const pass of this.#passes.values()) this.#drop(pass);
    this.#passes.clear();
  }

  #drop({ words, renderBundle }: StaticPass): void {
    this.#words -= words.length;
    this.#dropped(renderBundle.bytes);
  }

  /** Hashes the commands up to the end of the pass; undefined if they are too few, too many or not allowed in a bundle. */
  #scan(reader: Reader, target: number): number | undefined {
    const { words } = reader;
    const end = Math.min(reader.length, reader.end + PASS_WORDS_MAX);
    let hash = target;
    let draws = 0;
    let commands = 0;
    let at = reader.end;
    for (; at < end; commands++) {
      // Within the stream no word is undefined. A function in place of `??` makes this loop 5 % slower.
      const head = words[at] ?? 0;
      const length = head >>> 16;
      if (length === 0 || length > end - at) return undefined;
      if ((head & 0xffff) === OP_END_RENDER_PASS) {
        this.#end = at;
        this.#commands = commands;
        return draws >= DRAWS_MIN ? hash : undefined;
      }
      const kind = KINDS[head & 0xffff];
      if (!kind) return undefined;
      if (kind === DRAW) draws++;
      for (const last = at + length; at < last; at++) hash = Math.imul(hash ^ (words[at] ?? 0), FNV_PRIME);
    }
    return undefined;
  }
}

function same(known: Uint32Array, words: Uint32Array, from: number, to: number): boolean {
  if (known.length !== to - from) return false;
  for (let n = 0; n < known.length; n++) if (known[n] !== words[from + n]) return false;
  return true;
}
