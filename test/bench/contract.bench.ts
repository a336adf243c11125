// Time that the command stream adds to a frame of 3,000 draws: encoding in the guest, checking and decoding in the host.
import { readConfig } from '../../host/base/config.ts';
import type { Instance } from '../../host/engine/engine.ts';
import { createJavaScriptEngine } from '../../host/engine/javascript.ts';
import { createWasmEdgeEngine } from '../../host/engine/wasmedge/engine.ts';
import { type Gpu, openGpu } from '../../host/gpu/dawn.ts';
import { CommandReplay, type CommandStream, type Surface } from '../../host/gpu/replay.ts';
import { cacheDir, compile, load } from '../session/compile.ts';
import { type Bench, benchmark } from './harness.ts';
import { idleDevice } from './idle.ts';

const DRAWS = 3000;
const ROUNDS = 500;
const DAWN_ROUNDS = 100;
const FRAME_US = 1e6 / 60;
const SHARE_MAX = 5;

/** Source of a game that makes as many draws as its picture is wide, each with a bind group at a different dynamic offset. */
const source = `
import { BufferUsage, BufferBindingType, device, Game, play, ShaderStage, surface } from '@nearlight/sdk';
import { BindGroup, RenderPassDescriptor, RenderPipeline } from '@nearlight/sdk';
export { init, join, leave, render, tick, version } from '@nearlight/sdk/game';

const code = \`
  @group(0) @binding(0) var<uniform> place: vec4f;
  @vertex fn vs() -> @builtin(position) vec4f { return place; }
  @fragment fn fs() -> @location(0) vec4f { return vec4f(1); }\`;

class Draws extends Game {
  private pipeline!: RenderPipeline;
  private group!: BindGroup;
  private pass: RenderPassDescriptor = { colorAttachments: [{ view: surface.view }] };

  init(_seed: u64, _tickRate: u32, _seats: u32): void {
    const buffer = device.createBuffer({ size: 256 * ${DRAWS}, usage: BufferUsage.UNIFORM });
    const layout = device.createBindGroupLayout({
      entries: [{ visibility: ShaderStage.VERTEX, buffer: { type: BufferBindingType.uniform, hasDynamicOffset: true } }],
    });
    const module = device.createShaderModule({ code });
    this.group = device.createBindGroup({ layout, entries: [{ buffer, size: 16 }] });
    this.pipeline = device.createRenderPipeline({
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      vertex: { module },
      fragment: { module, targets: [{ format: surface.format }] },
    });
  }

  render(_seat: i32, width: u32, _height: u32): void {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginRenderPass(this.pass);
    pass.setPipeline(this.pipeline);
    for (let n: u32 = 0; n < width; n++) {
      pass.setBindGroupAt(0, this.group, n * 256);
      pass.draw(3);
    }
    pass.end();
    device.queue.submit(encoder.finish());
  }
}

play(new Draws());
`;

/** Times a call again and again after a warm-up. Returns the microseconds of each time. */
async function time(call: () => unknown, rounds = ROUNDS): Promise<number[]> {
  for (let n = 0; n < rounds / 5; n++) await call();
  const samples: number[] = [];
  for (let n = 0; n < rounds; n++) {
    const start = performance.now();
    await call();
    samples.push((performance.now() - start) * 1000);
  }
  return samples;
}

/** Returns the median microseconds that the draws add to a call of render: encoding, and passing the stream to the host. */
async function timeGuest(bench: Bench, instance: Instance, name: string): Promise<number> {
  const none = bench.figure(`${name}: render of no draw`, 'us', await time(() => instance.render(0, 0, 1)));
  const all = bench.figure(`${name}: render of ${DRAWS} draws`, 'us', await time(() => instance.render(0, DRAWS, 1)));
  return Math.max(0, all.p50 - none.p50);
}

interface Replayed {
  setup: CommandStream;
  frame: CommandStream;
  surface: Surface;
  rounds: number;
}

/**
 * Replays the commands of one frame on a device again and again. Returns the microseconds of each time, without the GPU's own
 * work.
 */
async function timeReplay(device: GPUDevice, { setup, frame, surface, rounds }: Replayed): Promise<number[]> {
  const ignore = { log: () => {}, reply: () => {}, write: () => {} };
  const replay = new CommandReplay({ device, limits: readConfig(), asset: () => undefined, ...ignore });
  replay.run(setup);
  const samples = await time(() => replay.run(frame, surface), rounds);
  replay.destroy();
  return samples;
}

const copy = ({ commands, data }: CommandStream): CommandStream => ({ commands: commands.slice(), data: data.slice() });

function picture({ device }: Gpu): Surface {
  const usage = GPUTextureUsage.RENDER_ATTACHMENT;
  const texture = device.createTexture({ size: [64, 64], format: 'rgba8unorm', usage });
  return { texture, view: texture.createView() };
}

await benchmark('contract', async (bench) => {
  const module = await compile('draws', source);
  const instance = await load(createJavaScriptEngine(), module);
  const setup = copy(instance.initial);
  const frame = copy(await instance.render(0, DRAWS, 1));
  bench.value('stream of a frame', 'bytes', frame.commands.byteLength);
  await timeGuest(bench, instance, 'V8');
  await instance.close();

  const engine = createWasmEdgeEngine({ cacheDir });
  const guest = await load(engine, module);
  const encode = await timeGuest(bench, guest, 'WasmEdge');
  await guest.close();

  const idle = await timeReplay(idleDevice(), { setup, frame, surface: {} as Surface, rounds: ROUNDS });
  const decode = bench.figure('check and decode', 'us', idle).p50;
  const gpu = await openGpu({ hardwareRequired: false, log: () => {}, backend: 'null' });
  const dawn = await timeReplay(gpu.device, { setup, frame, surface: picture(gpu), rounds: DAWN_ROUNDS });
  bench.figure("the same, and Dawn's calls (null backend)", 'us', dawn);
  gpu.close();

  bench.value('encode + check + decode', 'us', encode + decode);
  const value = ((encode + decode) / FRAME_US) * 100;
  bench.goal('share of a frame at 60 fps', { direction: 'at most', limit: SHARE_MAX, value, unit: '%' });
});
