import type { Clock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import { joinedNotice, type Notice } from '../base/protocol.ts';
import type { TrapFrame } from '../engine/engine.ts';
import { createJavaScriptEngine } from '../engine/javascript.ts';
import { RefusedError } from '../gpu/place.ts';
import type { PlayerInput } from '../room/input.ts';
import { Room } from '../room/room.ts';
import type { PlayerSound } from '../room/sound.ts';
import type { PlayerView } from '../room/view.ts';
import { emptyStats, type PlayerConnection } from '../stream/player.ts';
import { Launch, launch, restore } from './launch.ts';

/** A game's state, and the number of its next tick. */
export interface Saved {
  state: Uint8Array;
  ticks: number;
}

export interface TabGameOptions {
  name: string;
  module: Uint8Array;
  device: GPUDevice;
  config: Config;
  seed: number;
  assets: Uint8Array;
  /** Wakes the game at each refresh of the display. */
  clock: Clock;
  view: PlayerView;
  /** The player's input. It belongs to the tab, so a key that is held stays held when another build starts. */
  input: PlayerInput;
  /** Takes what the game asks of the page. */
  notify(notice: Notice): void;
  /** Takes what the player hears. The tab keeps it from one build to the next. */
  sound: PlayerSound;
  /** The state from which the game continues. */
  saved?: Saved | undefined;
  log(level: string, message: string): void;
}

/** An error with its call stack in the module, which the server translates to places in the sources. */
export class TrapError extends Error {
  readonly frames: readonly TrapFrame[];
  constructor(cause: Error, frames: readonly TrapFrame[]) {
    super(cause.message, { cause });
    this.frames = frames;
  }
}

/** Returns a connection that sends no pictures, because a game in a browser tab shows them itself. */
const connectionTo = (notify: PlayerConnection['notify']): PlayerConnection => ({
  codec: 'h264',
  sendFrame: () => false,
  ready: true,
  limitBitrate: () => {},
  notify,
  end: async () => {},
  stats: emptyStats(),
});

/** A game that runs in this browser tab: a room with one player, whose clock is the display and whose view is a canvas. */
export class TabGame {
  /** Resolves once: with the error that ended the game, or with undefined after close(). */
  readonly ended: Promise<Error | undefined>;
  readonly #room: Room;

  private constructor(room: Room, ended: Promise<Error | undefined>) {
    this.#room = room;
    this.ended = ended;
  }

  /** Loads a module and starts the game. @throws TrapError if it traps, or NearlightError if it cannot run */
  static async open(options: TabGameOptions): Promise<TabGame> {
    const { name, module, device, config, seed, assets, clock, view, input, sound, saved, log } = options;
    let frames: readonly TrapFrame[] = [];
    const locate = (found: readonly TrapFrame[]) => {
      frames = found;
      return '';
    };
    const withFrames = (error: Error): Error => {
      const found = error instanceof RefusedError ? error.frames : frames;
      return found.length > 0 ? new TrapError(error, found) : error;
    };
    const launcher = new Launch({
      playable: { name, module, assets, locate },
      engine: createJavaScriptEngine(),
      gpu: { device },
      config,
      session: { seed, tickRate: config.tickRate, seats: 1 },
      pinpoint: true,
      log,
    });
    const loaded = await launch(launcher)
      .then((game) => (saved ? restore(game, saved.state) : game))
      .catch((error: Error) => Promise.reject(withFrames(error)));
    const room = new Room({
      name,
      clock,
      config: { maxPlayers: 1, tickRate: config.tickRate, seed },
      ...loaded,
      actions: launcher.actions,
      ticks: saved?.ticks ?? 0,
      createView: async () => view,
      createSound: async () => sound,
      log,
    });
    const { width, height } = view.surface.texture;
    const player = room.accept({ width, height, fps: Number.POSITIVE_INFINITY }, input);
    // A game that is streamed has its host's server say this to the page.
    options.notify(joinedNotice(player));
    player.onConnected(connectionTo(options.notify));
    return new TabGame(
      room,
      room.ended.then((error) => error && withFrames(error)),
    );
  }

  /** Milliseconds that the module took to record the commands of the newest frame. */
  get encodeMs(): number {
    return this.#room.stats.renderMs.newest;
  }

  /** Milliseconds that the execution of the newest frame's commands took. */
  get replayMs(): number {
    return this.#room.stats.replayMs.newest;
  }

  /** Returns the current state; undefined if the game saves none or cannot save it. */
  save(): Promise<Saved | undefined> {
    return this.#room.save();
  }

  close(): Promise<void> {
    return this.#room.close();
  }
}
