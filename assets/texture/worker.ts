import { parentPort } from 'node:worker_threads';
import { must } from '../../host/base/assert.ts';
import { encodeTexture, type TextureJob } from './encode.ts';

const parent = must(parentPort, 'parent thread');

/** A worker thread that encodes textures. It takes one at a time and sends back the result, or the reason why it failed. */
parent.on('message', async (job: TextureJob) => {
  try {
    const texture = await encodeTexture(job);
    const buffers = new Set([...texture.blocks, ...texture.plain].map(({ data }) => data.buffer as ArrayBuffer));
    parent.postMessage({ texture }, [...buffers]);
  } catch (error) {
    parent.postMessage({ error: (error as Error).message });
  }
});
