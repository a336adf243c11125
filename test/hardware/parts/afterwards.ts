import { png, readPixels } from '../../../host/video/snapshot.ts';
import { open } from '../game.ts';
import type { Reporter } from '../report.ts';
import { drawTriangle } from '../triangle.ts';

export async function run(report: Reporter): Promise<void> {
  const begun = performance.now();
  const gpu = await open();
  report.value('GPU opened', 'ms', performance.now() - begun);
  const texture = await drawTriangle(gpu);
  const picture = png(await readPixels(gpu.device, texture));
  report.value('first picture read back', 'ms', performance.now() - begun);
  report.check('a new process can draw', picture.length > 1000, `a PNG of ${picture.length} bytes`);
}
