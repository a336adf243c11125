import { join } from 'node:path';
import { createJavaScriptEngine } from '../../host/engine/javascript.ts';
import type { Gpu } from '../../host/gpu/dawn.ts';
import { createStill } from '../../host/video/snapshot.ts';
import { playInto } from '../golden/ports.ts';
import { BUILD, readGame } from './game.ts';

/** Draws the example `triangle` with its module: the shortest way from nothing to a picture. */
export async function drawTriangle(gpu: Gpu): Promise<GPUTexture> {
  const texture = createStill(gpu.device, { width: 320, height: 180 });
  const playable = readGame(join(BUILD, 'triangle'));
  await playInto(texture, { playable, frame: { tick: 0 }, engine: createJavaScriptEngine(), gpu });
  return texture;
}
