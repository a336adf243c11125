import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { SOURCE_ENDING } from '../../host/base/self.ts';
import { type EncodedTexture, encodeTexture, type TextureJob } from './encode.ts';

/** Texels of the largest texture that is encoded without a worker thread, because a thread takes longer to start. */
const INLINE_TEXELS = 256 * 256;
const THREADS_MAX = 8;

/** A texture to encode, with the functions that take the result. */
export interface PooledJob extends TextureJob {
  done(texture: EncodedTexture): void;
  /** Takes the reason why a texture cannot be encoded. @throws the error with which encodeTextures() rejects */
  failed(message: string): never;
}

/**
 * Encodes textures, the large ones in worker threads.
 * @throws the error that `failed` throws for the first texture that fails
 */
export async function encodeTextures(jobs: readonly PooledJob[]): Promise<void> {
  const isLarge = ({ width, height }: TextureJob) => width * height > INLINE_TEXELS;
  for (const job of jobs) {
    if (isLarge(job)) continue;
    const texture = await encodeTexture(job).catch((error: Error) => job.failed(error.message));
    job.done(texture);
  }
  const large = jobs.filter(isLarge).sort((a, b) => b.width * b.height - a.width * a.height);
  const threads = Math.min(availableParallelism(), THREADS_MAX, large.length);
  await Promise.all(Array.from({ length: threads }, () => work(large)));
}

/** Takes textures from a shared list and encodes them in one worker thread until none are left. */
async function work(jobs: PooledJob[]): Promise<void> {
  const worker = new Worker(new URL(`./worker.${SOURCE_ENDING}`, import.meta.url));
  try {
    for (let job = jobs.shift(); job; job = jobs.shift()) {
      const { done, failed, ...message } = job;
      const result = await encodeIn(worker, message);
      if (result.texture) done(result.texture);
      else failed(result.error ?? 'the worker thread sent no result');
    }
  } finally {
    jobs.length = 0;
    await worker.terminate();
  }
}

/** Message that a worker thread sends back: the texture, or the reason why it could not be encoded. */
interface Result {
  texture?: EncodedTexture;
  error?: string;
}

function encodeIn(worker: Worker, job: TextureJob): Promise<Result> {
  return new Promise((resolve) => {
    const result = (value: Result): void => {
      worker.off('message', result).off('error', failed).off('exit', ended);
      resolve(value);
    };
    const failed = (error: Error): void => result({ error: error.message });
    const ended = (): void => result({ error: 'the worker thread ended unexpectedly' });
    worker.on('message', result).on('error', failed).on('exit', ended);
    worker.postMessage(job);
  });
}
