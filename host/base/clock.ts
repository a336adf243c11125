/** Time as a room sees it. A stand-in in tests moves it by hand. */
export interface Clock {
  /** Milliseconds since an arbitrary beginning; never goes back. */
  now(): number;
  /** Resolves at `time` or, at once in the next turn of the event loop, if it has passed. */
  until(time: number): Promise<void>;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  until: (time) => new Promise((resolve) => setTimeout(resolve, Math.max(0, time - performance.now()))),
};
