/** Makes modules that submit command streams. */
import { assemble, good, type Parts, submit, text, writeBlock } from '../engine/modules.ts';
import { encode, type Item, type Value, type Values } from '../fuzz/encode.ts';

/** Address at which a module's command streams begin. The memory below is for its IO block and its own use. */
const STREAMS = 32_768;
/** The most letters that a game which counts its ticks logs. */
const LETTERS_MAX = 1000;

export const command = (name: string, values: Values = {}): Item => ({ command: name, values });

/** Makes the WAT of a memory that contains command streams, and of the calls that submit each of them. */
export function streams<Name extends string>(
  named: Record<Name, readonly Item[]>,
): {
  fields: string;
  memory: string;
  call: Record<Name, string>;
  /** Address at which the last command stream ends. */
  end: number;
} {
  let at = STREAMS;
  const call = {} as Record<Name, string>;
  let fields = '';
  for (const [name, items] of Object.entries(named) as [Name, readonly Item[]][]) {
    const bytes = new Uint8Array(encode(items).buffer);
    fields += `(data (i32.const ${at}) "${[...bytes].map((byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('')}")\n`;
    call[name] = submit(at, bytes.length);
    at += bytes.length;
  }
  return { fields, memory: `(memory (export "memory") ${Math.ceil(at / 65_536)})`, call, end: at };
}

/** A module that submits commands in one of its exports. */
export function submitting(
  where: 'init' | 'tick' | 'render' | 'join',
  items: readonly Item[],
  parts: Parts = {},
): Uint8Array {
  const { fields, memory, call } = streams({ it: items });
  const at = where === 'init' ? { init: `${call.it} (i32.const 0)` } : { [where]: call.it };
  return good({ ...parts, memory, fields: `${fields} ${parts.fields ?? ''}`, ...at });
}

/** Commands that fill the picture with one colour. */
export function cleared(red: number, green: number, blue: number): Item[] {
  const colorAttachments: Value = [
    { view: 1, loadOp: 'clear', storeOp: 'store', clearR: red, clearG: green, clearB: blue, clearA: 1 },
  ];
  return [command('beginRenderPass', { colorAttachments }), command('endRenderPass'), command('submit')];
}

/** Commands that set up a compute shader with a storage buffer. All objects have id 2. */
export function computing(code: string): Item[] {
  return [
    command('createBuffer', { id: 2, size: 256, usage: 128 }),
    command('createShaderModule', { id: 2, code }),
    command('createComputePipeline', { id: 2, module: 2 }),
    command('getComputeBindGroupLayout', { id: 2, pipeline: 2 }),
    command('createBindGroup', { id: 2, layout: 2, entries: [{ buffer: 2 }] }),
  ];
}

export const dispatch = (x = 1, y = 1, z = 1): Item[] => [
  command('beginComputePass'),
  command('setComputePipeline', { pipeline: 2 }),
  command('setBindGroup', { bindGroup: 2 }),
  command('dispatchWorkgroups', { x, y, z }),
  command('endComputePass'),
  command('submit'),
];

const CONSTANT = `override gain: f32; @group(0) @binding(0) var<storage, read_write> data: array<f32>;
@compute @workgroup_size(1) fn main() { data[0] = gain; }`;

/** A compute shader that never ends: it waits for a word that nothing writes. */
const ENDLESS = `@group(0) @binding(0) var<storage, read_write> data: array<atomic<u32>>;
@compute @workgroup_size(1) fn main() { while (atomicLoad(&data[0]) == 0u) { atomicAdd(&data[1], 1u); } }`;

/**
 * A game that counts its ticks and saves the count. When it loads its state, it logs one letter for each tick, and at most
 * LETTERS_MAX.
 * @param builds whether the game creates another pipeline in each tick
 */
export function counting({ builds = false } = {}): Uint8Array {
  const { fields, call, end } = streams({
    picture: cleared(0, 1, 0),
    first: [
      command('createShaderModule', { id: 2, code: CONSTANT }),
      command('createComputePipeline', { id: 2, module: 2, constants: 'gain', values: [{ value: 1 }] }),
    ],
    next: [
      command('destroy', { kind: 'computePipeline', object: 2 }),
      command('createComputePipeline', { id: 2, module: 2, constants: 'gain', values: [{ value: 1 }] }),
    ],
  });
  // Changes the upper word of the pipeline's constant, which ends the stream, so that each tick creates a new pipeline.
  const another = `(i32.store (i32.const ${end - 4}) (i32.add (i32.const 0x3ff00000) (global.get $count))) ${call.next}`;
  const most = `(i32.const ${LETTERS_MAX})`;
  const letters = `(select (global.get $count) ${most} (i32.lt_u (global.get $count) ${most}))`;
  return assemble(
    text({
      memory: '(memory (export "memory") 1)',
      fields: `${fields} (global $count (mut i32) (i32.const 0))
        (func (export "save") (i32.store (i32.const 8192) (global.get $count)) (call $state_write (i32.const 8192) (i32.const 4)))
        (func (export "load") (param i32)
          (drop (call $state_read (i32.const 0) (i32.const 8192) (i32.const 4)))
          (global.set $count (i32.load (i32.const 8192)))
          (memory.fill (i32.const 12000) (i32.const 120) ${letters})
          (call $log (i32.const 2) (i32.const 12000) ${letters}))`,
      init: `${builds ? call.first : ''} ${writeBlock()}`,
      tick: `(global.set $count (i32.add (global.get $count) (i32.const 1))) ${builds ? another : ''}`,
      render: call.picture,
    }),
  );
}

/** Makes a game that dispatches a shader that never ends, in tick number `tick`, counted from 1. */
export function endless(tick: number): Uint8Array {
  const { fields, memory, call } = streams({ setup: computing(ENDLESS), loop: dispatch() });
  const count = '(global $n (mut i32) (i32.const 0))';
  return good({
    fields: `${fields} ${count}`,
    memory,
    join: call.setup,
    tick: `(global.set $n (i32.add (global.get $n) (i32.const 1)))
      (if (i32.eq (global.get $n) (i32.const ${tick})) (then ${call.loop}))`,
  });
}

/** Makes a game that creates this many buffers of 64 MiB in its first tick. */
export function allocating(buffers: number): Uint8Array {
  const create = (n: number) => command('createBuffer', { id: n + 2, size: 64 * 2 ** 20, usage: 8 });
  return submitting(
    'tick',
    Array.from({ length: buffers }, (_, n) => create(n)),
  );
}
