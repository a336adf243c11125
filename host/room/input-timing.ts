import { type Milli, milli } from '../base/time.ts';
import type { InputTimes } from '../stream/player.ts';
import type { PlayerInput } from './input.ts';

/** Follows a player's newest input from its arrival through the tick that reads it to the picture that shows it. */
export class InputTiming {
  /** Sequence number of the newest input that a tick has read; undefined before the first. */
  #sequence: number | undefined;
  #begunAt = milli(0);
  /** When that tick ended; undefined while it runs. */
  #endedAt: Milli | undefined;
  readonly #times: InputTimes = { waitMs: 0, tickMs: 0, turnMs: 0 };

  /** Forgets all input, because the player has a new connection. */
  reset(): void {
    this.#sequence = this.#endedAt = undefined;
  }

  /** Notes that a tick begins, which reads all inputs up to `sequence`. */
  beginTick(sequence: number, now: Milli): void {
    if (sequence === this.#sequence) return;
    this.#sequence = sequence;
    this.#begunAt = now;
    this.#endedAt = undefined;
  }

  endTick(now: Milli): void {
    this.#endedAt ??= now;
  }

  /**
   * Returns how long the newest input took until now, when a picture reads it. An input that no tick has read yet has only
   * waited. The result is valid until the next call.
   */
  read({ sequence, arrivedAt }: Pick<PlayerInput, 'sequence' | 'arrivedAt'>, now: Milli): Readonly<InputTimes> {
    const times = this.#times;
    const isRead = sequence === this.#sequence && this.#endedAt !== undefined;
    const begunAt = isRead ? this.#begunAt : now;
    const endedAt = isRead ? (this.#endedAt ?? now) : now;
    times.waitMs = begunAt - (arrivedAt ?? begunAt);
    times.tickMs = endedAt - begunAt;
    times.turnMs = now - endedAt;
    return times;
  }
}
