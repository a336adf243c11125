import type { Milli } from '../base/time.ts';

/**
 * After this many beats of the page's timer without a message from the host, the page opens another connection, and uses the
 * one on which it hears from the host first. Beats are counted instead of time, because a page that was suspended has missed
 * beats but no messages.
 */
const BEATS_MIN = 8;
/**
 * The most such beats. A host that is only slow must not have to serve one connection after the other, so the page is this
 * patient before the first picture, and twice as patient as before each time that connections follow each other quickly.
 */
const BEATS_MAX = 40;
/** Number of such beats when the network has just changed. */
const SUSPECT_BEATS = 3;
/** Connections that open within this time follow each other quickly. */
const QUICKLY_MS = 10_000;

/** Notices when the host has been silent for so many beats that the page should open another connection. */
export class SilenceWatch {
  #beats = 0;
  #patience = BEATS_MIN;
  #openedAt = Number.NEGATIVE_INFINITY;

  /** Notes that a connection has opened. */
  open(now: Milli): void {
    const isSoon = now - this.#openedAt < QUICKLY_MS;
    this.#patience = isSoon ? Math.min(BEATS_MAX, 2 * this.#patience) : BEATS_MIN;
    this.#openedAt = now;
    this.#beats = 0;
  }

  /** Notes a message from the host. */
  hear(): void {
    this.#beats = 0;
  }

  /** Notes that the network has changed, so that a shorter silence suffices. */
  suspect(isWaiting: boolean): void {
    this.#beats = Math.max(this.#beats, this.#beatsMax(isWaiting) - SUSPECT_BEATS);
  }

  /**
   * Counts a beat of the page's timer.
   * @param isWaiting whether the page still waits for the connection's first picture
   * @returns whether the host has been silent for too long
   */
  beat(isWaiting: boolean): boolean {
    return ++this.#beats > this.#beatsMax(isWaiting);
  }

  #beatsMax(isWaiting: boolean): number {
    return isWaiting ? BEATS_MAX : this.#patience;
  }
}
