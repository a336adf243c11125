/**
 * Opens the host's GPU through Dawn, the `webgpu` package. Only this file and those that it alone imports need Node; a browser
 * hands its own device to the replay.
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
import { tamePolling } from './polling.ts';
import { warmUp } from './warmup.ts';
import { DeviceWatch } from './watch.ts';

/** Describes an adapter. A field is empty if the driver does not say. */
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
  /** Whether the CPU renders (llvmpipe, SwiftShader), or nothing does (the null backend). */
  readonly software: boolean;
  /** Whether the device cannot be used: the driver failed, work does not end, or close() was called. */
  readonly lost: boolean;
  /** Resolves with the reason when the current device is lost. Never settles if close() ends the device. */
  readonly whenLost: Promise<string>;
  /**
   * Replaces a lost device by a new one, with a new instance of the driver.
   * @throws NearlightError NL_NO_GPU
   */
  reopen(): Promise<void>;
  /** Destroys the device and all its objects; idempotent. */
  close(): void;
}

export interface OpenOptions {
  /** If true, opening fails when there is only a software adapter. */
  hardwareRequired: boolean;
  log(level: 'error' | 'warn' | 'info', message: string): void;
  /** `null` needs no driver and executes nothing; it is for tests. */
  backend?: 'vulkan' | 'null';
  /** Milliseconds for the limits on commands and compilations; the system's clock by default. */
  now?(): Milli;
}

/** Requested if the adapter has them. */
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

/** Limits that are as high as the adapter allows. All others stay at WebGPU's defaults, so that a module runs everywhere. */
const LIMITS = [
  'maxTextureDimension2D',
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxColorAttachmentBytesPerSample',
  'maxStorageBuffersPerShaderStage',
] as const satisfies readonly (keyof GPUSupportedLimits)[];

/** All instances, because the process crashes when one is garbage-collected (dawn.node 0.6). */
const INSTANCES: GPU[] = [];
/** The instance that each backend uses now. */
const CURRENT = new Map<string, GPU>();

/**
 * Opens a hardware adapter. Without one, opens a software adapter and logs one warning. The first call also installs WebGPU's
 * globals, such as GPUBufferUsage, and slows down Dawn's polling.
 * @throws NearlightError NL_NO_GPU without an adapter, or with only a software adapter and `hardwareRequired`
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
      // A driver instance that executes endless work executes nothing for another device.
      CURRENT.delete(backend);
      opened = await open(options);
    },
    close() {
      // Destroying a device waits for its work to end, which may never happen.
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
  DeviceGroups.of(device).collectWith(() => setImmediate(collectGarbage));
  device.addEventListener('uncapturederror', (event) => {
    // Listeners that were added later find out which room caused the error, and then prevent the default.
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
  const known = CURRENT.get(backend);
  if (known) return known;
  // Mesa writes a warning to stderr if this is unset, although only a window system would use it.
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
      requiredFeatures: FEATURES.filter((feature) => adapter.features.has(feature)),
      requiredLimits: Object.fromEntries(LIMITS.map((limit) => [limit, adapter.limits[limit]])),
    });
  } catch (cause) {
    throw new NearlightError('NL_NO_GPU', `the adapter gave no device (${String(cause)}); update its driver`, {
      cause,
    });
  }
}

/** Collects garbage. The JavaScript engine would do so too late, because it does not see what Dawn's objects hold. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}
