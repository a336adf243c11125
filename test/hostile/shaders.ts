/** Makes WGSL that is hard on compilers. */

const many = (count: number, item: (n: number) => string, separator = '\n'): string =>
  Array.from({ length: count }, (_, n) => item(n)).join(separator);

const DATA = '@group(0) @binding(0) var<storage, read_write> data: array<f32>;';

/** A compute shader with these statements and declarations. It reads and writes the array `data` of f32. */
const main = (statements: string, declarations = ''): string =>
  `${DATA}\n${declarations}\n@compute @workgroup_size(1) fn main() { ${statements} }`;

/** Structures that each contain the previous one twice: `name``depth` has 2 ** depth members. */
export const nested = (depth: number, name = 'S'): string =>
  `struct ${name}0 { a: u32 }\n${many(depth, (n) => `struct ${name}${n + 1} { a: ${name}${n}, b: ${name}${n} }`)}`;

/** Stops the thread that parses it for a minute: constants of structures with 2 ** 27 and 2 ** 28 members. */
export const CONSTANTS = `${nested(28)}\n${nested(27, 'T')}
const c = S28();
const d = T27();
@compute @workgroup_size(1) fn main() { var x = c.a.a.a; var y = d.a.a.a; }`;

/** Takes all memory: a structure with 2 ** 27 members that is assigned from one storage buffer to another. */
export const ASSIGNMENT = `${nested(27)}
@group(0) @binding(0) var<storage, read_write> source: S27;
@group(0) @binding(1) var<storage, read_write> copy: S27;
@compute @workgroup_size(1) fn main() { copy = source; }`;

const tooLarge = (depth: number): string => `${nested(depth)}
@group(0) @binding(0) var<storage, read_write> source: S${depth};
@group(0) @binding(1) var<storage, read_write> copy: S${depth};
@compute @workgroup_size(1) fn main() { copy = source; }`;

/** Compiles for minutes: an array of 4000 vectors on the stack. */
export const LOCAL = main('var p: array<vec4f, 4000>; p[u32(data[0])].x = 1; data[1] = p[u32(data[1])].x;');
const WORKGROUP = '@compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32)';
const barriers = (count: number): string => `var<workgroup> w: array<u32, 64>;
@group(0) @binding(0) var<storage, read_write> x: array<u32>;
${WORKGROUP} { ${many(count, (n) => `w[i] = w[(i + ${n}) % 64] + 1; workgroupBarrier();`)} x[i] = w[i]; }`;

/** Takes gigabytes at once: a function that waits at 700 barriers. */
export const BARRIERS = barriers(700);

const branches = (count: number): string =>
  main(`switch u32(data[0]) { ${many(count, (n) => `case ${n}: { data[${n}] = sin(data[${n + 1}]); }`)} default: {} }`);
const calls = (count: number): string => `fn f0(x: f32) -> f32 { return x; }
${many(count, (n) => `fn f${n + 1}(x: f32) -> f32 { return f${n}(x) * ${n}.5 + sin(x); }`)}`;
const arrays = (depth: number): string =>
  `alias A0 = u32;\n${many(depth, (n) => `alias A${n + 1} = array<A${n}, 2>;`)}`;
const loops = (depth: number, count: number): string =>
  `var s = data[1]; ${many(depth, (n) => `for (var i${n} = 0; i${n} < ${count}; i${n}++) {`)}
   s = sin(s) * data[i0]; ${'}'.repeat(depth)} data[0] = s;`;
const bindings = (count: number): string =>
  many(count, (n) => `@group(${n >> 3}) @binding(${n & 7}) var<storage, read_write> b${n}: array<u32>;`);
const overrides = (count: number): string =>
  many(count, (n) => (n === 0 ? 'override o0 = 1.5;' : `override o${n} = o${n - 1} * 1.01 + ${n}.0;`));

/** Hostile shaders of many kinds, in several sizes. Each comes with its name. */
export const HOSTILE: readonly (readonly [name: string, code: string])[] = [
  ['constants of nested structures', CONSTANTS],
  ['an assignment of a nested structure', ASSIGNMENT],
  ...[10, 11, 13, 20].map((depth) => [`structures nested ${depth} deep`, tooLarge(depth)] as const),
  ...[12, 20, 30].map(
    (depth) =>
      [
        `arrays nested ${depth} deep`,
        main(`var x = A${depth}(); data[0] = f32(x${'[0]'.repeat(depth)});`, arrays(depth)),
      ] as const,
  ),
  ...[250, 2000].map(
    (depth) =>
      [`an array type ${depth} deep`, `alias T = ${'array<'.repeat(depth)}u32${', 2>'.repeat(depth)};`] as const,
  ),
  ...[1000, 4000, 12_000].map(
    (count) =>
      [
        `a constant array of ${count}`,
        main('data[0] = table[u32(data[1])];', `const table = array(${many(count, (n) => `${n}.5`, ',')});`),
      ] as const,
  ),
  ...[1000, 4000, 60_000].map(
    (count) =>
      [
        `a local array of ${count}`,
        main(`var p: array<vec4f, ${count}>; p[u32(data[0])].x = 1; data[1] = p[u32(data[1])].x;`),
      ] as const,
  ),
  [
    'a private array of 4000',
    main('p[u32(data[0])].x = 1; data[1] = p[u32(data[1])].x;', 'var<private> p: array<vec4f, 4000>;'),
  ],
  ...[300, 2000].map((count) => [`a switch of ${count} cases`, branches(count)] as const),
  [
    'a switch of 6000 selectors',
    main(`switch u32(data[0]) { case ${many(6000, String, ',')}: { data[1] = 1; } default: {} }`),
  ],
  ...[500, 2000].map(
    (count) => [`${count} functions in a chain of calls`, main(`data[0] = f${count}(data[1]);`, calls(count))] as const,
  ),
  [
    'functions that each call the one before twice',
    main(
      'data[0] = f40(data[1]);',
      `fn f0(x: f32) -> f32 { return x; }\n${many(40, (n) => `fn f${n + 1}(x: f32) -> f32 { return f${n}(x) + f${n}(x * 2); }`)}`,
    ),
  ],
  ['a function that calls itself', main('data[0] = f(data[1]);', 'fn f(x: f32) -> f32 { return f(x); }')],
  ...[
    [3, 64],
    [5, 32],
    [8, 32],
    [100, 4],
  ].map(
    ([depth = 0, count = 0]) =>
      [`${depth} loops in each other, ${count} turns each`, main(loops(depth, count))] as const,
  ),
  ['a loop without an end', main('loop { data[0] += 1; if data[1] > 1 { break; } }')],
  ...[500, 5000, 30_000].map(
    (count) =>
      [`a sum of ${count} terms`, main(`data[0] = ${many(count, (n) => (n % 2 ? 'data[1]' : '1.5'), '+')};`)] as const,
  ),
  ...[100, 5000, 60_000].map(
    (depth) => [`${depth} parentheses`, main(`data[0] = ${'('.repeat(depth)}1${')'.repeat(depth)};`)] as const,
  ),
  ['5000 minus signs', main(`data[0] = ${'- '.repeat(5000)}data[1];`)],
  ...[8, 32, 200].map(
    (count) =>
      [
        `${count} storage buffers`,
        `${bindings(count)}\n@compute @workgroup_size(1) fn main() { ${many(count, (n) => `b${n}[0] = ${n};`)} }`,
      ] as const,
  ),
  ...[50, 1000].map(
    (count) =>
      [`${count} overrides that depend on each other`, main(`data[0] = o${count - 1};`, overrides(count))] as const,
  ),
  [
    'an array whose size is an override',
    main('data[0] = f32(w[0]);', 'override n = 100000u; var<workgroup> w: array<u32, n * n>;'),
  ],
  ...[300, 3500].map(
    (count) =>
      [
        `${count} variables`,
        main(`${many(count, (n) => `var v${n} = data[${n}] * 2;`)} ${many(count, (n) => `data[${n}] = v${n};`)}`),
      ] as const,
  ),
  ['a chain of 9000 sines', main(`var s = data[0]; ${many(9000, () => 's = sin(s);', '')} data[0] = s;`)],
  ['a chain of 600 sines', main(`var s = data[0]; ${many(600, () => 's = sin(s);', '')} data[0] = s;`)],
  [
    '9000 products of matrices',
    main(
      `var s = mat4x4f(data[0],0,0,0,0,0,0,0,0,0,0,0,0,0,0,0); ${many(9000, () => 's=s*s;', '')} data[0] = s[0][0];`,
    ),
  ],
  [
    '2500 conditions in a row',
    main(`var s = data[0]; ${many(2500, (n) => `if (data[${n}] > s) { s = sin(s); }`)} data[0] = s;`),
  ],
  ...[100, 126].map(
    (depth) =>
      [
        `${depth} conditions in each other`,
        main(
          `var s = data[0]; ${many(depth, (n) => `if (data[${n}] > s) { s = sin(s);`)} ${'}'.repeat(depth)} data[0] = s;`,
        ),
      ] as const,
  ),
  ...[200, 4000].map(
    (count) =>
      [
        `${count} atomic operations`,
        `@group(0) @binding(0) var<storage, read_write> x: array<atomic<u32>>; ${WORKGROUP} { ${many(count, (n) => `atomicAdd(&x[${n}], i);`)} }`,
      ] as const,
  ),
  ['50 barriers', barriers(50)],
  ['700 barriers', BARRIERS],
  [
    '2000 subgroup operations',
    `enable subgroups; @group(0) @binding(0) var<storage, read_write> x: array<u32>; ${WORKGROUP} { var s = i; ${many(2000, () => 's = subgroupAdd(s) ^ subgroupBroadcastFirst(s);')} x[i] = s; }`,
  ],
  ['1000 long names', main(many(1000, (n) => `var ${'n'.repeat(100)}${n} = 1;`))],
  ['a comment that never ends', `/* ${'/*'.repeat(60_000)}`],
  ['nothing but brackets', '{[('.repeat(40_000)],
  ['1000 entry points', many(1000, (n) => `@compute @workgroup_size(1) fn e${n}() {}`)],
];
