/**
 * The GPU's replies to a module depend on the machine: the calls in which they come, and the bytes of buffers. These tests
 * record a game whose commands depend on all of them, and replay the recording without a GPU.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { readConfig } from '../../host/base/config.ts';
import type { Submission } from '../../host/engine/engine.ts';
import { createJavaScriptEngine } from '../../host/engine/javascript.ts';
import { createWasmEdgeEngine } from '../../host/engine/wasmedge/engine.ts';
import { capabilities } from '../../host/gpu/capability.ts';
import type { Gpu } from '../../host/gpu/dawn.ts';
import type { CommandReplay } from '../../host/gpu/replay.ts';
import { hashSession, SessionHash } from '../../host/session/hash.ts';
import { type Recording, readRecording } from '../../host/session/reader.ts';
import { recordingEngine } from '../../host/session/recorder.ts';
import { REPLY_DEVICE_LOST } from '../../renderer/contract/abi.ts';
import { BLOCK, good, writeBlock } from '../engine/modules.ts';
import { bits } from '../gpu/document.ts';
import { newReplay, openTestGpu, Picture } from '../gpu/fixture.ts';
import { command, streams } from '../hostile/modules.ts';

const folder = mkdtempSync(join(tmpdir(), 'nearlight-replies-'));
let gpu: Gpu;
beforeAll(async () => {
  gpu = await openTestGpu('vulkan');
});
afterAll(() => {
  gpu.close();
  rmSync(folder, { recursive: true, force: true });
});

const limits = readConfig({});
const assets = new Uint8Array();
const log = () => {};
const engines = [createWasmEdgeEngine({ cacheDir: folder }), createJavaScriptEngine()];

const SEATS = 1;
/** The bytes of the IO block that the host writes, from the reply head on. */
const IO_BYTES = 64 + 64 * 32 + SEATS * 128;
/** Where the module keeps its hash of all that it has seen, its counters, and the bytes that come from the GPU. */
const HASH = 8192;
const MAPPED = 12_288;
/** Number of replies that one round of requests leads to. */
const REPLIES = 6;

const SHADER = `@group(0) @binding(0) var<storage, read_write> data: array<u32>;
@compute @workgroup_size(1) fn main() { data[0] = data[0] * 1664525u + 1013904223u; }
@compute @workgroup_size(1) fn other() { data[1] = 7u; }`;

/**
 * A game that hashes everything that the host writes into its memory, and its calls, in each call. It submits the hash as
 * data. When it has the answers to all its requests, it makes each kind of request again, so that its commands depend on the
 * calls in which the answers come.
 */
function folding(): Uint8Array {
  const { fields, call, end } = streams({
    first: [
      command('createBuffer', { id: 2, size: 256, usage: bits('BufferUsage', 'STORAGE COPY_SRC') }),
      command('createBuffer', { id: 3, size: 256, usage: bits('BufferUsage', 'COPY_DST MAP_READ') }),
      command('createBuffer', { id: 4, size: 256, usage: bits('BufferUsage', 'COPY_DST') }),
      command('createShaderModule', { id: 2, code: SHADER }),
      command('createComputePipeline', { id: 2, module: 2, entryPoint: 'main' }),
      command('getComputeBindGroupLayout', { id: 2, pipeline: 2 }),
      command('createBindGroup', { id: 2, layout: 2, entries: [{ buffer: 2 }] }),
      command('createComputePipelineAsync', { id: 3, module: 2, entryPoint: 'other' }),
      command('createComputePipelineAsync', { id: 4, module: 2, entryPoint: 'none' }),
    ],
    again: [
      command('destroy', { kind: 'computePipeline', object: 3 }),
      command('destroy', { kind: 'computePipeline', object: 4 }),
      command('createComputePipelineAsync', { id: 3, module: 2, entryPoint: 'other' }),
      command('createComputePipelineAsync', { id: 4, module: 2, entryPoint: 'none' }),
      command('beginComputePass'),
      command('setComputePipeline', { pipeline: 2 }),
      command('setBindGroup', { bindGroup: 2 }),
      command('dispatchWorkgroups', { x: 1, y: 1, z: 1 }),
      command('endComputePass'),
      command('copyBufferToBuffer', { source: 2, destination: 3, size: 64 }),
      command('submit'),
      command('mapAsync', { buffer: 3, size: 64, address: MAPPED, token: 1 }),
      command('onSubmittedWorkDone', { token: 2 }),
      command('getCompilationInfo', { module: 2, token: 3 }),
      command('pushErrorScope', { filter: 'validation' }),
      command('createSampler', { id: 9, maxAnisotropy: 0 }),
      command('popErrorScope', { token: 4 }),
      command('destroy', { kind: 'sampler', object: 9 }),
    ],
    tell: [command('writeBuffer', { buffer: 4, data: [HASH, 16] })],
  });
  const fold = (address: number, bytes: number) => `(call $fold (i32.const ${address}) (i32.const ${bytes}))`;
  const saw = (number: string) => `
    (i32.store (i32.const ${HASH}) (i32.add (i32.load (i32.const ${HASH})) ${number}))
    ${fold(BLOCK, IO_BYTES)} ${fold(MAPPED, 64)} ${call.tell}`;
  const head = `(i32.load (i32.const ${BLOCK + 16}))`;
  return good({
    memory: `(memory (export "memory") ${Math.ceil(end / 65_536)})`,
    fields: `${fields}
      (global $wanted (mut i32) (i32.const 2))
      (func $fold (param $at i32) (param $bytes i32) (local $end i32)
        (local.set $end (i32.add (local.get $at) (local.get $bytes)))
        (loop $next
          (i32.store (i32.const ${HASH})
            (i32.mul (i32.xor (i32.load (i32.const ${HASH})) (i32.load (local.get $at))) (i32.const 16777619)))
          (local.set $at (i32.add (local.get $at) (i32.const 4)))
          (br_if $next (i32.lt_u (local.get $at) (local.get $end)))))
      (func (export "save") (call $state_write (i32.const ${HASH}) (i32.const 8)))
      (func (export "load") (param i32) (drop (call $state_read (i32.const 0) (i32.const ${HASH}) (i32.const 8)))
        (global.set $wanted (i32.const 3))
        ${saw('(i32.const 99)')})`,
    init: `${call.first} ${writeBlock()}`,
    join: saw('(i32.const 1)'),
    render: saw('(i32.const 2)'),
    tick: `${saw('(local.get 0)')}
      (if (i32.ge_u ${head} (global.get $wanted)) (then
        (global.set $wanted (i32.add (global.get $wanted) (i32.const ${REPLIES})))
        ${call.again}))`,
  });
}

interface Played {
  recording: Recording;
  hash: string;
  state: Uint8Array | undefined;
}

/** Plays the game on the GPU until it has asked `rounds` times, and records it. @param lose the GPU is lost before it begins */
async function play(engine: (typeof engines)[number], rounds: number, { lose = false } = {}): Promise<Played> {
  const chunks: Uint8Array[] = [];
  const open = async () => ({ write: (bytes: Uint8Array) => void chunks.push(bytes), close: async () => {} });
  const load = { limits, seed: 5, tickRate: 120, seats: SEATS, assets, log, gpu: capabilities(gpu.device) };
  const instance = await recordingEngine(engine, { name: 'folding', open }).load(folding(), load);
  let replies = 0;
  const replay: CommandReplay = newReplay(gpu.device, {
    limits,
    reply(record) {
      replies++;
      instance.reply(record);
    },
    write: (address, bytes) => instance.write(address, bytes),
  });
  const hash = new SessionHash();
  const picture = new Picture(gpu.device);
  const run = async (called: Promise<Submission> | Submission, drawn = false) => {
    const submission = await called;
    hash.add(submission);
    await replay.start(submission, drawn ? picture : undefined);
  };
  await run(instance.initial);
  if (lose) {
    instance.reply([REPLY_DEVICE_LOST]);
    instance.write(MAPPED, Uint8Array.of(1, 2, 3, 4));
    await run(instance.restore(Uint8Array.of(5, 6, 7, 8, 9, 10, 11, 12)));
  }
  await run(instance.join(0));
  const wanted = 2 + rounds * REPLIES;
  for (let tick = 0; replies < wanted; tick++) {
    await run(instance.tick(tick));
    if (tick % 3 === 0) await run(instance.render(0, 16, 16), true);
    // The pause differs, so that answers come after different numbers of calls.
    await sleep((tick * 7) % 5);
  }
  const state = await instance.save();
  await instance.close();
  replay.destroy();
  return { recording: readRecording(new Uint8Array(Buffer.concat(chunks))), hash: hash.digest(), state };
}

const replayed = (recording: Recording, engine: (typeof engines)[number]) =>
  hashSession(recording, { engine, module: folding(), assets, limits, log });

test.each(engines)(
  'a recording from $name leads to the same commands on every engine, without a GPU',
  async (engine) => {
    const { recording, hash } = await play(engine, 12);
    expect(recording.complete).toBe(true);
    const count = (kind: string) => recording.calls.filter((call) => call.kind === kind).length;
    expect(count('reply')).toBe(2 + 12 * REPLIES);
    expect(count('write')).toBe(12);
    for (const other of engines) expect(await replayed(recording, other), other.name).toBe(hash);
  },
);

test('the game of these tests does other things if a reply comes one call later, or other bytes come', async () => {
  const engine = must(engines[1], 'engine');
  const { recording, hash } = await play(engine, 2);
  const { calls } = recording;
  const first = calls.findIndex(({ kind }) => kind === 'reply');
  const next = calls.findIndex(({ kind }, index) => index > first && (kind === 'tick' || kind === 'render'));
  const late = calls.flatMap((call, index) =>
    index === first ? [] : index === next ? [call, must(calls[first], 'reply')] : [call],
  );
  expect(await replayed({ ...recording, calls: late }, engine)).not.toBe(hash);
  const other = calls.map((call) =>
    call.kind === 'write' ? { ...call, bytes: call.bytes.map((byte) => byte ^ 1) } : call,
  );
  expect(await replayed({ ...recording, calls: other }, engine)).not.toBe(hash);
});

test.each(engines)('a game on $name that lost its GPU replays from its saved state', async (engine) => {
  const { recording, hash } = await play(engine, 2, { lose: true });
  expect(recording.calls.slice(0, 3).map(({ kind }) => kind)).toEqual(['reply', 'write', 'restore']);
  for (const other of engines) expect(await replayed(recording, other), other.name).toBe(hash);
});
