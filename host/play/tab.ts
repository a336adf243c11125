import type { Config } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import type { Instance, Submission, TrapFrame } from '../engine/engine.ts';
import { createJavaScriptEngine } from '../engine/javascript.ts';
import type { CommandReplay, Surface } from '../gpu/replay.ts';
import type { PlayerInput } from '../room/input.ts';
import { createReplayFor, Launch } from './launch.ts';

/** A game's state, and the number of its next tick. */
export interface Saved {
  state: Uint8Array;
  ticks: number;
}

export interface GameOptions {
  module: Uint8Array;
  device: GPUDevice;
  config: Config;
  seed: number;
  assets: Uint8Array;
  input: PlayerInput;
  /** What an earlier build had come to. */
  saved?: Saved | undefined;
  log(level: string, message: string): void;
  /** An error that shows only after the call that caused it. */
  onError(error: Error): void;
}

/** Ticks that a late page makes up for in a row; the others are let go. */
const CATCH_UP_MAX = 12;
const SEAT = 0;

/** A trap with the places that it arose in, which the server can name. */
export class TrapError extends Error {
  readonly frames: readonly TrapFrame[];
  constructor(cause: Error, frames: readonly TrapFrame[]) {
    super(cause.message, { cause });
    this.frames = frames;
  }
}

/** One module that runs in this tab, with one player. */
export class Game {
  /** Milliseconds of the newest frame. */
  encodeMs = 0;
  replayMs = 0;
  readonly #options: GameOptions;
  readonly #instance: Instance;
  readonly #replay: CommandReplay;
  readonly #frames: { last: readonly TrapFrame[] };
  #ticks: number;
  #nextTick = 0;

  private constructor(
    options: GameOptions,
    instance: Instance,
    replay: CommandReplay,
    frames: { last: readonly TrapFrame[] },
  ) {
    this.#options = options;
    this.#instance = instance;
    this.#frames = frames;
    this.#ticks = options.saved?.ticks ?? 0;
    this.#replay = replay;
    replay.observe({ onError: options.onError });
  }

  /** Loads a module, from `saved` if that is given. @throws TrapError, or NearlightError if the module cannot run */
  static async open(options: GameOptions): Promise<Game> {
    const { module, device, config, seed, assets, saved, log } = options;
    const frames = { last: [] as readonly TrapFrame[] };
    const locate = (found: readonly TrapFrame[]) => {
      frames.last = found;
      return '';
    };
    const launcher = new Launch({
      playable: { name: '', module, assets, locate },
      engine: createJavaScriptEngine(),
      gpu: { device },
      config,
      session: { seed, tickRate: config.tickRate, seats: 1 },
      log,
    });
    const instance = await launcher
      .createInstance()
      .catch((error: Error) => Promise.reject(new TrapError(error, frames.last)));
    const game = new Game(options, instance, createReplayFor(instance, launcher), frames);
    try {
      game.#run(instance.initial);
      if (saved) await game.#call(instance.restore(saved.state));
      await game.#call(instance.join(SEAT));
    } catch (error) {
      await game.close();
      throw error;
    }
    return game;
  }

  /** Ticks up to `now`, in milliseconds, and draws a frame into what `surface` gives. @throws as open */
  async frame(now: number, surface: () => Surface): Promise<void> {
    const { input, config } = this.#options;
    const { inputs } = this.#instance;
    const tickMs = 1000 / config.tickRate;
    if (now - this.#nextTick > CATCH_UP_MAX * tickMs) this.#nextTick = now;
    for (; this.#nextTick <= now; this.#nextTick += tickMs) {
      input.write(inputs, SEAT);
      const ticked = this.#instance.tick(this.#ticks++);
      input.consumed();
      await this.#call(ticked);
    }
    input.write(inputs, SEAT);
    const begun = performance.now();
    // The canvas' texture is good for this task only, and lost where the module is waited for.
    const shown = surface();
    const { width, height } = shown.texture;
    const submission = await this.#instance.render(SEAT, width, height).catch((error) => this.#trapped(error));
    const encoded = performance.now();
    this.#run(submission, shown);
    this.encodeMs = encoded - begun;
    this.replayMs = performance.now() - encoded;
  }

  /** The state as it is now; undefined where the game saves none, or cannot. */
  async save(): Promise<Saved | undefined> {
    const state = await this.#instance.save().catch(() => undefined);
    return state && { state, ticks: this.#ticks };
  }

  async close(): Promise<void> {
    this.#replay.destroy();
    await this.#instance.close();
  }

  async #call(called: Promise<Submission>): Promise<void> {
    this.#run(await called.catch((error) => this.#trapped(error)));
  }

  #run(submission: Submission, surface?: Surface): void {
    if (surface) this.#replay.run(submission, surface);
    else if (submission.commands.length > 0) this.#replay.run(submission);
  }

  #trapped(error: unknown): never {
    throw error instanceof NearlightError ? new TrapError(error, this.#frames.last) : error;
  }
}
