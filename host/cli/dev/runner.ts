import type { Config } from '../../base/config.ts';
import type { Saved } from '../../play/tab.ts';
import type { Built } from './build.ts';
import type { FromGame, Size, ToGame } from './messages.ts';

export interface RunnerOptions {
  config: Config;
  seed: number;
  size: Size;
  /** Takes the canvas: a new one with each worker. */
  picture: HTMLElement;
  /** The state that a build is to go on from. */
  saved(): Saved | undefined;
  heard(message: FromGame): void;
  /** Build `id` has not come back from a call for STUCK_MS, or it has now. */
  stuck(id: number, stuck: boolean): void;
  /** A new worker is there, which knows of no input. */
  renewed(): void;
}

/** A call that takes longer may be an endless loop; it may also stand in a debugger, and come back. */
export const STUCK_MS = 3000;
const ASK_MS = 250;

/** Keeps a worker for the game, and throws it away for a new one where a build cannot be played in it. */
export class Runner {
  readonly #options: RunnerOptions;
  #worker!: Worker;
  #size: Size;
  #ready = false;
  /** The worker's GPU is lost. */
  #lost = false;
  /** When the worker was asked for a sign of life that has not come. */
  #askedAt: number | undefined;
  #stuck = false;
  #newest: Built | undefined;
  #begun = 0;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#size = options.size;
    this.#start();
    setInterval(() => this.#look(), ASK_MS);
  }

  play(notice: Built): void {
    this.#newest = notice;
    if (this.#lost || this.#stuck) this.#renew();
    else this.#build(notice);
  }

  /** Plays the newest build once more, from the state that was saved last. */
  retry(): void {
    if (this.#lost || this.#stuck || !this.#ready) this.#renew();
    else if (this.#newest) this.#build(this.#newest);
  }

  resize(size: Size): void {
    this.#size = size;
    this.send({ kind: 'size', ...size });
  }

  send(message: ToGame): void {
    this.#worker.postMessage(message);
  }

  #start(): void {
    const { config, seed, picture } = this.#options;
    const shown = document.createElement('canvas');
    picture.replaceChildren(shown);
    const canvas = shown.transferControlToOffscreen();
    const worker = new Worker('worker.js', { type: 'module' });
    this.#worker = worker;
    worker.onmessage = ({ data }) => {
      if (worker === this.#worker) this.#hear(data as FromGame);
    };
    worker.postMessage({ kind: 'open', canvas, config, seed, ...this.#size } satisfies ToGame, [canvas]);
  }

  #renew(): void {
    this.#worker.terminate();
    this.#ready = false;
    this.#lost = false;
    this.#stuck = false;
    this.#askedAt = undefined;
    this.#start();
    this.#options.renewed();
    if (this.#newest) this.#build(this.#newest);
  }

  #build(notice: Built): void {
    this.#begun = 0;
    this.send({ kind: 'build', notice, saved: this.#options.saved() });
  }

  #hear(message: FromGame): void {
    if (message.kind === 'ready') this.#ready = true;
    else if (message.kind === 'begun') this.#begun = message.id;
    else if (message.kind === 'lost') this.#lost = true;
    else if (message.kind === 'pong') this.#answered();
    this.#options.heard(message);
  }

  #answered(): void {
    this.#askedAt = undefined;
    if (!this.#stuck) return;
    this.#stuck = false;
    this.#options.stuck(this.#begun, false);
  }

  #look(): void {
    if (!this.#ready || this.#stuck) return;
    const now = performance.now();
    if (this.#askedAt === undefined) {
      this.#askedAt = now;
      this.send({ kind: 'ping' });
    } else if (now - this.#askedAt > STUCK_MS) this.#overdue();
  }

  /** What keeps the worker is the newest build, or one before it, which then stands in its way. */
  #overdue(): void {
    if (this.#newest && this.#begun !== this.#newest.id) this.#renew();
    else {
      this.#stuck = true;
      this.#options.stuck(this.#begun, true);
    }
  }
}
