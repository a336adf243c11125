import { systemClock } from '../base/clock.ts';
import { type Milli, milli } from '../base/time.ts';

/** Passes on requests for a video keyframe, at most one per `intervalMs`. A request that comes too early is delayed. */
export class KeyframeLimiter {
  readonly #intervalMs: number;
  readonly #onRequest: () => void;
  #lastAt: Milli = milli(Number.NEGATIVE_INFINITY);
  #timer: NodeJS.Timeout | undefined;

  constructor(intervalMs: number, onRequest: () => void) {
    this.#intervalMs = intervalMs;
    this.#onRequest = onRequest;
  }

  request(): void {
    if (this.#timer) return;
    const waitMs = this.#lastAt + this.#intervalMs - systemClock.now();
    if (waitMs > 0) {
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.request();
      }, Math.ceil(waitMs));
      return;
    }
    this.#lastAt = systemClock.now();
    this.#onRequest();
  }

  /** Passes a request on at once, because the page has missed what was sent lately. */
  requestNow(): void {
    this.cancel();
    this.#lastAt = systemClock.now();
    this.#onRequest();
  }

  /** Drops the keyframe request that is delayed, if there is one. */
  cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
