import type { Milli } from '../base/time.ts';

/**
 * After this many beats of the page's timer without a message from the host, the page opens another connection, and uses the
 * one that works first. Beats are counted instead of time, because a page that was suspended has missed
 * beats but no messages.
 */
const BEATS_MIN = 8;
/**
 * The most such beats. A host that is only slow must not have to serve one connection after the other, so the page is this
 * patient before the first picture, and twice as patient as before each time that a connection opens which did not work.
 */
const BEATS_MAX = 40;
/** After this share of these beats, the page looks whether the host answers elsewhere. If so, the connection is stuck. */
const LOOK_SHARE = 0.5;
/** Number of such beats when the network has just changed. */
const SUSPECT_BEATS = 3;
/** A connection that opens within this time after another one follows it quickly. */
const QUICKLY_MS = 10_000;
/** A connection on which the host spoke during so many beats has worked. */
const WORKED_BEATS = 10;

/** Notices when the host has been silent for so many beats that the page should look at the line, or open another connection. */
export class SilenceWatch {
  #beats = 0;
  #patience = BEATS_MIN;
  /** Number of beats of this connection during which the host spoke. */
  #heardBeats = WORKED_BEATS;
  #openedAt = Number.NEGATIVE_INFINITY;

  /** Notes that a connection has opened. */
  open(now: Milli): void {
    const isUseless = now - this.#openedAt < QUICKLY_MS && this.#heardBeats < WORKED_BEATS;
    this.#patience = isUseless ? Math.min(BEATS_MAX, 2 * this.#patience) : BEATS_MIN;
    this.#openedAt = now;
    this.#beats = this.#heardBeats = 0;
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
   * @returns `ask` if it is time to ask the host for a message, `look` if it is time to look whether the host answers elsewhere, and
   * `open` if the page should not wait any longer
   */
  beat(isWaiting: boolean): 'ask' | 'look' | 'open' | undefined {
    if (this.#beats === 0) this.#heardBeats++;
    this.#beats++;
    if (this.#beats > this.#beatsMax(isWaiting)) return 'open';
    if (this.#beats >= this.#patience * LOOK_SHARE) return 'look';
    return this.#beats === 2 ? 'ask' : undefined;
  }

  #beatsMax(isWaiting: boolean): number {
    return isWaiting ? BEATS_MAX : this.#patience;
  }
}
