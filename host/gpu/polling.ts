/** Number of Dawn's polls after a GPU call that run at once, to see short jobs end soon. Later polls wait for a timer. */
const IMMEDIATE_POLLS = 4;
const POLL_MS = 1;

let tamed = false;

/**
 * Slows down Dawn's polling. While a promise of Dawn's is pending, dawn.node calls the global setImmediate again and again.
 * That keeps one core busy, which a software adapter or a video encoder needs, and makes enough garbage for a full collection
 * every second. Replaces setImmediate so that only the first polls after a GPU call are immediate. Other uses of setImmediate
 * stay as they are. Idempotent.
 */
export function tamePolling(): void {
  if (tamed) return;
  tamed = true;
  const { setImmediate } = globalThis;
  let inPoll = false;
  let polls = 0;
  const poll = (callback: () => void): void => {
    inPoll = true;
    try {
      callback();
    } finally {
      inPoll = false;
    }
  };
  const paced = (callback: (...args: unknown[]) => void, ...args: unknown[]): unknown => {
    if (args.length > 0 || !isPoll(callback)) return setImmediate(callback, ...args);
    // A poll that finds something pending requests the next poll itself. A request from elsewhere resets the count of polls.
    polls = inPoll ? polls + 1 : 0;
    return polls < IMMEDIATE_POLLS ? setImmediate(poll, callback) : setTimeout(poll, POLL_MS, callback);
  };
  globalThis.setImmediate = Object.defineProperties(
    paced,
    Object.getOwnPropertyDescriptors(setImmediate),
  ) as typeof setImmediate;
}

/** Recognises Dawn's poll: a native function without name or parameters. A bound function has the same text, but a name. */
function isPoll(callback: (...args: unknown[]) => void): boolean {
  return callback.name === '' && callback.length === 0 && String(callback) === 'function () { [native code] }';
}
