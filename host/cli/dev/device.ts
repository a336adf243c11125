import { probeAnisotropy } from '../../gpu/anisotropy.ts';

/** WebGPU limits that are raised to the GPU's, as on the host (host/gpu/dawn.ts). All others stay at WebGPU's defaults. */
const RAISED_LIMITS = ['maxTextureDimension2D', 'maxBufferSize', 'maxStorageBufferBindingSize'] as const;

/** Command-line flags that enable WebGPU in Chromium on Linux. */
const CHROMIUM_FLAGS = '--enable-unsafe-webgpu --enable-features=Vulkan';

/** Flags that Chromium also needs on a machine without a GPU. They make it draw and compose in software on one device. */
const SOFTWARE_FLAGS = '--use-vulkan=swiftshader --use-angle=swiftshader';

/** All flags that Chromium needs for WebGPU on a machine without a GPU. */
export const CHROMIUM_SOFTWARE_FLAGS = `${CHROMIUM_FLAGS} ${SOFTWARE_FLAGS}`;

const CHROMIUM_ADVICE = `On Linux, close every window of Chromium and start it with ${CHROMIUM_FLAGS}, and on a machine without a GPU also with ${SOFTWARE_FLAGS}.`;

/** Advice for a browser without WebGPU. */
export const NO_WEBGPU =
  `Use a current Chrome or Edge, Safari 26, or Firefox 141 on Windows. ${CHROMIUM_ADVICE} ` +
  'Open the page at 127.0.0.1 or localhost, because over plain HTTP browsers offer WebGPU at no other address.';

/**
 * Explains a loss of the WebGPU device. Chromium loses it when it composes pages without a GPU, because it cannot make the
 * canvas's texture then (its log says "SharedImageStub: Unable to create shared image"). It gives either "destroyed" or
 * "unknown" as the reason. So a loss before the first frame most likely means that the browser cannot show a WebGPU canvas.
 */
export function explainLoss({ message }: GPUDeviceLostInfo, framesShown: number): string {
  const said = message.trim();
  if (framesShown > 0) return said;
  return (
    `${said} The browser lost the device before the first frame was shown. It has WebGPU, but it probably composes its pages ` +
    `without a GPU and cannot show a WebGPU canvas. ${CHROMIUM_ADVICE}`
  );
}

/** Opens the browser's GPU. Undefined if the browser has no WebGPU. */
export async function openDevice(): Promise<{ device: GPUDevice; name: string } | undefined> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' }).catch(() => null);
  if (!adapter) return undefined;
  const device = await adapter.requestDevice({
    requiredFeatures: [...adapter.features] as GPUFeatureName[],
    requiredLimits: Object.fromEntries(RAISED_LIMITS.map((name) => [name, adapter.limits[name]])),
  });
  await probeAnisotropy(device);
  const { description, device: model, vendor, architecture } = adapter.info;
  return { device, name: description || model || `${vendor} ${architecture}`.trim() || 'unknown GPU' };
}
