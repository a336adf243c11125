import { type Milli, milli } from './time.ts';

/** A source of time. Tests replace it with one that they advance by hand. */
export interface Clock {
  /** Milliseconds since an arbitrary start. Never decreases. */
  now(): Milli;
  /** Resolves at `time`, or in the next turn of the event loop if that time has passed. */
  until(time: Milli): Promise<void>;
}

/** The clock of this process or browser tab. */
export const systemClock: Clock = {
  now: () => milli(performance.now()),
  until: (time) => new Promise((resolve) => setTimeout(resolve, Math.max(0, time - performance.now()))),
};
