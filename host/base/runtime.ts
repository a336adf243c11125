import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Paths in a private runtime: a folder of WasmEdge, and Mesa with the Vulkan loader, made by host/cli/runtime.sh. */
export interface Runtime {
  readonly folder: string;
  /** Folder of WasmEdge's headers. `wasmEdgeLib` is that of its libraries. */
  readonly wasmEdgeInclude: string;
  readonly wasmEdgeLib: string;
  /** Dynamic loader (ld-linux) of the C library in `wasmEdgeLib`; undefined if WasmEdge uses the system's C library. */
  readonly loader: string | undefined;
  /** Path of a Node addon that only loads libvulkan.so.1 into the process. */
  readonly vulkanLoader: string;
  /** Path of the manifest of the software Vulkan driver. */
  readonly driverManifest: string;
}

/** Returns the paths of the private runtime in a folder. */
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

/** Command that starts a program built with this runtime, by the dynamic loader of the runtime's C library if it has one. */
export function commandOf(program: string, runtime: Runtime | undefined): string[] {
  return runtime?.loader === undefined ? [program] : [runtime.loader, '--library-path', runtime.wasmEdgeLib, program];
}
