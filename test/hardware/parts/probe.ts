import { open } from '../game.ts';
import type { Reporter } from '../report.ts';

export async function run(report: Reporter): Promise<void> {
  const gpu = await open();
  report.facts({ ...gpu.adapter, software: gpu.software });
}
