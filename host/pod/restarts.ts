import type { Clock } from '../base/clock.ts';
import { type Milli, milli } from '../base/time.ts';

/**
 * The kubelet starts a container again at once after its first end, and after pauses that double from BACKOFF_MS after further ones. It
 * forgets them when a container has run for FORGET_MS (client-go's flowcontrol.Backoff and the kubelet's MaxContainerBackOff).
 */
const BACKOFF_MS = 10_000;
const BACKOFF_MS_MAX = 300_000;
const FORGET_MS = 2 * BACKOFF_MS_MAX;
/** The kubelet looks every 10 to 15 s whether a pause is over, which adds about this much. */
const LOOK_MS = 5000;

/** Estimates when the kubelet starts the container of a pod again. */
export class Restarts {
  readonly #clock: Pick<Clock, 'now'>;
  #backoffMs = 0;
  #startedAt: Milli | undefined;
  #endedAt: Milli | undefined;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  /** Notes that a container starts. */
  noteStart(): void {
    if (this.#endedAt !== undefined)
      this.#backoffMs = Math.min(BACKOFF_MS_MAX, Math.max(BACKOFF_MS, 2 * this.#pauseMs(this.#endedAt)));
    this.#startedAt = this.#clock.now();
    this.#endedAt = undefined;
  }

  /** Notes that the container has ended. */
  noteEnd(): void {
    this.#endedAt ??= this.#clock.now();
  }

  /** How long it takes about until the container starts again that has ended, or that ends now. 0 if that happens at once. */
  get waitMs(): Milli {
    const now = this.#clock.now();
    const endedAt = this.#endedAt ?? now;
    const pauseMs = this.#pauseMs(endedAt);
    return milli(pauseMs === 0 ? 0 : Math.max(0, endedAt + pauseMs + LOOK_MS - now));
  }

  #pauseMs(endedAt: Milli): number {
    const hasLasted = this.#startedAt !== undefined && endedAt - this.#startedAt > FORGET_MS;
    return hasLasted ? 0 : this.#backoffMs;
  }
}
