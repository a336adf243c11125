import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { SOURCE_ENDING } from '../../host/base/self.ts';
import { type EncodedTexture, encodeTexture, type TextureJob } from './encode.ts';

/** Textures of fewer texels take less time than a thread takes to start. */
const INLINE_TEXELS = 256 * 256;
const THREADS_MAX = 8;

/** A job, and what to do with the texture or the error that comes of it. */
export interface PooledJob extends TextureJob {
  done(texture: EncodedTexture): void;
  /** @throws what ends the whole work */
  failed(message: string): never;
}

/** Makes textures, large ones in threads of their own. @throws what a job's `failed` throws, the first one */
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

async function work(jobs: PooledJob[]): Promise<void> {
  const worker = new Worker(new URL(`./worker.${SOURCE_ENDING}`, import.meta.url));
  try {
    for (let job = jobs.shift(); job; job = jobs.shift()) {
      const { done, failed, ...message } = job;
      const answer = await ask(worker, message);
      if (answer.texture) done(answer.texture);
      else failed(answer.error ?? 'the encoder gave no answer');
    }
  } finally {
    jobs.length = 0;
    await worker.terminate();
  }
}

interface Answer {
  texture?: EncodedTexture;
  error?: string;
}

function ask(worker: Worker, job: TextureJob): Promise<Answer> {
  return new Promise((resolve) => {
    const answer = (value: Answer): void => {
      worker.off('message', answer).off('error', failed).off('exit', ended);
      resolve(value);
    };
    const failed = (error: Error): void => answer({ error: error.message });
    const ended = (): void => answer({ error: 'the thread ended' });
    worker.on('message', answer).on('error', failed).on('exit', ended);
    worker.postMessage(job);
  });
}
