import { planCounters } from './effort.ts';
import { type FunctionOutline, outlineFunctions, readTokens, type Tokens, Unreadable } from './outline.ts';

const LOOP = /\b(?:loop|for|while)\b/;
/** Rules of WGSL's diagnostics that a counter in a loop would break, although no invocation leaves the loop early because of it. */
const RULES: ReadonlySet<string | undefined> = new Set(['derivative_uniformity', 'subgroup_uniformity']);

/** A change of a text: what it inserts in place of `removed` characters at an index. */
interface Edit {
  at: number;
  removed?: number;
  text: string;
}

/**
 * Returns a WGSL text that computes the same, except that each invocation of a shader leaves its loops when it has made about
 * `turnsMax` turns. A turn of many tokens counts as several. Text stays on its line. A text whose loops always end in time is
 * returned unchanged. One that the grammar of WGSL does not allow is returned as one that every compiler refuses.
 *
 * A shader that never ends cannot be stopped on every GPU, not even by ending its process, and no other process can then use the
 * GPU. So the compiler must never get one. Each loop has a counter of its own in the entry point, because the compiler allows
 * barriers only where all invocations have the same control flow: the counter of a loop in which they differ must not decide on
 * a loop in which they do not.
 */
export function boundLoops(code: string, turnsMax: number): string {
  if (!LOOP.test(code)) return code;
  const prefix = unusedName(code, 'turns_left');
  try {
    const tokens = readTokens(code);
    const functions = outlineFunctions(tokens);
    const edits = new Rewriting(tokens, prefix).bound(functions, turnsMax);
    return edits.length > 0 ? apply(code, edits) : code;
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    // The name is unknown. It comes first, because a compiler may not read beyond a character that it does not know.
    return `const_assert ${unusedName(code, 'the_loops_of_this_shader_cannot_be_counted')}; ${code}`;
  }
}

/** Returns a name that the text does not contain, and that begins like this. */
function unusedName(code: string, name: string): string {
  const longest = (code.match(new RegExp(`${name}_*`, 'g')) ?? []).reduce(
    (max, { length }) => Math.max(max, length),
    0,
  );
  return name.padEnd(longest + 1, '_');
}

function apply(code: string, edits: readonly Edit[]): string {
  const parts: string[] = [];
  let end = 0;
  for (const { at, removed = 0, text } of [...edits].sort((a, b) => a.at - b.at)) {
    parts.push(code.slice(end, at), text);
    end = at + removed;
  }
  parts.push(code.slice(end));
  return parts.join('');
}

/** Inserts the counters of loops into a WGSL text. */
class Rewriting {
  readonly #tokens: Tokens;
  readonly #prefix: string;
  readonly #edits: Edit[] = [];

  /** @param prefix with a number behind it, it is the name of a counter. The text does not contain it */
  constructor(tokens: Tokens, prefix: string) {
    this.#tokens = tokens;
    this.#prefix = prefix;
  }

  /** Returns the changes of the text; none if no loop needs a counter. */
  bound(functions: readonly FunctionOutline[], turnsMax: number): readonly Edit[] {
    const { counted, counters } = planCounters(this.#tokens, functions, turnsMax);
    if (counted.size === 0) return [];
    const byName = new Map(functions.map((outline) => [outline.name, counters.get(outline)]));
    for (const outline of functions) {
      const own = counters.get(outline);
      if (!own) continue;
      if (outline.isEntry) this.#declare(outline, own, turnsMax);
      else this.#insert(outline.parameters, own.map((n) => `${this.#prefix}${n}: ptr<function, u32>, `).join(''));
      for (const loop of outline.loops) {
        const found = counted.get(loop);
        if (found) this.#guard(loop.open, this.#counter(outline, found.counter), found.weight);
      }
      for (const { name, open } of [outline, ...outline.loops].flatMap(({ calls }) => calls))
        this.#insert(open, (byName.get(name) ?? []).map((n) => `${this.#pointer(outline, n)}, `).join(''));
      // A last loop that only `return` leaves can now end otherwise.
      if (outline.result !== '' && outline.loops.some((loop) => counted.has(loop) && loop.keyword >= outline.last))
        this.#edits.push({ at: this.#tokens.starts[outline.close] ?? 0, text: ` return ${outline.result}(); ` });
    }
    this.#silence();
    return this.#edits;
  }

  /** Declares the counters in an entry point. Together they allow `turnsMax` turns. */
  #declare({ open }: FunctionOutline, counters: readonly number[], turnsMax: number): void {
    const each = Math.floor(turnsMax / counters.length);
    this.#insert(open, counters.map((n) => ` var ${this.#prefix}${n} = ${each}u;`).join(''));
  }

  #guard(open: number, counter: string, weight: number): void {
    this.#insert(open, ` if ${weight}u > ${counter} { break; } ${counter} -= ${weight}u;`);
  }

  /** A function has pointers to counters, and an entry point the counters themselves. */
  #counter({ isEntry }: FunctionOutline, n: number): string {
    return isEntry ? `${this.#prefix}${n}` : `*${this.#prefix}${n}`;
  }

  #pointer({ isEntry }: FunctionOutline, n: number): string {
    return isEntry ? `&${this.#prefix}${n}` : `${this.#prefix}${n}`;
  }

  /** Inserts text behind a token. */
  #insert(token: number, text: string): void {
    const { starts, texts } = this.#tokens;
    this.#edits.push({ at: (starts[token] ?? 0) + (texts[token]?.length ?? 0), text });
  }

  /** Turns off diagnostics that do not follow what counters do. They judge the author's text. */
  #silence(): void {
    const { starts, texts } = this.#tokens;
    this.#edits.push({ at: 0, text: [...RULES].map((rule) => `diagnostic(off, ${rule}); `).join('') });
    for (const [at, text] of texts.entries())
      if (text === 'diagnostic' && texts[at + 1] === '(' && RULES.has(texts[at + 4]))
        this.#edits.push({ at: starts[at + 2] ?? 0, removed: texts[at + 2]?.length ?? 0, text: 'off' });
  }
}
