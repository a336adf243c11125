import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { milli } from '../base/time.ts';
import type { Room } from '../room/room.ts';

/** How often to look whether the drain is over. */
const LOOK_MS = 100;
/**
 * Players play on for at least this time. Until then the network may still bring new connections of pages here, so a page would not find
 * another server at the same address.
 */
const SETTLE_MS = 2000;

export interface DrainOptions {
  clock: Clock;
  log: Log;
  /** DRAIN_SECONDS_MAX. */
  secondsMax: number;
  /** The rooms that are open. */
  rooms(): readonly Pick<Room, 'players' | 'phase' | 'isClosed'>[];
  /** Called when the drain begins: no new players come from now on. */
  onBegin(): void;
}

/** Why a drain is over: no one plays any more, no round is under way, the time is up, or it was ended from outside. */
export type DrainEnd = 'empty' | 'round' | 'time' | 'signal';

/** Lets the players of a host that is to end play on, until their round ends or the time is up. */
export class Drain {
  readonly #options: DrainOptions;
  readonly #ended = Promise.withResolvers<'signal'>();
  #over: Promise<DrainEnd> | undefined;

  constructor(options: DrainOptions) {
    this.#options = options;
  }

  get isDraining(): boolean {
    return this.#over !== undefined;
  }

  /** Begins. Resolves when the drain is over. A second call does nothing else than the first. */
  begin(): Promise<DrainEnd> {
    this.#over ??= this.#run();
    return this.#over;
  }

  /** Ends the drain now. */
  end(): void {
    this.#ended.resolve('signal');
  }

  async #run(): Promise<DrainEnd> {
    const { clock, log, secondsMax, onBegin } = this.#options;
    onBegin();
    log('info', `no new players are taken; those who play go on for ${secondsMax} s at most`);
    const begun = clock.now();
    const until = begun + secondsMax * 1000;
    const settled = Math.min(until, begun + SETTLE_MS);
    for (;;) {
      const now = clock.now();
      const end = this.#isEmpty ? 'empty' : now >= until ? 'time' : now >= settled && this.#isBetweenRounds && 'round';
      if (end) return end;
      const ended = await Promise.race([clock.until(milli(Math.min(until, now + LOOK_MS))), this.#ended.promise]);
      if (ended) return ended;
    }
  }

  get #isEmpty(): boolean {
    return this.#played.length === 0;
  }

  /** Whether every game that someone plays has said that its match has not begun or is over. */
  get #isBetweenRounds(): boolean {
    return this.#played.every(({ phase }) => phase === 'waiting' || phase === 'ended');
  }

  get #played(): readonly Pick<Room, 'phase'>[] {
    return this.#options.rooms().filter(({ players, isClosed }) => players > 0 && !isClosed);
  }
}
