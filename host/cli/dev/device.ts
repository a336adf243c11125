import { probeAnisotropy } from '../../gpu/anisotropy.ts';

/** Taken as the adapter offers them, like the host's own (host/gpu/dawn.ts); the others stay at WebGPU's defaults. */
const limits = ['maxTextureDimension2D', 'maxBufferSize', 'maxStorageBufferBindingSize'] as const;

/** Command-line flags with which Chromium on Linux has WebGPU on a GPU. */
const CHROMIUM_FLAGS = '--enable-unsafe-webgpu --enable-features=Vulkan';

/** What to add where there is no GPU: with these Chromium draws and composes in software, on one and the same device. */
const SOFTWARE_FLAGS = '--use-vulkan=swiftshader --use-angle=swiftshader';

export const CHROMIUM_SOFTWARE_FLAGS = `${CHROMIUM_FLAGS} ${SOFTWARE_FLAGS}`;

const CHROMIUM_ADVICE = `On Linux, close every window of Chromium and start it with ${CHROMIUM_FLAGS}, and on a machine without a GPU also with ${SOFTWARE_FLAGS}.`;

/** Advice for a browser without WebGPU. */
export const NO_WEBGPU =
  `Use a current Chrome or Edge, Safari 26, or Firefox 141 on Windows. ${CHROMIUM_ADVICE} ` +
  'Open the page at 127.0.0.1 or localhost: over plain HTTP browsers offer WebGPU at no other address.';

/**
 * Why the browser took the device away. Chromium destroys the device when it cannot make the canvas's texture, which is
 * so when it composes pages without a GPU ("SharedImageStub: Unable to create shared image" in its log). So a loss before
 * the first frame says that this browser has WebGPU but cannot show it.
 */
export function explainLoss({ reason, message }: GPUDeviceLostInfo, framesShown: number): string {
  const said = message.trim();
  if (reason !== 'destroyed' || framesShown > 0) return said;
  return (
    `${said} The browser destroyed the device before the first frame was shown: it has WebGPU, but composes its pages ` +
    `without a GPU and cannot show a WebGPU canvas. ${CHROMIUM_ADVICE}`
  );
}

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
