/** Runs generated calls of modules on a GPU device, and checks that they do no harm to the host. */
import { must } from '../../host/base/assert.ts';
import { readConfig } from '../../host/base/config.ts';
import { NearlightError } from '../../host/base/errors.ts';
import { type Gpu, openGpu } from '../../host/gpu/dawn.ts';
import { DeviceErrors } from '../../host/gpu/errors.ts';
import { CommandReplay, type Surface } from '../../host/gpu/replay.ts';
import { type Call, encode } from './encode.ts';
import { ASSET_BYTES, DATA_BYTES } from './frame.ts';

export type Backend = 'null' | 'vulkan';

/** Low limits for the GPU work of a module, so that generated calls reach them, and so that their work ends soon. */
const limits = {
  ...readConfig({}),
  gpuObjectsMax: 256,
  gpuBufferBytesMax: 2 ** 18,
  gpuBytesMax: 2 ** 20,
  gpuDrawsMax: 256,
  gpuVerticesMax: 100_000,
  gpuWorkgroupsMax: 4096,
  mapBytesMax: 4096,
};

/** No call may take this much CPU time of this thread. Elapsed time would depend on the machine's load. */
const HANG_MS = 5000;
const PICTURE_EDGE = 16;

export interface Outcome {
  /** Number of calls that were run, including the one that failed. */
  streams: number;
  commands: number;
  /** The code of the error that ended the run; '' for none. */
  code: string;
  message: string;
  /** Messages about everything that went wrong in the host, such as a leak or an error without a code. */
  faults: string[];
  /** CPU time that this thread spent on the slowest call. */
  slowestMs: number;
}

/**
 * How the generated calls are run: 'at once' with run(), 'beside' with start(), which lets pipelines compile in the
 * background, or 'cut short' by destroy() during the first call.
 */
export type Manner = 'at once' | 'beside' | 'cut short';

export const mannerOf = (seed: number): Manner =>
  seed % 2 === 0 ? 'at once' : seed % 16 === 1 ? 'cut short' : 'beside';

const CODES: Record<Manner, string[]> = {
  'at once': ['NL_COMMAND', 'NL_GPU_VALIDATION'],
  beside: ['NL_COMMAND', 'NL_GPU_VALIDATION'],
  'cut short': ['NL_COMMAND', 'NL_GPU_VALIDATION', 'NL_ROOM_ENDED'],
};

/** Time after which a wait for the GPU is given up, so that a test that would hang ends. */
const SETTLE_MS = 60_000;

/** Waits for a promise. @throws Error if it does not settle in time */
async function settled(promise: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`a call did not end in ${SETTLE_MS} ms`)), SETTLE_MS);
  try {
    await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Returns the CPU time of this thread so far, in milliseconds. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/**
 * Wraps the functions of a device that create objects. Returns the set of its buffers, textures and query sets that are not
 * destroyed.
 */
function count(device: GPUDevice): Set<object> {
  const alive = new Set<object>();
  const methods = device as unknown as Record<string, (...args: unknown[]) => { destroy(): void }>;
  for (const name of ['createBuffer', 'createTexture', 'createQuerySet']) {
    const create = must(methods[name], `method ${name}`).bind(device);
    methods[name] = (...args) => {
      const made = create(...args);
      const destroy = made.destroy.bind(made);
      alive.add(made);
      made.destroy = () => {
        alive.delete(made);
        destroy();
      };
      return made;
    };
  }
  return alive;
}

export class Subject {
  readonly gpu: Gpu;
  readonly surface: Surface;
  readonly #alive: Set<object>;
  readonly #data = new Uint8Array(DATA_BYTES);
  readonly #asset = new Uint8Array(ASSET_BYTES);
  readonly #replays: WeakRef<CommandReplay>[] = [];
  /** Errors that the device reported while no replay executed commands. */
  readonly late: string[] = [];

  constructor(gpu: Gpu) {
    this.gpu = gpu;
    const { device } = gpu;
    const usage = GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.COPY_SRC;
    const texture = device.createTexture({ size: [PICTURE_EDGE, PICTURE_EDGE], format: 'rgba8unorm', usage });
    this.surface = { texture, view: texture.createView() };
    this.#alive = count(device);
    // The bulk data has small numbers, because an indirect draw may read them as the number of vertices.
    for (let n = 0; n < DATA_BYTES; n += 4) this.#data[n] = (n / 4) % 4;
  }

  static async open(backend: Backend): Promise<Subject> {
    return new Subject(await openGpu({ hardwareRequired: false, backend, log: () => {} }));
  }

  /** Runs calls on a new CommandReplay until one fails. Checks that no object, listener or error scope is left afterwards. */
  async run(calls: readonly Call[], { manner }: { manner: Manner } = { manner: 'at once' }): Promise<Outcome> {
    const { device } = this.gpu;
    const errors = DeviceErrors.of(device);
    const owners = errors.owners.size;
    const alive = this.#alive.size;
    const outcome: Outcome = { streams: 0, commands: 0, code: '', message: '', faults: [], slowestMs: 0 };
    const replay = new CommandReplay({
      device,
      limits,
      asset: (handle) => (handle === 0 ? this.#asset : undefined),
      log: () => {},
      reply: () => {},
      write: () => {},
      timestamps: true,
    });
    replay.observe({ onError: ({ message }) => this.late.push(message) });
    for (const { render, items } of calls) {
      const commands = encode(items);
      outcome.streams++;
      const submission = { commands, data: this.#data };
      const surface = render ? this.surface : undefined;
      const begun = cpuMs();
      let blockedMs: number | undefined;
      try {
        if (manner === 'at once') replay.run(submission, surface);
        else {
          const rest = replay.start(submission, surface);
          blockedMs = cpuMs() - begun;
          if (manner === 'cut short') replay.destroy();
          if (rest) await settled(rest);
        }
      } catch (error) {
        if (error instanceof NearlightError) outcome.code = error.code;
        else outcome.faults.push(`${(error as Error)?.stack ?? error} has no code`);
        outcome.message = String((error as Error)?.message);
      }
      outcome.slowestMs = Math.max(outcome.slowestMs, blockedMs ?? cpuMs() - begun);
      if (manner === 'cut short') break;
      if (outcome.code !== '' || outcome.faults.length > 0) break;
    }
    if (outcome.code !== '' && !CODES[manner].includes(outcome.code))
      outcome.faults.push(`the calls end with ${outcome.code}, which they may not`);
    outcome.commands = replay.stats().commands;
    replay.destroy();
    const { bytes, objectBytes, objects } = replay.stats();
    if (bytes !== 0) outcome.faults.push(`${bytes} bytes are accounted after the end`);
    if (objectBytes !== 0) outcome.faults.push(`${objectBytes} bytes of objects are accounted after the end`);
    if (objects !== 0) outcome.faults.push(`${objects} objects are left in the tables`);
    if (replay.scopes.open && manner !== 'cut short') outcome.faults.push('an error scope is open after the end');
    if (errors.owners.size !== owners || errors.running) outcome.faults.push('the replay still listens to the device');
    if (this.#alive.size !== alive) {
      outcome.faults.push(`${this.#alive.size - alive} of the objects that the calls created are not destroyed`);
      this.#alive.clear();
    }
    this.#replays.push(new WeakRef(replay));
    return outcome;
  }

  /** Runs calls as run() does, and also reports a call that takes too long. */
  async judge(calls: readonly Call[], options: { manner: Manner }): Promise<Outcome> {
    const outcome = await this.run(calls, options);
    if (outcome.slowestMs > HANG_MS) outcome.faults.push(`a call takes ${Math.round(outcome.slowestMs)} ms`);
    return outcome;
  }

  /** Waits for the work of the GPU and checks the device. Returns messages about everything that is wrong. */
  async settle(): Promise<string[]> {
    const { device } = this.gpu;
    const faults: string[] = [];
    if (this.gpu.lost) return ['the device is lost'];
    const { promise: late, resolve } = Promise.withResolvers<'late'>();
    const timer = setTimeout(() => resolve('late'), SETTLE_MS);
    const done = device.queue.onSubmittedWorkDone();
    if ((await Promise.race([done, late])) === 'late') faults.push('the work that was submitted does not end');
    clearTimeout(timer);
    for (let turn = 0; turn < 10; turn++) await new Promise((next) => setTimeout(next, 1));
    const scope = await device.popErrorScope().then(
      () => true,
      () => false,
    );
    if (scope) faults.push('an error scope of the device is left open');
    for (const message of this.late.splice(0)) faults.push(`the device said later: ${message}`);
    if (globalThis.gc) {
      globalThis.gc();
      await new Promise((next) => setTimeout(next, 1));
      globalThis.gc();
      const kept = this.#replays.filter((replay) => replay.deref() !== undefined).length;
      if (kept > 1) faults.push(`${kept} of ${this.#replays.length} replays are kept after their end`);
    }
    this.#replays.length = 0;
    return faults;
  }

  /** Runs a valid command stream. Returns whether it draws the picture that it should. */
  async works(): Promise<boolean> {
    const triangle = `@vertex fn vs(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
        return vec4f(f32(i & 1) * 4 - 1, f32(i >> 1) * 4 - 1, 0, 1); }
      @fragment fn fs() -> @location(0) vec4f { return vec4f(0, 1, 0, 1); }`;
    const stencil = { stencilFrontCompare: 'always', stencilBackCompare: 'always', sampleMask: 0xffffffff };
    const parts = { vertexModule: 2, fragmentModule: 2, sampleCount: 1, topology: 'triangle-list', ...stencil };
    const { faults, code } = await this.run([
      {
        render: true,
        items: [
          { command: 'createShaderModule', values: { id: 2, code: triangle } },
          {
            command: 'createRenderPipeline',
            values: { id: 2, ...parts, targets: [{ format: 'rgba8unorm', writeMask: 15 }] },
          },
          {
            command: 'beginRenderPass',
            values: { colorAttachments: [{ view: 1, loadOp: 'clear', storeOp: 'store' }] },
          },
          { command: 'setPipeline', values: { pipeline: 2 } },
          { command: 'draw', values: { vertexCount: 3, instanceCount: 1 } },
          { command: 'endRenderPass', values: {} },
          { command: 'submit', values: {} },
        ],
      },
    ]);
    if (faults.length > 0 || code !== '') return false;
    return this.gpu.adapter.description === '' || (await this.#pixel()) === '0 255 0 255';
  }

  async #pixel(): Promise<string> {
    const { device } = this.gpu;
    const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ;
    const buffer = device.createBuffer({ size: 256, usage });
    const encoder = device.createCommandEncoder();
    encoder.copyTextureToBuffer(
      { texture: this.surface.texture, origin: [7, 7] },
      { buffer, bytesPerRow: 256 },
      [1, 1],
    );
    device.queue.submit([encoder.finish()]);
    await buffer.mapAsync(GPUMapMode.READ);
    const text = [...new Uint8Array(buffer.getMappedRange(0, 4))].join(' ');
    buffer.destroy();
    return text;
  }
}
