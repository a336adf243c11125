import type { Clock } from '../base/clock.ts';
import { commandClock } from './clock.ts';
import { Waiting } from './compiler.ts';
import { Fault } from './reader.ts';
import { perDevice } from './shared.ts';

/** Time for which one room's commands are done in a row: where others were at work lately, and where none was. */
const SLICE_MS = 4;
const LONG_SLICE_MS = 25;
const LATELY_MS = 100;
/** Commands between two looks at the time. */
export const LOOK_COMMANDS = 32;

/** Who of a device's rooms was at work last: they share this thread. */
interface Rooms {
  last: object | undefined;
  /** When that was another one than before. */
  changedAt: number;
}

const roomsOf = perDevice((): Rooms => ({ last: undefined, changedAt: Number.NEGATIVE_INFINITY }));

/**
 * A room's time on the thread that all rooms share: its commands are done in slices, between which others have their turn,
 * and for as long where there are others.
 */
export class Turn {
  readonly #msMax: number;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #rooms: Rooms;
  #begun = 0;
  #spentMs = 0;

  constructor(device: GPUDevice, msMax: number) {
    this.#msMax = msMax;
    this.#clock = commandClock(device);
    this.#rooms = roomsOf(device);
  }

  /** A call begins. */
  begin(): void {
    this.#spentMs = 0;
    this.resume();
  }

  /** The call goes on. */
  resume(): void {
    this.#begun = this.#clock.now();
    if (this.#rooms.last === this) return;
    this.#rooms.last = this;
    this.#rooms.changedAt = this.#begun;
  }

  /** Between two commands. @throws Waiting where others are to have their turn, Fault where the call takes too long */
  look(): void {
    const now = this.#clock.now();
    const ms = now - this.#begun;
    const alone = now - this.#rooms.changedAt > LATELY_MS;
    if (ms < (alone ? LONG_SLICE_MS : SLICE_MS)) return;
    this.#spentMs += ms;
    this.#begun = now;
    if (this.#spentMs > this.#msMax)
      throw new Fault(
        `the commands of one call have taken ${Math.round(this.#spentMs)} of ${this.#msMax} ms (REPLAY_MS_MAX)`,
      );
    throw new Waiting(new Promise((resolve) => setTimeout(resolve, alone ? 0 : ms)));
  }
}
