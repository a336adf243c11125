import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Paths in a private runtime: WasmEdge, and Mesa with the Vulkan loader (host/cli/runtime.sh). */
export interface Runtime {
  readonly folder: string;
  /** Headers and libraries of WasmEdge. */
  readonly wasmEdgeInclude: string;
  readonly wasmEdgeLib: string;
  /** The program loader of the C library in `wasmEdgeLib`; undefined where WasmEdge runs on the system's. */
  readonly loader: string | undefined;
  /** A Node addon that does nothing but bring libvulkan.so.1 into the process. */
  readonly vulkanLoader: string;
  /** The manifest of the software Vulkan driver. */
  readonly driverManifest: string;
}

/** The runtime in a folder. */
export function runtimeIn(folder: string): Runtime {
  const wasmEdgeLib = join(folder, 'wasmedge/lib');
  const loader = readdirSync(wasmEdgeLib).find((name) => name.startsWith('ld-linux'));
  return {
    folder,
    wasmEdgeInclude: join(folder, 'wasmedge/include'),
    wasmEdgeLib,
    loader: loader === undefined ? undefined : join(wasmEdgeLib, loader),
    vulkanLoader: join(folder, 'graphics/lib/vulkan.node'),
    driverManifest: join(folder, 'graphics/nearlight_driver.json'),
  };
}

/** The command that starts a program built with this runtime: a C library of its own comes with a program loader of its own. */
export function commandOf(program: string, runtime: Runtime | undefined): string[] {
  return runtime?.loader === undefined ? [program] : [runtime.loader, '--library-path', runtime.wasmEdgeLib, program];
}
