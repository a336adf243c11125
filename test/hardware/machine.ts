import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { libraryFolders } from '../../host/base/egl-driver.ts';
import { describeMachine } from '../bench/harness.ts';

/**
 * Libraries to look for: NVIDIA's Vulkan driver (with and without X11), shader compiler, CUDA, video encoder and management
 * library, then those of X11, and the Vulkan loader.
 */
const LIBRARIES = [
  'libGLX_nvidia.so.0',
  'libEGL_nvidia.so.0',
  'libnvidia-glvkspirv.so.*',
  'libcuda.so.1',
  'libnvidia-encode.so.1',
  'libnvidia-ml.so.1',
  'libX11.so.6',
  'libXext.so.6',
  'libvulkan.so.1',
];

const MANIFESTS = ['/etc/vulkan/icd.d', '/usr/share/vulkan/icd.d', '/usr/local/share/vulkan/icd.d'];
const DEVICES = ['/dev/nvidia*', '/dev/dri/*'];

/** Returns the path of a library; undefined if it is not installed. `name` may contain a star. */
export function findLibrary(name: string, environment: NodeJS.ProcessEnv = process.env): string | undefined {
  return libraryFolders(environment)
    .flatMap((folder) => globSync(join(folder, name)))
    .sort()[0];
}

/** Describes the hardware and drivers of this machine, from files and nvidia-smi. It works even if Vulkan does not. */
export function machineFacts(): Record<string, unknown> {
  return {
    ...describeMachine(),
    glibc: (process.report.getReport() as { header?: { glibcVersionRuntime?: string } }).header?.glibcVersionRuntime,
    driver: readText('/proc/driver/nvidia/version'),
    gpus: queryNvidia(),
    devices: DEVICES.flatMap((pattern) => globSync(pattern)),
    manifests: MANIFESTS.flatMap((folder) => globSync(join(folder, '*.json'))),
    libraries: Object.fromEntries(LIBRARIES.map((name) => [name, findLibrary(name) ?? 'not found'])),
  };
}

/** Returns what nvidia-smi prints about each GPU, such as name, memory and driver; empty without nvidia-smi. */
function queryNvidia(): string[] {
  try {
    const fields = 'name,memory.total,driver_version,pstate,power.limit,compute_mode,mig.mode.current';
    const options = [`--query-gpu=${fields}`, '--format=csv,noheader'];
    return execFileSync('nvidia-smi', options, { encoding: 'utf8', timeout: 10_000, stdio: 'pipe' }).trim().split('\n');
  } catch {
    return [];
  }
}

function readText(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined;
}
