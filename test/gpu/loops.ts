/** Makes WGSL with loops of many forms. */
import { COUNTERS_MAX } from '../../host/gpu/effort.ts';

export const DATA = '@group(0) @binding(0) var<storage, read_write> data: array<u32>;';
export const main = (body: string, before = ''): string =>
  `${DATA}\n${before}\n@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u, @builtin(local_invocation_index) local: u32) {\n${body}\n}`;
const SAMPLED = `@group(0) @binding(0) var image: texture_2d<f32>; @group(0) @binding(1) var filtering: sampler;
@group(0) @binding(2) var<uniform> count: u32;`;
const fragment = (body: string, before = ''): string =>
  `${SAMPLED}\n${before}\n@fragment fn main(@location(0) uv: vec2f) -> @location(0) vec4f {\n${body}\n}`;

/** Texts that the GPU's compiler accepts, and that are hard to change so that it still does. */
export const ACCEPTED: readonly (readonly [name: string, code: string])[] = [
  [
    'a break in a switch in a loop',
    main('loop { switch data[0] { case 1u: { break; } default: { data[1] += 1u; } } if data[1] > 3u { break; } }'),
  ],
  [
    'a continuing block with `break if`',
    main('var n = 0u; loop { if n == 2u { continue; } continuing { n++; break if n > data[0]; } }'),
  ],
  [
    'a loop in a continuing block',
    main('var n = 0u; loop { continuing { while n < data[0] { n++; } n++; break if n > 9u; } }'),
  ],
  ['a `for` without parts', main('var n = 0u; for (;;) { n++; if n > data[0] { break; } }')],
  [
    'a loop in a function that a condition calls',
    main(
      'while f(data[0]) > 2u && f(1u) < 5u { data[0] -= 1u; }',
      'fn f(x: u32) -> u32 { var n = x; while n > 3u { n -= 3u; } return n; }',
    ),
  ],
  [
    'a call in the head of a `for`',
    main(
      'for (var i = f(3u); i < f(i); i += f(1u)) {}',
      'fn f(x: u32) -> u32 { var n = x; while n > data[0] { n -= 3u; } return n; }',
    ),
  ],
  [
    'a call in the arguments of another',
    main(
      'data[id.x] = f(f(id.x, f(1u, 2u)), 3u);',
      'fn f(x: u32, y: u32) -> u32 { var n = x; while n > y { n -= 3u; } return n; }',
    ),
  ],
  ['a body that begins with a declaration', main('loop { let x = data[0]; const y = 3u; if x > y { break; } }')],
  [
    'attributes before and in a loop',
    main(
      '@diagnostic(off, derivative_uniformity) loop @diagnostic(warning, derivative_uniformity) { if data[0] > 1u { break; } } @diagnostic(error, subgroup_uniformity) while (data[0] > 1u) @diagnostic(off, derivative_uniformity) {}',
    ),
  ],
  [
    'directives of its own',
    `diagnostic(error, derivative_uniformity); diagnostic(warning, subgroup_uniformity);\n${main('while data[0] > 3u {}')}`,
  ],
  [
    'a function that returns from a loop alone',
    main('data[0] = f();', 'fn f() -> u32 { loop { if data[1] > 3u { return 1u; } } }'),
  ],
  [
    'such a function, with a type of several tokens and comments',
    main(
      'data[0] = u32(f()[1].x);',
      'fn f() -> // the type\n array< /* two */ vec2<f32>, 2> { for (;;) { if data[1] > 3u { return array(vec2f(), vec2f()); } } }',
    ),
  ],
  [
    'a function that returns from loops in branches alone',
    main(
      'data[0] = f(3u);',
      'fn f(a: u32) -> u32 { if a > 1u { loop { if data[1] > 3u { return 1u; } } } else if a > 0u { { for (;;) { if data[1] > 3u { return 1u; } } } } else { switch a { default { loop { if data[1] > 3u { return 1u; } } } } } }',
    ),
  ],
  ['such an entry point', fragment('loop { if uv.x > 0.5 { return vec4f(1); } }')],
  [
    'a function that returns in both branches',
    main(
      'data[0] = f();',
      'fn f() -> u32 { while data[1] < 3u {} if data[0] > 1u { return 1u; } else { return 2u; } }',
    ),
  ],
  [
    'a function with attributes before its body',
    main('f();', 'fn f() @diagnostic(off, derivative_uniformity) { while data[1] < 3u {} }'),
  ],
  [
    'a pointer parameter',
    main('var x = 3u; f(&x);', 'fn f(p: ptr<function, u32>,) { while *p > data[0] { *p -= 1u; } }'),
  ],
  [
    'names like those of counters',
    main(
      'var turns_left = 3u; var turns_left0 = 2u; while turns_left > turns_left0 { turns_left -= data[0]; }',
      'fn turns_left_() {}',
    ),
  ],
  [
    'names beyond ASCII, and comments between all tokens',
    main(
      'été /* { */ (/* loop */); // while (',
      'fn/**/été/*/**/*/() { while /*)*/ (/*(*/ data[0] > 1u)/*{*/{/*}*/} }',
    ),
  ],
  ['blankspace beyond ASCII', main('while\u200e(data[0] > 1u)\u2028{\u0085} // comment\u000bwhile data[0] > 1u {}')],
  [
    'a barrier after a loop in which invocations differ',
    main(
      'for (var i = local; i < data[0]; i += 64u) { w[i % 64u] = i; } workgroupBarrier(); data[id.x] = w[local];',
      'var<workgroup> w: array<u32, 64>;',
    ),
  ],
  [
    'a barrier in a loop after such a loop',
    main(
      'for (var i = local; i < data[id.x]; i++) { w[local] = i; } for (var k = n; k > 0u; k >>= 1u) { workgroupBarrier(); for (var i = local; i < data[id.x]; i++) { w[local] += i; } workgroupBarrier(); }',
      'var<workgroup> w: array<u32, 64>; override n = 8u;',
    ),
  ],
  [
    'a barrier in a function, in and after loops',
    main(
      'var s = f(local, n); for (var i = 0u; i < n; i++) { s += g(s); workgroupBarrier(); } data[id.x] = s;',
      'override n = 8u; fn f(x: u32, m: u32) -> u32 { var s = g(x); for (var i = 0u; i < m; i++) { s += g(x); workgroupBarrier(); } return s; } fn g(x: u32) -> u32 { var n = x; while n > 3u { n -= 3u; } return n; }',
    ),
  ],
  [
    'a uniform load from workgroup memory',
    main(
      'while workgroupUniformLoad(&w) < 5u { if local == 0u { w += 1u; } workgroupBarrier(); } data[id.x] = w;',
      'var<workgroup> w: u32;',
    ),
  ],
  [
    'a sample after a loop in which invocations differ',
    fragment('var x = uv.x; while x > 0.1 { x *= 0.5; } return textureSample(image, filtering, uv);'),
  ],
  [
    'a sample in a loop after such a loop',
    fragment(
      'var x = vec4f(); for (var i = 0.0; i < uv.x; i += 0.1) { x.y += i; } for (var i = 0u; i < count; i++) { x += textureSample(image, filtering, uv * f32(i)); } return x;',
    ),
  ],
  [
    'derivatives that follow a call in a branch',
    fragment(
      'var x = 0.0; if uv.x > 0.5 { x = f(uv.x); } if f(f32(count)) > 0.5 { x += dpdx(uv.y); } return vec4f(x);',
      'fn f(y: f32) -> f32 { var x = y; while x > 0.5 { x -= 0.3; } return x; }',
    ),
  ],
  [
    'more counted loops than there are counters',
    main(
      Array.from({ length: 3 * COUNTERS_MAX }, () => 'while data[0] > 3u {} f();').join('\n'),
      'fn f() { while data[1] > 3u {} }',
    ),
  ],
  [
    'entry points of all stages that share functions',
    `${fragment('return vec4f(f(uv.x));', 'fn f(y: f32) -> f32 { var x = y; while x > 0.5 { x -= 0.3; } return x; }')}
    @vertex fn corner(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f { return vec4f(f(f32(i))); } @compute @workgroup_size(1) fn c() { _ = f(1.0); }`,
  ],
];
