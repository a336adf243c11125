/**
 * Opens the host's GPU through Dawn, the `webgpu` package. The rest of the GPU replay does not need Node, so that it also runs
 * in a browser, on the browser's own device.
 */
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { findEglDriver } from '../base/egl-driver.ts';
import { NearlightError } from '../base/errors.ts';
import { findRuntime } from '../base/installed.ts';
import type { Milli } from '../base/time.ts';
import { probeAnisotropy } from './anisotropy.ts';
import { commandClock } from './clock.ts';
import { DeviceGroups } from './groups.ts';
import { tamePolling } from './polling.ts';
import { warmUp } from './warmup.ts';
import { DeviceWatch } from './watch.ts';

/** Describes a GPU adapter. A field is empty if the driver does not provide it. */
export interface AdapterInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  /** Name of the adapter, and name and version of its driver, in the driver's own words. */
  readonly description: string;
}

/** An open GPU. Its owner calls close() when nothing uses objects of the device any longer. */
export interface Gpu {
  /** The current device. Do not keep it, because reopen() replaces it. */
  readonly device: GPUDevice;
  readonly adapter: AdapterInfo;
  /** Whether the adapter renders on the CPU (llvmpipe, SwiftShader), or not at all (the null backend). */
  readonly software: boolean;
  /** Whether the device cannot be used: the driver failed, work does not end, or close() was called. */
  readonly lost: boolean;
  /** Resolves with the reason when the current device is lost. Never settles if close() ends the device. */
  readonly whenLost: Promise<string>;
  /**
   * Replaces the lost GPU device by a new one, with a new instance of the driver.
   * @throws NearlightError NL_NO_GPU
   */
  reopen(): Promise<void>;
  /**
   * Destroys the GPU device and all its objects; idempotent. Resolves when the GPU has done its work, or after END_MS_MAX, because work
   * need not end. A process that ends while a software driver works may crash.
   */
  close(): Promise<void>;
}

export interface OpenOptions {
  /** If true, opening fails when there is only a software adapter. */
  hardwareRequired: boolean;
  log(level: 'error' | 'warn' | 'info', message: string): void;
  /** Dawn's backend. `null` needs no driver and executes nothing; it is for tests. */
  backend?: 'vulkan' | 'null';
  /** Clock, in milliseconds, for the time limits on commands and compilations; by default the system's clock. */
  now?(): Milli;
}

/** The WebGPU features that the host requests from an adapter that has them. */
const FEATURES = [
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

/** GPU limits requested as high as the adapter allows. Others stay at WebGPU's defaults, so that a module runs everywhere. */
const LIMITS = [
  'maxTextureDimension2D',
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxColorAttachmentBytesPerSample',
  'maxStorageBuffersPerShaderStage',
] as const satisfies readonly (keyof GPUSupportedLimits)[];

/** How long the end of a device waits for the GPU's work. */
export const END_MS_MAX = 1000;

/** Keeps all of Dawn's instances, because the process crashes when one is garbage-collected (dawn.node 0.6). */
const INSTANCES: GPU[] = [];
/** Dawn's instance that is in use for each backend. */
const CURRENT = new Map<string, GPU>();

/**
 * Opens the hardware GPU. If there is none, opens a software adapter and logs one warning. The first call also installs
 * WebGPU's globals, such as GPUBufferUsage, and slows down Dawn's polling.
 * @throws NearlightError NL_NO_GPU if there is no adapter, or `hardwareRequired` is set and there is only a software adapter
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
      // A new instance is needed: while an instance of the driver executes endless work, it serves no other device.
      CURRENT.delete(backend);
      opened = await open(options);
    },
    async close() {
      if (!opened.lost) await workDone(opened.device);
      // A device that works is not destroyed, because that would wait for its work, which need not end.
      if (!DeviceWatch.of(opened.device).works) opened.device.destroy();
    },
  };
}

/** Resolves when the GPU has done what was submitted to it, or is given up, or after END_MS_MAX. */
async function workDone(device: GPUDevice): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, END_MS_MAX);
  const done = device.queue.onSubmittedWorkDone().catch(() => {});
  await Promise.race([done, DeviceWatch.of(device).hung, late.promise]);
  clearTimeout(timer);
}

interface Opened {
  device: GPUDevice;
  adapter: AdapterInfo;
  software: boolean;
  lost: boolean;
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
  DeviceWatch.of(device).isSoftware = software;
  warmUp(device);
  if (backend !== 'null') await probeAnisotropy(device);
  DeviceGroups.of(device).collectWith(collectSoon);
  device.addEventListener('uncapturederror', (event) => {
    // Listeners that are added later find out which room caused an error, and then prevent the default: this log line.
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
    whenLost: lost.promise,
  };
  void device.lost.then(({ reason, message }) => {
    opened.lost = true;
    if (reason !== 'destroyed') lost.resolve(message);
  });
  void DeviceWatch.of(device).hung.then(() => {
    opened.lost = true;
    lost.resolve('GPU work did not end');
  });
  return opened;
}

async function openInstance(backend: string): Promise<GPU> {
  const known = CURRENT.get(backend);
  if (known) return known;
  // Mesa writes a warning to stderr if XDG_RUNTIME_DIR is unset, although only a window system would use it.
  process.env.XDG_RUNTIME_DIR ??= tmpdir();
  tamePolling();
  try {
    usePrivateVulkan();
    const { create, globals } = await import('webgpu');
    Object.assign(globalThis, globals);
    const instance = create([`backend=${backend}`]);
    INSTANCES.push(instance);
    CURRENT.set(backend, instance);
    return instance;
  } catch (cause) {
    const detail = `Dawn's library for Node could not be loaded (${String(cause)}); it needs glibc 2.34 or later`;
    throw new NearlightError('NL_NO_GPU', detail, { cause });
  }
}

/**
 * Makes Dawn use the Vulkan loader and the software driver of Nearlight's private runtime, if that is installed. Hardware
 * drivers stay the system's. The system's software driver is left out: it may be too old, and two versions of one library
 * cannot share a process. NVIDIA's driver is taken from its EGL library, and not from the library that its own manifest names.
 */
function usePrivateVulkan(): void {
  const runtime = findRuntime();
  if (runtime) createRequire(import.meta.url)(runtime.vulkanLoader);
  // A person who names the Vulkan drivers in the environment gets these and no others.
  if (process.env.VK_DRIVER_FILES || process.env.VK_ICD_FILENAMES) return;
  const eglDriver = findEglDriver();
  const added = [runtime?.driverManifest, eglDriver].filter((path) => path !== undefined);
  const disabled = [runtime && 'lvp_icd*', eglDriver && 'nvidia_icd*'].filter((pattern) => pattern !== undefined);
  if (added.length > 0) process.env.VK_ADD_DRIVER_FILES ??= added.join(':');
  if (disabled.length > 0) process.env.VK_LOADER_DRIVERS_DISABLE ??= disabled.join();
}

async function openDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  try {
    return await adapter.requestDevice({
      label: 'nearlight',
      requiredFeatures: FEATURES.filter((feature) => adapter.features.has(feature)),
      requiredLimits: Object.fromEntries(LIMITS.map((limit) => [limit, adapter.limits[limit]])),
    });
  } catch (cause) {
    throw new NearlightError('NL_NO_GPU', `the adapter gave no device (${String(cause)}); update its driver`, {
      cause,
    });
  }
}

let isCollecting = false;

/** Collects garbage when the current work is done, once for all requests until then. */
function collectSoon(): void {
  if (isCollecting) return;
  isCollecting = true;
  setImmediate(() => {
    isCollecting = false;
    collectGarbage();
  });
}

/** Collects garbage. The JavaScript engine would do so too late, because it does not see the memory of Dawn's objects. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}
