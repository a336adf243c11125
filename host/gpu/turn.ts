import type { Clock } from '../base/clock.ts';
import { commandClock } from './clock.ts';
import { Fault } from './reader.ts';
import { perDevice } from './shared.ts';

/** Time for which one room's commands run before other rooms get a turn: SLICE_MS, or LONG_SLICE_MS if no other is active. */
const SLICE_MS = 4;
const LONG_SLICE_MS = 25;
/** A room counts as alone when no other room was active for this long. */
const ALONE_MS = 100;

/** Number of commands that are executed between two looks at the clock. */
export const LOOK_COMMANDS = 32;

/** Says which room on a GPU device executed commands last. */
interface Activity {
  last: Turn | undefined;
  /** Time at which `last` took over from another room, in milliseconds. */
  changedAt: number;
}

const activityOn = perDevice((): Activity => ({ last: undefined, changedAt: Number.NEGATIVE_INFINITY }));

/**
 * Divides the time of this thread among the rooms that share a GPU device. A room's commands are executed in slices. While
 * other rooms are active, the room waits after each slice for as long as the slice took.
 */
export class Turn {
  readonly #msMax: number;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #activity: Activity;
  #begunAt = 0;
  #spentMs = 0;

  /** @param msMax time that the commands of one call may take (REPLAY_MS_MAX) */
  constructor(device: GPUDevice, msMax: number) {
    this.#msMax = msMax;
    this.#clock = commandClock(device);
    this.#activity = activityOn(device);
  }

  /** Starts to measure the time of a new call of the module, with its first slice. */
  begin(): void {
    this.#spentMs = 0;
    this.resume();
  }

  /** Begins a slice of this room's commands. */
  resume(): void {
    this.#begunAt = this.#clock.now();
    if (this.#activity.last === this) return;
    this.#activity.last = this;
    this.#activity.changedAt = this.#begunAt;
  }

  /**
   * Looks at the clock between two commands. Returns a promise to wait for if the slice is over.
   * @throws Fault if the commands of the call have taken too long
   */
  look(): Promise<void> | undefined {
    const now = this.#clock.now();
    const ms = now - this.#begunAt;
    const alone = now - this.#activity.changedAt > ALONE_MS;
    if (ms < (alone ? LONG_SLICE_MS : SLICE_MS)) return undefined;
    this.#spentMs += ms;
    this.#begunAt = now;
    if (this.#spentMs > this.#msMax)
      throw new Fault(
        `the commands of one call have taken ${Math.round(this.#spentMs)} of ${this.#msMax} ms (REPLAY_MS_MAX)`,
      );
    return new Promise((resolve) => setTimeout(resolve, alone ? 0 : ms));
  }
}
