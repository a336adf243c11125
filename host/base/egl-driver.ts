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
/** The library that NVIDIA's own manifest names, and the libraries of X11 without which it offers no GPU. */
const GLX = ['libGLX_nvidia.so.0', 'libX11.so.6', 'libXext.so.6'];
const MANIFEST = join(import.meta.dirname, 'nvidia-egl.json');

/**
 * Returns the path of a manifest for the Vulkan driver in NVIDIA's EGL library, which needs no X11. Undefined if the system lacks
 * that library, if the one that NVIDIA's own manifest names can be used, or if a person chose drivers in the environment.
 */
export function findEglDriver(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  if (environment.VK_DRIVER_FILES || environment.VK_ICD_FILENAMES) return undefined;
  const folders = libraryFolders(environment);
  const has = (name: string): boolean => folders.some((folder) => existsSync(join(folder, name)));
  return has(EGL) && !GLX.every(has) ? MANIFEST : undefined;
}

/** Returns the folders in which the libraries of NVIDIA's driver may be, the first ones first to look in. */
export function libraryFolders(environment: NodeJS.ProcessEnv): readonly string[] {
  const own = (environment.LD_LIBRARY_PATH ?? '').split(':').filter((folder) => folder !== '');
  return [...own, ...FOLDERS];
}
