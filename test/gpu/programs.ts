import { Random } from '../random.ts';

/** Statements that a function of a generated program may have, with all in them. */
const STATEMENTS_MAX = 24;
const DEPTH_MAX = 3;

/**
 * Makes a WGSL program with loops, branches and calls in many forms, from a seed. It ends soon, and computes one word of the
 * storage buffer `data` in each invocation.
 */
export function program(seed: number): string {
  return new Program(new Random(seed)).text;
}

class Program {
  readonly text: string;
  readonly #random: Random;
  /** Number of functions so far. A function calls only those before it. */
  #functions = 0;
  #names = 0;
  #isMain = false;
  #left = 0;
  /** Whether the next statement may call a function. Calls in loops of functions would multiply. */
  #calls = true;

  constructor(random: Random) {
    this.#random = random;
    const functions = Array.from({ length: 1 + random.below(3) }, () => this.#function());
    this.#left = STATEMENTS_MAX;
    this.#isMain = true;
    this.text = `const limit = 5u;
@group(0) @binding(0) var<storage, read_write> data: array<u32>;
${functions.join('\n')}
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  var s = data[id.x] + ${random.below(100)}u;
${this.#block(1, { breaks: false, returns: 'return;' })}
  data[id.x] = s;
}
`;
  }

  #function(): string {
    this.#left = STATEMENTS_MAX;
    const body = this.#block(1, { breaks: false, returns: 'return s;' });
    const name = this.#functions++;
    const end = this.#random.percent(70) ? 'return s;' : 'loop { s += 3u; if s > 9u { return s; } s = s * 2u + 1u; }';
    return `fn f${name}(x: u32, p: ptr<function, u32>) -> u32 {\n  var s = x;\n${body}\n  *p += s;\n  ${end}\n}`;
  }

  #block(depth: number, place: { breaks: boolean; returns: string }): string {
    const count = 1 + this.#random.below(4);
    return Array.from({ length: count }, () => this.#statement(depth, place)).join('\n');
  }

  #statement(depth: number, place: { breaks: boolean; returns: string }): string {
    const random = this.#random;
    const { breaks, returns } = place;
    this.#calls = this.#isMain || depth === 1;
    const simple = depth >= DEPTH_MAX || --this.#left < 0;
    const kind = simple ? random.below(4) : random.below(12);
    const pad = '  '.repeat(depth);
    const inner = (more = {}) => this.#block(depth + 1, { ...place, ...more });
    switch (kind) {
      case 0:
        return `${pad}s = ${this.#value()};`;
      case 1:
        return `${pad}s ${random.pick(['+=', '^=', '-=', '|='])} ${this.#value()};`;
      case 2:
        return breaks ? `${pad}if ${this.#test()} { ${random.pick(['break', 'continue'])}; }` : `${pad}s++;`;
      case 3:
        return random.percent(15) ? `${pad}if ${this.#test()} { ${returns} }` : `${pad}s = ${this.#call()};`;
      case 4:
        return `${pad}if (${this.#test()}) {\n${inner()}\n${pad}} else {\n${inner()}\n${pad}}`;
      case 5:
        // In a switch, `break` would end the switch, and `continue` the loop around it.
        return `${pad}switch s % 3u { case 0u: {\n${inner({ breaks: false })}\n${pad}} case 1u, default { s += 1u; break; } }`;
      case 6:
        return this.#counted(pad, random.pick(['limit', '4u', '(s & 3u)', 'min(s, 3u)']), inner({ breaks: true }));
      case 7:
        return this.#endless(pad, inner({ breaks: false }));
      case 8:
        return this.#continuing(pad, inner({ breaks: true }));
      case 9:
        return this.#while(pad, inner({ breaks: false }));
      case 10:
        return `${pad}for (var i = 0; i < 3; i++) { s += u32(i);\n${inner({ breaks: true })}\n${pad}}`;
      default:
        return `${pad}{ var s = s; s += 1u;\n${inner({ breaks: false })}\n${pad}}`;
    }
  }

  #counted(pad: string, limit: string, body: string): string {
    const i = `i${this.#names++}`;
    const step = this.#random.pick([`${i}++`, `${i} += 1u`, `${i} = ${i} + 2u`]);
    return `${pad}for (var ${i} = 0u; ${i} < ${limit}; ${step}) {\n${body}\n${pad}}`;
  }

  #endless(pad: string, body: string): string {
    const n = `n${this.#names++}`;
    return `${pad}var ${n} = s % 4u; /* { for ( */ @diagnostic(off, derivative_uniformity)
${pad}loop { let k = ${n}; if k == 0u { break; } ${n} = k - 1u;\n${body}\n${pad}}`;
  }

  #continuing(pad: string, body: string): string {
    const n = `n${this.#names++}`;
    return `${pad}var ${n} = 0u;\n${pad}loop {\n${body}\n${pad} continuing { ${n}++; break if ${n} > s % 5u || ${n} > 6u; } }`;
  }

  #while(pad: string, body: string): string {
    const n = `n${this.#names++}`;
    return `${pad}var ${n} = 0u;\n${pad}while ${n} < s % 4u && ${this.#call()} != 7u { ${n}++;\n${body}\n${pad}if ${n} > 4u { break; } }`;
  }

  #test(): string {
    return `s ${this.#random.pick(['<', '>', '<=', '>=', '==', '!='])} ${this.#value()}`;
  }

  #call(): string {
    return this.#calls && this.#functions > 0 && this.#random.percent(40)
      ? `f${this.#random.below(this.#functions)}(${this.#value()}, &s)`
      : this.#value();
  }

  #value(): string {
    const number = `${this.#random.below(20)}u`;
    return this.#random.pick([number, `(s >> 1u)`, `(s * ${number})`, 'limit', `(s & ${number})`, 'u32(s > 3u)']);
  }
}
