import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Folders in which systems and containers have the libraries of NVIDIA's driver, after those in LD_LIBRARY_PATH. */
const FOLDERS = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib64',
  '/usr/lib',
  '/lib/x86_64-linux-gnu',
  '/lib64',
  '/usr/local/lib',
  '/usr/local/nvidia/lib64',
  '/usr/local/nvidia/lib',
  '/run/opengl-driver/lib',
];
const EGL = 'libEGL_nvidia.so.0';
const MANIFEST = join(import.meta.dirname, 'nvidia-egl.json');

/**
 * Returns the path of a manifest for the Vulkan driver in NVIDIA's EGL library. Undefined if the system lacks that library, or if a
 * person chose drivers in the environment. NVIDIA's own manifest, `nvidia_icd.json`, often names the GLX library instead, which
 * offers no GPU where X11 is missing, and on servers also where it is installed. The same driver is behind both.
 */
export function findEglDriver(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  if (environment.VK_DRIVER_FILES || environment.VK_ICD_FILENAMES) return undefined;
  return libraryFolders(environment).some((folder) => existsSync(join(folder, EGL))) ? MANIFEST : undefined;
}

/** Returns the folders in which the libraries of NVIDIA's driver may be, the first ones first to look in. */
export function libraryFolders(environment: NodeJS.ProcessEnv): readonly string[] {
  const own = (environment.LD_LIBRARY_PATH ?? '').split(':').filter((folder) => folder !== '');
  return [...own, ...FOLDERS];
}
