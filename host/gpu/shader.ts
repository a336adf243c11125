import { Fault } from './reader.ts';
import { Overrun } from './vetting.ts';
import { type Declaration, findLargerThan, scan } from './wgsl.ts';

/**
 * The most tokens of a WGSL function with all functions that it calls, because drivers copy a function into each place that
 * calls it. If every function calls the previous one twice, a text of a few hundred bytes compiles for hours. This many tokens
 * compile in some tenths of a second.
 */
export const INLINED_TOKENS_MAX = 262_144;
/**
 * The most members of a WGSL structure with those of all structures that it contains, because compilers handle each member
 * on its own when a shader copies the structure. If every structure contains the previous one twice, a text of a kilobyte takes
 * all memory. An array counts as one element: compilers handle arrays in loops.
 */
export const NESTED_MEMBERS_MAX = 4096;

const NAME_CHARS_MAX = 64;

/**
 * Checks that a WGSL text stays within INLINED_TOKENS_MAX and NESTED_MEMBERS_MAX. Text that does not parse is left to the
 * compiler. The check does not parse: constant expressions and arrays of arrays can still take long to compile.
 * @throws Fault that names a function that is too large, Overrun that names such a structure
 */
export function checkShader(code: string): void {
  const functions = new Functions();
  const structures = new Structures();
  scan(code, (token) => {
    functions.visit(token);
    structures.visit(token);
  });
  const deep = findLargerThan(INLINED_TOKENS_MAX, functions.found);
  if (deep !== undefined)
    throw new Fault(
      `function ${shorten(deep)} has more than ${INLINED_TOKENS_MAX} tokens, counting those of the functions that it calls; let it call fewer`,
    );
  const wide = findLargerThan(NESTED_MEMBERS_MAX, structures.found);
  if (wide !== undefined)
    throw new Overrun(
      `structure ${shorten(wide)} has more than ${NESTED_MEMBERS_MAX} members, counting those of the structures in it; use arrays, or nest fewer`,
    );
}

function shorten(name: string): string {
  return name.slice(0, NAME_CHARS_MAX);
}

/** Finds the functions in a WGSL text, with their numbers of tokens and their calls. */
class Functions {
  readonly found = new Map<string, Declaration>();
  #body: Declaration | undefined;
  #depth = 0;
  #before = '';

  visit(token: string): void {
    const body = this.#body;
    if (this.#before === 'fn' && this.#depth === 0) {
      this.#body = { size: 0, contains: [] };
      this.found.set(token, this.#body);
    } else if (body) {
      body.size++;
      if (token === '(' && this.#depth > 0) body.contains.push(this.#before);
      if (token === '{') this.#depth++;
      if (token === '}' && --this.#depth <= 0) {
        this.#body = undefined;
        this.#depth = 0;
      }
    }
    this.#before = token;
  }
}

/** Finds the structures in a WGSL text and the names that stand for types, with their members and the names in these. */
class Structures {
  readonly found = new Map<string, Declaration>();
  #declared: Declaration | undefined;
  #before = '';

  visit(token: string): void {
    const before = this.#before;
    this.#before = token;
    if (before === 'struct' || before === 'alias') {
      this.#declared = { size: 0, contains: [] };
      this.found.set(token, this.#declared);
      return;
    }
    const declared = this.#declared;
    if (!declared) return;
    if (token === ':') {
      declared.size++;
      // The name before the colon is the member's own.
      if (declared.contains.at(-1) === before) declared.contains.pop();
    } else if (token === '}' || token === ';') this.#declared = undefined;
    else if (/^[\p{ID_Start}_]/u.test(token)) declared.contains.push(token);
  }
}
