/** Cases of modules that exceed a limit of the host. */
import { good, submit } from '../../engine/modules.ts';
import { bits, type Item, type Values } from '../../fuzz/encode.ts';
import { doubling } from '../../gpu/fixture.ts';
import { cleared, command, computing, dispatch, streams } from '../modules.ts';
import { type Case, refused, saving, tick } from './case.ts';
import { begin, buffer, draw, drawing, later, many, STORAGE, setUp, shader } from './gpu.ts';

const texture: Values = {
  id: 2,
  width: 1024,
  height: 1024,
  depthOrArrayLayers: 1,
  mipLevelCount: 1,
  sampleCount: 1,
  dimension: '2d',
  format: 'rgba32float',
  usage: 4,
};
const ended = command('destroy', { kind: 'texture', object: 2 });
const READ = bits('BufferUsage', 'MAP_READ COPY_DST');
const map = (size: number, address = 0): Item => command('mapAsync', { buffer: 2, size, address, token: 1 });

/** Makes a module that creates 120 different shader modules in a tick, each almost as long as allowed. */
function compiling(): Uint8Array {
  const [count, template, built] = [120, 65_536, 2 ** 20];
  const functions = Array.from({ length: 260 }, (_, n) => `fn g${n}(a: f32) -> f32 { return a * ${n}.0 + sin(a); }\n`);
  const code = `//....\n${functions.join('')}`.slice(0, 16_000).replace(/\n[^\n]*$/, '\n');
  const bytes = Math.ceil(code.length / 4) * 4;
  const text = code.padEnd(bytes).replaceAll('\n', '\\n');
  const words = 4 + bytes / 4;
  const fields = `(data (i32.const ${template}) "${text}")
    (func $build (local $n i32) (local $at i32)
      (local.set $at (i32.const ${built}))
      (loop $again
        (i32.store (local.get $at) (i32.const ${(words << 16) | 8}))
        (i32.store offset=4 (local.get $at) (i32.add (local.get $n) (i32.const 2)))
        (i32.store offset=12 (local.get $at) (i32.const ${bytes}))
        (memory.copy (i32.add (local.get $at) (i32.const 16)) (i32.const ${template}) (i32.const ${bytes}))
        (i32.store8 offset=18 (local.get $at) (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10))))
        (i32.store8 offset=19 (local.get $at) (i32.add (i32.const 48) (i32.div_u (local.get $n) (i32.const 10))))
        (local.set $at (i32.add (local.get $at) (i32.const ${words * 4})))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $n) (i32.const ${count})))))`;
  return good({
    fields,
    memory: '(memory (export "memory") 64)',
    tick: `(call $build) ${submit(built, count * words * 4)}`,
  });
}

/** Makes a module that creates and destroys 2000 textures in a tick. The host reads the clock once in 32 commands. */
function churning(): Uint8Array {
  const some = Array.from({ length: 2000 }, () => [
    command('createTexture', { ...texture, width: 8, height: 8 }),
    ended,
  ]);
  const { fields, memory, call } = streams({ some: some.flat() });
  return good({ fields, memory, tick: call.some });
}

export const limits: Case[] = [
  {
    of: 'REPLAY_MS_MAX',
    what: 'textures that are created and destroyed',
    module: churning(),
    chargeMs: 200,
    error: /^NL_COMMAND.*REPLAY_MS_MAX/,
  },
  refused(
    'popErrorScope',
    'called 257 times before an answer',
    Array.from({ length: 257 }, (_, n) => [command('pushErrorScope'), command('popErrorScope', { token: n })]).flat(),
    /^NL_COMMAND.*popErrorScope.*256 error scopes/,
  ),
  {
    ...refused(
      'SHADER_MS_MAX',
      '120 pipelines that compile in the background',
      [shader(STORAGE), ...many(120, (n) => command('createComputePipelineAsync', { id: n + 2, module: 2 }))],
      /^NL_COMMAND.*SHADER_MS_MAX/,
      'join',
    ),
    chargeMs: 20,
  },
  refused(
    'createShaderModule',
    'with functions that each call the one before twice',
    [shader(doubling(24))],
    /^NL_COMMAND.*command 0 .*has more than 262144 tokens/,
  ),
  {
    of: 'SHADER_MS_MAX',
    what: '120 shader modules of 16 kB',
    module: compiling(),
    chargeMs: 200,
    error: /^NL_COMMAND.*createShaderModule.*SHADER_MS_MAX/,
  },
  {
    of: 'MODULE_BYTES_MAX',
    what: 'a module of 300 kB',
    module: good({
      memory: '(memory (export "memory") 8)',
      fields: `(data (i32.const 4096) "${'x'.repeat(300_000)}")`,
    }),
    error: /^NL_MODULE_LIMIT.*MODULE_BYTES_MAX/,
  },
  {
    of: 'MEMORY_BYTES_MAX',
    what: 'a memory of 4 GB at once',
    module: good({ memory: '(memory (export "memory") 65535)' }),
    error: /^NL_MODULE_LIMIT.*MEMORY_BYTES_MAX/,
  },
  {
    of: 'MEMORY_BYTES_MAX',
    what: 'a memory that grows',
    module: tick('(loop $again (br_if $again (i32.ge_s (memory.grow (i32.const 1)) (i32.const 0))) (unreachable))'),
    error: /^NL_GUEST_MEMORY.*MEMORY_BYTES_MAX/,
  },
  {
    of: 'TABLE_ELEMENTS_MAX',
    what: 'a table of 1001',
    module: good({ fields: '(table 1001 funcref)' }),
    error: /^NL_MODULE_LIMIT.*TABLE_ELEMENTS_MAX/,
  },
  {
    of: 'COMMAND_BYTES_MAX',
    what: 'a stream of 2.5 MB',
    module: good({ memory: '(memory (export "memory") 48)', tick: submit(65_536, 2_500_000) }),
    error: /^NL_COMMAND.*COMMAND_BYTES_MAX/,
  },
  refused(
    'DATA_BYTES_MAX',
    'the same 64 kB of data written 17 times',
    [buffer(2, 65_536), ...many(17, () => command('writeBuffer', { buffer: 2, data: [0, 65_536] }))],
    /^NL_COMMAND.*DATA_BYTES_MAX/,
  ),
  {
    of: 'STATE_BYTES_MAX',
    what: 'a state of 8 kB',
    module: saving('(call $state_write (i32.const 0) (i32.const 8192))'),
    error: /^NL_GUEST_PROTOCOL.*STATE_BYTES_MAX/,
    afterwards: 'renew',
  },
  refused(
    'GPU_OBJECTS_MAX',
    'one sampler too many',
    many(127, (n) => command('createSampler', { id: n + 2, maxAnisotropy: 1 })),
    /^NL_COMMAND.*command 126.*from 2 to 127/,
  ),
  refused('GPU_BUFFER_BYTES_MAX', 'a buffer of 8 GB', [buffer(2, 2 ** 33)], /^NL_COMMAND.*GPU_BUFFER_BYTES_MAX/),
  refused(
    'GPU_BYTES_MAX',
    'five buffers of 1 MB',
    many(5, (n) => buffer(n + 2, 2 ** 20)),
    /^NL_COMMAND.*command 4.*GPU_BYTES_MAX/,
  ),
  refused('GPU_BYTES_MAX', 'a texture of 16 MB', [command('createTexture', texture)], /^NL_COMMAND.*GPU_BYTES_MAX/),
  refused(
    'GPU_BYTES_MAX',
    'query sets beside 3 MB of buffers',
    // A query set of 4096 queries takes 32 kB, so 32 of them fill the rest.
    [
      ...many(3, (n) => buffer(n + 2, 2 ** 20)),
      ...many(33, (n) => command('createQuerySet', { id: n + 2, type: 'occlusion', count: 4096 })),
    ],
    /^NL_COMMAND.*command 35 .createQuerySet.*GPU_BYTES_MAX/,
  ),
  refused(
    'GPU_OBJECT_BYTES_MAX',
    'shader modules of 16 kB, most of it comments',
    many(14, (n) => shader(`// ${'x'.repeat(16_000)}\nfn f${n}() {}`, n + 2)),
    /^NL_COMMAND.*command 13 .createShaderModule.*GPU_OBJECT_BYTES_MAX/,
  ),
  refused(
    'GPU_DRAWS_MAX',
    '1001 draws',
    [...setUp, ...drawing(...many(1001, () => draw(3)))],
    /^NL_COMMAND.*GPU_DRAWS_MAX/,
    'render',
  ),
  refused(
    'GPU_DRAWS_MAX',
    '1001 draws of a render bundle',
    [
      ...setUp,
      command('createRenderBundleEncoder', { sampleCount: 1, colorFormats: [{ format: 'rgba8unorm' }] }),
      command('setPipeline', { pipeline: 2 }),
      ...many(200, () => draw(3)),
      command('finishRenderBundle', { id: 2 }),
      begin(),
      command('executeBundles', { bundles: Array.from({ length: 6 }, () => ({ bundle: 2 })) }),
      command('endRenderPass'),
      command('submit'),
    ],
    /^NL_COMMAND.*executeBundles.*GPU_DRAWS_MAX/,
    'render',
  ),
  refused(
    'GPU_VERTICES_MAX',
    'four billion vertices',
    [...setUp, ...drawing(draw(0xffffffff))],
    /^NL_COMMAND.*GPU_VERTICES_MAX/,
    'render',
  ),
  refused(
    'GPU_VERTICES_MAX',
    'four billion instances',
    [...setUp, ...drawing(draw(3, 0xffffffff))],
    /^NL_COMMAND.*GPU_VERTICES_MAX/,
    'render',
  ),
  refused(
    'GPU_WORKGROUPS_MAX',
    '65,535 x 65,535 workgroups',
    [...computing(STORAGE), ...dispatch(65_535, 65_535)],
    /^NL_COMMAND.*GPU_WORKGROUPS_MAX/,
  ),
  refused('SHADER_BYTES_MAX', 'WGSL of 17 kB', [shader(`// ${'x'.repeat(17_000)}`)], /^NL_COMMAND.*SHADER_BYTES_MAX/),
  refused('MAP_BYTES_MAX', 'a mapping of 2 kB', [buffer(2, 2048, READ), map(2048)], /^NL_COMMAND.*MAP_BYTES_MAX/),
  refused(
    'mapAsync',
    'a buffer that is mapped twice',
    [buffer(2, 2048, READ), map(64), map(64)],
    /^NL_COMMAND.*on its way back already/,
  ),
  {
    of: 'mapAsync',
    what: 'to outside linear memory',
    module: later('render', [buffer(2, 64, READ), map(64, 0xfffff000)], cleared(0, 0, 0)),
    error: /^NL_GUEST_TRAP/,
  },
];
