/** Shaders whose loops the host counts, from the command that creates them to the GPU. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { boundLoops } from '../../host/gpu/bounded.ts';
import { OBJECT_BYTES } from '../../host/gpu/cost.ts';
import type { Gpu } from '../../host/gpu/dawn.ts';
import type { CommandReplay } from '../../host/gpu/replay.ts';
import type { ShaderVetting, Trial } from '../../host/gpu/vetting.ts';
import { REPLY_COMPILATION } from '../../renderer/contract/abi.ts';
import { eventually } from '../wait.ts';
import { Stream } from './document.ts';
import { fault, limits, newReplay, openTestGpu } from './fixture.ts';

let gpu: Gpu;
const replays: CommandReplay[] = [];
beforeAll(async () => {
  gpu = await openTestGpu('vulkan');
});
afterAll(() => {
  for (const replay of replays) replay.destroy();
  gpu.close();
});

function open(options: Parameters<typeof newReplay>[1] = {}): CommandReplay {
  const replay = newReplay(gpu.device, options);
  replays.push(replay);
  return replay;
}

const ENDLESS = `@group(0) @binding(0) var<storage, read_write> data: array<atomic<u32>>;
@compute @workgroup_size(1) fn main() { while (atomicLoad(&data[0]) == 0u) { atomicAdd(&data[1], 1u); } }`;
const shader = (code: string): Stream => new Stream().command('createShaderModule', { id: 2, label: 'mine', code });

test('the GPU ends the work of a shader that never ends, and does what comes next', async () => {
  const replay = open();
  const stream = shader(ENDLESS)
    .command('createBuffer', { id: 2, size: 256, usage: 128 })
    .command('createComputePipeline', { id: 2, module: 2 })
    .command('getComputeBindGroupLayout', { id: 2, pipeline: 2 })
    .command('createBindGroup', { id: 2, layout: 2, entries: [{ buffer: 2 }] });
  for (let n = 0; n < 3; n++)
    stream
      .command('beginComputePass')
      .command('setComputePipeline', { pipeline: 2 })
      .command('setBindGroup', { bindGroup: 2 })
      .command('dispatchWorkgroups', { x: 1, y: 1, z: 1 })
      .command('endComputePass')
      .command('submit');
  await replay.start(stream.submission);
  await gpu.device.queue.onSubmittedWorkDone();
  expect(gpu.lost).toBe(false);
});

test("messages of the compiler are about the author's text", async () => {
  const code = ENDLESS.replace('{ atomicAdd', '{ unknown(); atomicAdd');
  const message = fault(open(), shader(code));
  expect(message).toMatch(/^NL_GPU_VALIDATION: .*command 0 \(createShaderModule "mine"\)/);
  expect(message).toContain(code.split('\n')[1]);
  expect(message).toContain(`:2:${(code.split('\n')[1] ?? '').indexOf('unknown') + 1} error`);
  expect(message).not.toContain('turns_left');
});

test("a module that asks about a shader gets positions in the author's text", async () => {
  const answers: number[][] = [];
  const replay = open({ reply: (record) => answers.push(Array.from(record)) });
  const code = `@compute @workgroup_size(1) fn main() { for (;;) { if true { break; } } return; let unused = 1; }`;
  replay.run(shader(code).command('getCompilationInfo', { module: 2, token: 9 }).submission);
  const column = code.indexOf('let unused') + 1;
  const answer = await eventually(() => {
    expect(answers).toHaveLength(1);
    return answers[0] ?? [];
  });
  expect(answer.slice(0, 6)).toEqual([REPLY_COMPILATION, 9, 0, 1, 1, column]);
});

test('both texts of a shader are tried, and its pipelines have the one whose loops are counted', async () => {
  const tried: Trial[] = [];
  const vetting: ShaderVetting = {
    digest: (key) => key,
    isHarmless: (digest) => tried.some((trial) => digest.endsWith('code' in trial ? trial.code : '}}')),
    try: async (_, trial) => {
      tried.push(trial);
      return 0;
    },
    drop: () => {},
  };
  const bounded = boundLoops(ENDLESS, limits.shaderTurnsMax);
  expect(bounded).not.toBe(ENDLESS);
  await open({ vetting }).start(shader(ENDLESS).command('createComputePipeline', { id: 2, module: 2 }).submission);
  expect(tried.slice(0, 2)).toEqual([ENDLESS, bounded].map((code) => ({ kind: 'shaderModule', code })));
  expect(tried[2]).toMatchObject({ kind: 'computePipeline', codes: [bounded] });
});

test('a shader whose loops end by themselves stays one text', async () => {
  const code = '@compute @workgroup_size(1) fn main() { for (var i = 0; i < 9; i++) {} }';
  const replay = open();
  replay.run(shader(code).submission);
  expect(replay.tables.shaderModule.get(2)).toMatchObject({ authored: undefined, bytes: code.length });
  expect(replay.stats().objectBytes).toBe(OBJECT_BYTES.shaderModule + 640 * code.length);
});

test("a shader with counted loops takes the host's memory for both of its texts", async () => {
  const replay = open();
  replay.run(shader(ENDLESS).submission);
  const bytes = ENDLESS.length + boundLoops(ENDLESS, limits.shaderTurnsMax).length;
  expect(replay.stats().objectBytes).toBe(OBJECT_BYTES.shaderModule + 640 * bytes);
});

test('the setting decides how many turns a shader makes', async () => {
  for (const shaderTurnsMax of [1024, 2048]) {
    const replay = open({ limits: { ...limits, shaderTurnsMax } });
    replay.run(shader(ENDLESS).submission);
    expect(replay.tables.shaderModule.get(2).bytes).toBe(boundLoops(ENDLESS, shaderTurnsMax).length);
    expect(boundLoops(ENDLESS, shaderTurnsMax)).toContain(`= ${shaderTurnsMax}u;`);
  }
});
