import { probeAnisotropy } from '../../gpu/anisotropy.ts';

/** Taken as the adapter offers them, like the host's own (host/gpu/dawn.ts); the others stay at WebGPU's defaults. */
const limits = ['maxTextureDimension2D', 'maxBufferSize', 'maxStorageBufferBindingSize'] as const;

/** What a person can do where there is no WebGPU. */
export const NO_WEBGPU =
  'Use a current Chrome or Edge, Safari 26, or Firefox 141 on Windows. In Chromium on Linux start it with ' +
  '--enable-unsafe-webgpu --enable-features=Vulkan. The page has to be open at 127.0.0.1 or localhost.';

/** The GPU of this browser and its name; undefined where there is none. */
export async function openDevice(): Promise<{ device: GPUDevice; name: string } | undefined> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' }).catch(() => null);
  if (!adapter) return undefined;
  const device = await adapter.requestDevice({
    requiredFeatures: [...adapter.features] as GPUFeatureName[],
    requiredLimits: Object.fromEntries(limits.map((name) => [name, adapter.limits[name]])),
  });
  await probeAnisotropy(device);
  const { description, device: model, vendor, architecture } = adapter.info;
  return { device, name: description || model || `${vendor} ${architecture}`.trim() || 'unknown GPU' };
}
