import { readPixels } from '../../../host/video/snapshot.ts';
import { open } from '../game.ts';
import type { Reporter } from '../report.ts';
import { drawTriangle } from '../triangle.ts';

const MIB = 2 ** 20;
const TRANSFER_BYTES = 64 * MIB;
const TRANSFERS = 8;

export async function run(report: Reporter): Promise<void> {
  const begun = performance.now();
  const gpu = await open();
  const { device, adapter, software } = gpu;
  report.value('GPU opened', 'ms', performance.now() - begun);
  report.facts({
    adapter,
    software,
    features: [...device.features].sort(),
    limits: limitsOf(device.limits),
    adapterFeaturesNotUsed: await unusedFeatures(device),
  });
  report.note(`${adapter.description}${software ? ' (renders in software)' : ''}`);
  for (const feature of ['timestamp-query', 'texture-compression-bc', 'shader-f16'] as const)
    if (!device.features.has(feature)) report.note(`the device has no ${feature}`);
  const texture = await drawTriangle(gpu);
  await readPixels(device, texture);
  report.value('first picture read back', 'ms', performance.now() - begun);
  await measureTransfers(device, report);
}

function limitsOf(limits: GPUSupportedLimits): Record<string, number> {
  const values: Record<string, number> = {};
  // The limits of a GPU device are getters of its prototype, which `for` visits and Object.entries() does not.
  for (const name in limits) {
    const value = limits[name as keyof GPUSupportedLimits];
    if (typeof value === 'number') values[name] = value;
  }
  return values;
}

/** Returns the WebGPU features that the adapter has, but that the host does not ask for. */
async function unusedFeatures(device: GPUDevice): Promise<string[]> {
  const { create } = await import('webgpu');
  const adapter = await create(['backend=vulkan']).requestAdapter({ powerPreference: 'high-performance' });
  return [...(adapter?.features ?? [])].filter((name) => !device.features.has(name)).sort();
}

/** Times copies between the CPU's memory and the GPU's, each with its wait for the GPU. */
async function measureTransfers(device: GPUDevice, report: Reporter): Promise<void> {
  const { COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const onGpu = device.createBuffer({ size: TRANSFER_BYTES, usage: COPY_SRC | COPY_DST });
  const staging = device.createBuffer({ size: TRANSFER_BYTES, usage: COPY_DST | MAP_READ });
  const bytes = new Uint8Array(TRANSFER_BYTES);
  const up: number[] = [];
  const down: number[] = [];
  const perSecond = (begun: number) => TRANSFER_BYTES / 1e9 / ((performance.now() - begun) / 1000);
  for (let n = 0; n < TRANSFERS; n++) {
    let begun = performance.now();
    device.queue.writeBuffer(onGpu, 0, bytes);
    await device.queue.onSubmittedWorkDone();
    up.push(perSecond(begun));
    begun = performance.now();
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(onGpu, 0, staging, 0, TRANSFER_BYTES);
    device.queue.submit([encoder.finish()]);
    await staging.mapAsync(GPUMapMode.READ);
    bytes.set(new Uint8Array(staging.getMappedRange()));
    staging.unmap();
    down.push(perSecond(begun));
  }
  report.figure('64 MiB written to the GPU', 'GB/s', up);
  report.figure('64 MiB read back from the GPU', 'GB/s', down);
  onGpu.destroy();
  staging.destroy();
}
