/** A shader that an attacker submits, and how the attacker wants it to be used. */
export interface HostileShader {
  name: string;
  code: string;
  /** `module` only creates the shader module, `compute` also a pipeline of its entry point `main`, with one storage buffer. */
  use: 'module' | 'compute';
}

const ENTRY = '@compute @workgroup_size(1) fn main()';
const STORAGE = '@group(0) @binding(0) var<storage, read_write> data: array<u32>;';

/** WGSL of structs of which each has two members of the struct before it: the last has 2^depth times the first's members. */
function structs(depth: number, name = 'S', leaf = 'f32'): string {
  const first = `struct ${name}0 { a: ${leaf}, b: ${leaf} }`;
  const rest = Array.from({ length: depth }, (_, n) => `struct ${name}${n + 1} { a: ${name}${n}, b: ${name}${n} }`);
  return [first, ...rest].join('\n');
}

/**
 * Two chains of structs in which each struct has one member of each chain. Because the two members differ in type, a compiler
 * cannot keep a value of them as one part that it repeats.
 */
function crossedStructs(depth: number): string {
  const lines = ['struct S0 { a: f32, b: f32 }', 'struct T0 { a: f32, b: f32 }'];
  for (let n = 1; n <= depth; n++)
    lines.push(`struct S${n} { a: S${n - 1}, b: T${n - 1} }`, `struct T${n} { a: T${n - 1}, b: S${n - 1} }`);
  return lines.join('\n');
}

/** A constant whose type has 2^depth members, for which the compiler needs time while it parses (row 2). */
export const hugeConstant = (depth: number): HostileShader => ({
  name: `a constant of structs nested ${depth} deep`,
  code: `${crossedStructs(depth)}\n${STORAGE}\nconst c = S${depth}();\n${ENTRY} { data[0] = 1u; }`,
  use: 'module',
});

/** An assignment of a struct with 2^depth members in a storage buffer, for which the compiler needs memory (row 3). */
export const hugeAssignment = (depth: number): HostileShader => ({
  name: `an assignment of structs nested ${depth} deep`,
  code: `${structs(depth, 'S', 'u32')}
@group(0) @binding(0) var<storage, read_write> data: S${depth};
${ENTRY} { data.a = data.b; }`,
  use: 'compute',
});

const hugeArray = (depth: number): HostileShader => ({
  name: `arrays of arrays nested ${depth} deep`,
  code: `alias A0 = array<u32, 2>;
${Array.from({ length: depth }, (_, n) => `alias A${n + 1} = array<A${n}, 2>;`).join('\n')}
${STORAGE}\n${ENTRY} { var a = A${depth}(); data[0] = u32(a${'[0]'.repeat(depth + 1)}); }`,
  use: 'compute',
});

const deepExpression = (depth: number): HostileShader => ({
  name: `parentheses nested ${depth} deep`,
  code: `${STORAGE}\n${ENTRY} { data[0] = ${'('.repeat(depth)}1u${')'.repeat(depth)}; }`,
  use: 'compute',
});

const deepBlocks = (depth: number): HostileShader => ({
  name: `blocks nested ${depth} deep`,
  code: `${STORAGE}\n${ENTRY} { ${'if (data[0] > 0u) { '.repeat(depth)} data[0] = 1u; ${'} '.repeat(depth)} }`,
  use: 'compute',
});

const longConstant = (count: number): HostileShader => ({
  name: `a constant expression of ${count} terms`,
  code: `${STORAGE}\n${Array.from({ length: count }, (_, n) => `const c${n} = ${n === 0 ? '1u' : `(c${n - 1} * 3u + 1u) % 65521u`};`).join('\n')}
${ENTRY} { data[0] = c${count - 1}; }`,
  use: 'compute',
});

const manySwitches = (count: number): HostileShader => ({
  name: `a switch of ${count} cases`,
  code: `${STORAGE}\n${ENTRY} { switch data[0] { ${Array.from({ length: count }, (_, n) => `case ${n}u: { data[1] = ${(n * 7919) % 65521}u; }`).join(' ')} default: { } } }`,
  use: 'compute',
});

const unrolled = (loops: number): HostileShader => ({
  name: `${loops} nested loops of a constant length`,
  code: `${STORAGE}\n${ENTRY} { var s = 0u; ${Array.from({ length: loops }, (_, n) => `for (var i${n} = 0u; i${n} < 16u; i${n}++) { `).join('')} s += data[s % 4u]; ${'} '.repeat(loops)} data[0] = s; }`,
  use: 'compute',
});

const privateMemory = (bytes: number): HostileShader => ({
  name: `a private array of ${bytes} bytes`,
  code: `${STORAGE}\nvar<private> p: array<u32, ${bytes / 4}>;\n${ENTRY} { p[data[0] % ${bytes / 4}u] = 1u; data[1] = p[data[2] % ${bytes / 4}u]; }`,
  use: 'compute',
});

const manyFunctions = (count: number): HostileShader => ({
  name: `${count} functions that each call the one before`,
  code: `${STORAGE}\nfn f0(x: u32) -> u32 { return x * 3u; }
${Array.from({ length: count }, (_, n) => `fn f${n + 1}(x: u32) -> u32 { return f${n}(x + ${n}u) ^ x; }`).join('\n')}
${ENTRY} { data[0] = f${count}(data[0]); }`,
  use: 'compute',
});

/** The shaders of the corpus: each family at several sizes. */
export const SHADERS: readonly HostileShader[] = [
  ...[12, 16, 18, 20, 22, 24, 26, 28].map(hugeConstant),
  ...[12, 16, 18, 20, 22, 24, 26, 27].map(hugeAssignment),
  ...[8, 10, 12, 14, 16, 20].map(hugeArray),
  ...[50, 120, 500, 2000, 10_000, 40_000].map(deepExpression),
  ...[20, 60, 120, 500, 2000].map(deepBlocks),
  ...[100, 500, 1000, 2000, 3000].map(longConstant),
  ...[100, 500, 1000, 2000, 2500].map(manySwitches),
  ...[2, 4, 6, 8, 12, 16].map(unrolled),
  ...[2 ** 12, 2 ** 16, 2 ** 20, 2 ** 24, 2 ** 28].map(privateMemory),
  ...[100, 400, 700, 1000, 1500, 2000].map(manyFunctions),
];
