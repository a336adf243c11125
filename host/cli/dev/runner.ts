import type { Config } from '../../base/config.ts';
import type { Saved } from '../../play/tab.ts';
import type { Built } from './build.ts';
import type { FromGame, Size, ToGame } from './messages.ts';

export interface RunnerOptions {
  config: Config;
  seed: number;
  size: Size;
  /** Element that holds the game's canvas. Each worker gets a new canvas. */
  picture: HTMLElement;
  /** Returns the saved state from which a new build of the game continues. */
  saved(): Saved | undefined;
  onMessage(message: FromGame): void;
  /** Called when a call of the game, build `id`, has not returned for STUCK_MS, and when it returns after all. */
  onStuck(id: number, isStuck: boolean): void;
  /** Called when a new worker has started, which does not know the keys that are held. */
  onNewWorker(): void;
}

/** A call of the game that takes longer may be an endless loop. It may also be stopped in a debugger and return later. */
export const STUCK_MS = 3000;
const PING_MS = 250;

/** Runs the game in a worker, and replaces the worker when it cannot run a build any more. */
export class Runner {
  readonly #options: RunnerOptions;
  #worker: Worker;
  #size: Size;
  /** Whether the worker has a GPU. */
  #ready = false;
  /** Whether the worker's GPU is lost. */
  #lost = false;
  /** When the worker was sent a ping that it has not answered yet. */
  #pingedAt: number | undefined;
  #stuck = false;
  #newest: Built | undefined;
  /** Id of the build whose code runs in the worker; 0 before any. */
  #running = 0;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#size = options.size;
    this.#worker = this.#startWorker();
    setInterval(() => this.#check(), PING_MS);
  }

  play(notice: Built): void {
    this.#newest = notice;
    if (this.#lost || this.#stuck) this.#replaceWorker();
    else this.#sendBuild(notice);
  }

  /** Plays the newest build of the game again, from its newest saved state. */
  retry(): void {
    if (this.#lost || this.#stuck || !this.#ready) this.#replaceWorker();
    else if (this.#newest) this.#sendBuild(this.#newest);
  }

  resize(size: Size): void {
    this.#size = size;
    this.send({ kind: 'size', ...size });
  }

  send(message: ToGame): void {
    this.#worker.postMessage(message);
  }

  #startWorker(): Worker {
    const { config, seed, picture } = this.#options;
    const shown = document.createElement('canvas');
    picture.replaceChildren(shown);
    const canvas = shown.transferControlToOffscreen();
    const worker = new Worker('worker.js', { type: 'module' });
    worker.onmessage = ({ data }) => {
      if (worker === this.#worker) this.#handle(data as FromGame);
    };
    worker.postMessage({ kind: 'open', canvas, config, seed, ...this.#size } satisfies ToGame, [canvas]);
    return worker;
  }

  #replaceWorker(): void {
    this.#worker.terminate();
    this.#ready = false;
    this.#lost = false;
    this.#stuck = false;
    this.#pingedAt = undefined;
    this.#worker = this.#startWorker();
    this.#options.onNewWorker();
    if (this.#newest) this.#sendBuild(this.#newest);
  }

  #sendBuild(notice: Built): void {
    this.#running = 0;
    this.send({ kind: 'build', notice, saved: this.#options.saved() });
  }

  #handle(message: FromGame): void {
    if (message.kind === 'ready') this.#ready = true;
    else if (message.kind === 'begun') this.#running = message.id;
    else if (message.kind === 'lost') this.#lost = true;
    else if (message.kind === 'pong') this.#noteAnswer();
    this.#options.onMessage(message);
  }

  #noteAnswer(): void {
    this.#pingedAt = undefined;
    if (!this.#stuck) return;
    this.#stuck = false;
    this.#options.onStuck(this.#running, false);
  }

  #check(): void {
    if (!this.#ready || this.#stuck) return;
    const now = performance.now();
    if (this.#pingedAt === undefined) {
      this.#pingedAt = now;
      this.send({ kind: 'ping' });
    } else if (now - this.#pingedAt > STUCK_MS) this.#overdue();
  }

  /** Handles a ping that the worker has not answered. If an older build blocks it, the newest build gets a new worker. */
  #overdue(): void {
    if (this.#newest && this.#running !== this.#newest.id) this.#replaceWorker();
    else {
      this.#stuck = true;
      this.#options.onStuck(this.#running, true);
    }
  }
}
