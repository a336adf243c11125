import { Worker } from 'node:worker_threads';
import { SOURCE_ENDING } from '../../base/self.ts';
import type { Compilation } from './build.ts';

/** Compiles a game's sources in a thread of its own, without optimisation. */
export class Compiler {
  readonly #worker = new Worker(new URL(`./thread.${SOURCE_ENDING}`, import.meta.url));
  readonly #source: { root: string; entry: string };
  #running: Promise<Compilation> | undefined;

  /** @param source the project's folder, and the path from there to the game's main file */
  constructor(source: { root: string; entry: string }) {
    this.#source = source;
  }

  /** Compiles the game's current sources, after earlier calls are done. */
  compile(): Promise<Compilation> {
    const before = this.#running ?? Promise.resolve();
    this.#running = before.catch(() => {}).then(() => this.#compile());
    return this.#running;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #compile(): Promise<Compilation> {
    const { promise, resolve, reject } = Promise.withResolvers<Compilation>();
    this.#worker.once('message', resolve);
    this.#worker.once('error', reject);
    this.#worker.postMessage(this.#source);
    return promise.finally(() => this.#worker.removeListener('error', reject));
  }
}
