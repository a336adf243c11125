import { parentPort } from 'node:worker_threads';
import { encodeTexture, type TextureJob } from './encode.ts';

/** A thread of pool.ts: takes one job at a time and answers with the texture, or with what went wrong. */
parentPort!.on('message', async (job: TextureJob) => {
  try {
    const texture = await encodeTexture(job);
    const buffers = new Set([...texture.blocks, ...texture.plain].map(({ data }) => data.buffer as ArrayBuffer));
    parentPort!.postMessage({ texture }, [...buffers]);
  } catch (error) {
    parentPort!.postMessage({ error: (error as Error).message });
  }
});
