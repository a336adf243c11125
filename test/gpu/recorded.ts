import { afterAll, beforeAll, expect } from 'vitest';
import { must } from '../../host/base/assert.ts';
import type { Gpu } from '../../host/gpu/dawn.ts';
import type { CommandReplay, ReplayOptions } from '../../host/gpu/replay.ts';
import { eventually } from '../wait.ts';
import { bits, constants, Stream, type Values } from './document.ts';
import { black, newReplay, openTestGpu } from './fixture.ts';

export const RED = '255 0 0 255';
export const READBACK = 'COPY_DST MAP_READ';
const REPLY = (name: string): number => constants.find(`REPLY_${name}`);

/** Opens a GPU before the tests of a file, and closes it and all replays on it after them. */
export function openBeforeTests() {
  let gpu: Gpu;
  const replays: CommandReplay[] = [];
  beforeAll(async () => {
    gpu = await openTestGpu('vulkan');
  });
  afterAll(() => {
    for (const replay of replays) replay.destroy();
    gpu.close();
  });
  return {
    get gpu() {
      return gpu;
    },
    get device() {
      return gpu.device;
    },
    /** Creates a replay, and records everything that it sends back to the module. */
    start(options: Partial<ReplayOptions> = {}) {
      const recorded = startRecorded(gpu.device, options);
      replays.push(recorded.replay);
      return recorded;
    },
  };
}

function startRecorded(device: GPUDevice, options: Partial<ReplayOptions>) {
  const replies: number[][] = [];
  const writes: { address: number; bytes: Uint8Array }[] = [];
  const log: string[] = [];
  const replay = newReplay(device, {
    reply: (record) => void replies.push(Array.from(record)),
    write: (address, bytes) => void writes.push({ address, bytes: bytes.slice() }),
    log: (_, message) => void log.push(message),
    ...options,
  });
  const answer = async (type: string): Promise<number[]> => {
    const found = () => replies.find((record) => record[0] === REPLY(type));
    await eventually(() => expect(found()).toBeDefined());
    return must(found(), `reply ${type}`).slice(1);
  };
  return { replay, replies, writes, log, answer };
}

export const bytesOf = ([write]: readonly { bytes: Uint8Array }[]): Uint8Array => must(write, 'write').bytes;

export const buffer = (id: number, size: number, usage: string): Values => ({
  id,
  size,
  usage: bits('BufferUsage', usage),
});
export const frame = (inside: (stream: Stream) => Stream, attachments: Values[] = [black], more: Values = {}): Stream =>
  inside(new Stream().command('beginRenderPass', { colorAttachments: attachments, ...more }))
    .command('endRenderPass')
    .command('submit');
export const drawRed = (stream: Stream): Stream =>
  stream.command('setPipeline', { pipeline: 2 }).command('draw', { vertexCount: 3, instanceCount: 1 });
