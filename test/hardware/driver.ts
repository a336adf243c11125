import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findLibrary } from './machine.ts';

/** A way to find the Vulkan driver. */
export interface Driver {
  name: string;
  /** Environment variables for the processes that use the driver. */
  environment: Record<string, string>;
}

/** NVIDIA's libraries that are Vulkan drivers. The second works without X11, and containers may have only that one. */
const LIBRARIES = ['libGLX_nvidia.so.0', 'libEGL_nvidia.so.0'];
/** API version that a written manifest names, Vulkan 1.3; a driver with another version of the API says so itself. */
const API_VERSION = '1.3.0';

/**
 * Lists the Vulkan drivers to try, in this order. A machine may have NVIDIA's libraries without the manifest that the Vulkan
 * loader looks for, so one is written into the folder `out`. A user who has set VK_DRIVER_FILES has already chosen.
 */
export function listDrivers(out: string, environment: NodeJS.ProcessEnv = process.env): Driver[] {
  const system = { name: "the system's Vulkan drivers", environment: {} };
  if (environment.VK_DRIVER_FILES || environment.VK_ICD_FILENAMES) return [system];
  const direct = LIBRARIES.flatMap((name) => {
    const library = findLibrary(name, environment);
    if (library === undefined) return [];
    const manifest = join(out, `${name}.json`);
    const icd = { library_path: library, api_version: API_VERSION };
    writeFileSync(manifest, JSON.stringify({ file_format_version: '1.0.1', ICD: icd }));
    return { name: library, environment: { VK_DRIVER_FILES: manifest } };
  });
  return [system, ...direct];
}
