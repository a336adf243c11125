/** The time that rooms run by. Tests use a clock that they move by hand. */
export interface Clock {
  /** Milliseconds since an arbitrary moment; never decreases. */
  now(): number;
  /** Resolves at `time`, or in the next turn of the event loop if `time` has passed. */
  until(time: number): Promise<void>;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  until: (time) => new Promise((resolve) => setTimeout(resolve, Math.max(0, time - performance.now()))),
};
