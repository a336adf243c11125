import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { capabilities } from '../../gpu/capability.ts';
import type { Gpu } from '../../gpu/dawn.ts';

/** Version of what a trial does. A verdict of another version does not count. */
const TRIAL_VERSION = 2;

/** Identifies everything that determines how a shader compiles: the GPU, its driver, Dawn, and what a trial does. */
export function driverIdentity({ adapter, device }: Pick<Gpu, 'adapter' | 'device'>): string {
  const { version } = createRequire(import.meta.url)('webgpu/package.json') as { version: string };
  const parts = [TRIAL_VERSION, version, process.arch, adapter, [...device.features].sort(), capabilities(device)];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
