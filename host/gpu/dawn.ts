/**
 * Dawn (the `webgpu` package) as the host's GPU. The one file of this folder that runs only in Node;
 * a browser hands its own device to the replay.
 */
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { NearlightError } from '../base/errors.ts';
import { findRuntime } from '../base/installed.ts';
import type { Milli } from '../base/time.ts';
import { probeAnisotropy } from './anisotropy.ts';
import { commandClock } from './clock.ts';
import { DeviceGroups } from './groups.ts';
import { DeviceWatch } from './watch.ts';

/** What is known of an adapter; empty strings where its driver does not say. */
export interface AdapterInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  /** The adapter's name and its driver with version, in the driver's own words. */
  readonly description: string;
}

/** An open GPU. Its owner calls close() once every object made from `device` is no longer used. */
export interface Gpu {
  /** Another one after reopen(): nothing keeps it. */
  readonly device: GPUDevice;
  readonly adapter: AdapterInfo;
  /** True where the CPU renders (llvmpipe, SwiftShader) or nothing does (the null backend). */
  readonly software: boolean;
  /** Whether the device no longer works: its driver failed, it works without end, or close() was called. */
  readonly lost: boolean;
  /** Resolves with why the device of now is lost, unless it is by close(). */
  readonly whenLost: Promise<string>;
  /**
   * Opens another device in the place of one that is lost, on a driver instance of its own.
   * @throws NearlightError NL_NO_GPU
   */
  reopen(): Promise<void>;
  /** Destroys the device and everything made from it; idempotent. */
  close(): void;
}

export interface OpenOptions {
  /** True: refuse a software adapter. */
  hardwareRequired: boolean;
  log(level: 'error' | 'warn' | 'info', message: string): void;
  /** `null` executes nothing and needs no driver; for tests. */
  backend?: 'vulkan' | 'null';
  /** Milliseconds for the limits on commands and compilations; the system's clock by default. */
  now?(): Milli;
}

const features = [
  'depth-clip-control',
  'depth32float-stencil8',
  'texture-compression-bc',
  'texture-compression-bc-sliced-3d',
  'texture-compression-etc2',
  'texture-compression-astc',
  'texture-compression-astc-sliced-3d',
  'timestamp-query',
  'indirect-first-instance',
  'shader-f16',
  'rg11b10ufloat-renderable',
  'bgra8unorm-storage',
  'float32-filterable',
  'float32-blendable',
  'clip-distances',
  'dual-source-blending',
  'subgroups',
  'texture-formats-tier1',
  'texture-formats-tier2',
  'primitive-index',
] as readonly string[] as readonly GPUFeatureName[];

/** Taken as the adapter offers them; every other limit stays at WebGPU's default, so that a module runs everywhere. */
const limits = [
  'maxTextureDimension2D',
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxColorAttachmentBytesPerSample',
  'maxStorageBuffersPerShaderStage',
] as const satisfies readonly (keyof GPUSupportedLimits)[];

/** An instance that is collected takes the process with it (dawn.node 0.6), so each is kept. */
const instances: GPU[] = [];
/** The one of each backend that works. */
const current = new Map<string, GPU>();

/**
 * Opens a hardware adapter, or else a software one with a single line of warning.
 * Also installs WebGPU's globals (GPUBufferUsage and the like) and paces Dawn's polling, both once.
 * @throws NearlightError NL_NO_GPU where there is no adapter, or only software and `hardwareRequired`
 */
export async function openGpu(options: OpenOptions): Promise<Gpu> {
  const { log, backend = 'vulkan' } = options;
  let opened = await open(options);
  if (opened.software && backend !== 'null') {
    const { description } = opened.adapter;
    log('warn', `no hardware GPU: rendering in software on ${description}; expect low frame rates at large sizes`);
  }
  return {
    get device() {
      return opened.device;
    },
    get adapter() {
      return opened.adapter;
    },
    get software() {
      return opened.software;
    },
    get lost() {
      return opened.lost;
    },
    get whenLost() {
      return opened.whenLost;
    },
    async reopen() {
      // The driver of a device that works without end would do nothing else for another device.
      current.delete(backend);
      opened = await open(options);
    },
    close() {
      // To destroy a device waits for its work, which may have no end.
      if (!opened.hung) opened.device.destroy();
    },
  };
}

interface Opened {
  device: GPUDevice;
  adapter: AdapterInfo;
  software: boolean;
  lost: boolean;
  hung: boolean;
  whenLost: Promise<string>;
}

async function open({ hardwareRequired, log, backend = 'vulkan', now }: OpenOptions): Promise<Opened> {
  const instance = await openInstance(backend);
  const adapter = await instance.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) {
    throw new NearlightError(
      'NL_NO_GPU',
      'no Vulkan adapter was found; install the Vulkan loader and a driver (Debian: libvulkan1 and ' +
        "mesa-vulkan-drivers 25 or later, or the GPU vendor's driver) and check with `vulkaninfo --summary`",
    );
  }
  const { vendor, architecture, device: name, description } = adapter.info;
  const software = backend === 'null' || adapter.info.isFallbackAdapter;
  if (software && hardwareRequired) {
    throw new NearlightError(
      'NL_NO_GPU',
      `GPU_ENABLED=true, but the only adapter renders in software (${description}); install the GPU's driver, ` +
        'give this process access to /dev/dri or /dev/nvidia*, or unset GPU_ENABLED',
    );
  }
  const device = await openDevice(adapter);
  if (now) commandClock(device).now = now;
  warmUp(device);
  if (backend !== 'null') await probeAnisotropy(device);
  DeviceGroups.of(device).collect = () => setImmediate(collectGarbage);
  device.addEventListener('uncapturederror', (event) => {
    // Listeners that come later find out whose it is.
    queueMicrotask(() => {
      if (!event.defaultPrevented) log('error', `GPU: ${event.error.message}`);
    });
  });
  const lost = Promise.withResolvers<string>();
  const opened: Opened = {
    device,
    adapter: { vendor, architecture, device: name, description },
    software,
    lost: false,
    hung: false,
    whenLost: lost.promise,
  };
  void device.lost.then(({ reason, message }) => {
    opened.lost = true;
    if (reason !== 'destroyed') lost.resolve(message);
  });
  void DeviceWatch.of(device).hung.then(() => {
    opened.lost = true;
    opened.hung = true;
    lost.resolve('its work did not end');
  });
  return opened;
}

async function openInstance(backend: string): Promise<GPU> {
  const known = current.get(backend);
  if (known) return known;
  // Mesa complains on stderr where it is unset, and only a window system would use it.
  process.env.XDG_RUNTIME_DIR ??= tmpdir();
  tamePolling();
  try {
    usePrivateVulkan();
    const { create, globals } = await import('webgpu');
    Object.assign(globalThis, globals);
    const instance = create([`backend=${backend}`]);
    instances.push(instance);
    current.set(backend, instance);
    return instance;
  } catch (cause) {
    const detail = `Dawn's library for Node could not be loaded (${String(cause)}); it needs glibc 2.34 or later`;
    throw new NearlightError('NL_NO_GPU', detail, { cause });
  }
}

/**
 * Has Dawn use the Vulkan loader and the software driver of the private runtime, where there is one. Drivers of hardware stay
 * the system's; its own software driver may be too old, and two versions of one library cannot share a process.
 */
function usePrivateVulkan(): void {
  const runtime = findRuntime();
  if (!runtime) return;
  createRequire(import.meta.url)(runtime.vulkanLoader);
  process.env.VK_ADD_DRIVER_FILES ??= runtime.driverManifest;
  process.env.VK_LOADER_DRIVERS_DISABLE ??= 'lvp_icd*';
}

async function openDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  try {
    return await adapter.requestDevice({
      label: 'nearlight',
      requiredFeatures: features.filter((feature) => adapter.features.has(feature)),
      requiredLimits: Object.fromEntries(limits.map((limit) => [limit, adapter.limits[limit]])),
    });
  } catch (cause) {
    throw new NearlightError('NL_NO_GPU', `the adapter gave no device (${String(cause)}); update its driver`, {
      cause,
    });
  }
}

/**
 * Has Dawn make the pipelines of its own that it otherwise makes when they are needed first: for timestamps, and to check
 * indirect draws and dispatches. A software adapter makes none while it works, so that a shader without an end would
 * then stop this thread.
 */
function warmUp(device: GPUDevice): void {
  const { INDIRECT, INDEX, QUERY_RESOLVE } = GPUBufferUsage;
  const buffer = device.createBuffer({ size: 256, usage: INDIRECT | INDEX });
  const code = '@vertex fn v() -> @builtin(position) vec4f { return vec4f(); } @compute @workgroup_size(1) fn c() {}';
  const module = device.createShaderModule({ code });
  const depthStencil = { format: 'depth16unorm', depthWriteEnabled: false, depthCompare: 'always' } as const;
  const depth = device.createTexture({
    size: [1, 1],
    format: depthStencil.format,
    usage: GPUTextureUsage.RENDER_ATTACHMENT,
  });
  const encoder = device.createCommandEncoder();
  const compute = encoder.beginComputePass();
  compute.setPipeline(device.createComputePipeline({ layout: 'auto', compute: { module } }));
  compute.dispatchWorkgroupsIndirect(buffer, 0);
  compute.end();
  const render = encoder.beginRenderPass({
    colorAttachments: [],
    depthStencilAttachment: { view: depth.createView(), depthReadOnly: true },
  });
  render.setPipeline(device.createRenderPipeline({ layout: 'auto', vertex: { module }, depthStencil }));
  render.setIndexBuffer(buffer, 'uint16');
  render.drawIndirect(buffer, 0);
  render.drawIndexedIndirect(buffer, 0);
  render.end();
  const queries = device.features.has('timestamp-query')
    ? device.createQuerySet({ type: 'timestamp', count: 1 })
    : undefined;
  const times = device.createBuffer({ size: 256, usage: QUERY_RESOLVE });
  if (queries) encoder.resolveQuerySet(queries, 0, 1, times, 0);
  device.queue.submit([encoder.finish()]);
  for (const used of [buffer, depth, times, queries]) used?.destroy();
}

/** Garbage collection does not see what Dawn's objects hold, so that it has to be asked for. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

/** Polls at once after a call, which finds what takes a small job's time; every later one waits for a timer. */
const IMMEDIATE_POLLS = 4;
const POLL_MS = 1;

let tamed = false;

/**
 * Paces Dawn's polling. While a promise of its is pending, dawn.node polls from the global setImmediate in a closed loop: that
 * takes a core from the software adapter or the encoder, and its garbage makes for a full collection every second.
 * From now on a call's first few polls stay immediate and the rest come from a timer. Every other use of setImmediate
 * is left as it was. Idempotent.
 */
export function tamePolling(): void {
  if (tamed) return;
  tamed = true;
  const { setImmediate } = globalThis;
  let inPoll = false;
  let polls = 0;
  const poll = (callback: () => void): void => {
    inPoll = true;
    try {
      callback();
    } finally {
      inPoll = false;
    }
  };
  const paced = (callback: (...args: unknown[]) => void, ...args: unknown[]): unknown => {
    if (args.length > 0 || !isPoll(callback)) return setImmediate(callback, ...args);
    // A poll that finds something still pending asks for the next one itself; any other request starts a new chain.
    polls = inPoll ? polls + 1 : 0;
    return polls < IMMEDIATE_POLLS ? setImmediate(poll, callback) : setTimeout(poll, POLL_MS, callback);
  };
  globalThis.setImmediate = Object.defineProperties(
    paced,
    Object.getOwnPropertyDescriptors(setImmediate),
  ) as typeof setImmediate;
}

/** Dawn's poll is a native function without name or parameters; a bound function prints alike, but has a name. */
function isPoll(callback: (...args: unknown[]) => void): boolean {
  return callback.name === '' && callback.length === 0 && String(callback) === 'function () { [native code] }';
}
