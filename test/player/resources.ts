/** Runs in a page before all other scripts. Counts the resources that a player may leave behind, in the variable `counted`. */
export function countResources(): void {
  const counted = {
    listeners: new Set<unknown>(),
    intervals: new Set<unknown>(),
    timeouts: new Set<unknown>(),
    peers: new Set<unknown>(),
    wakeLocks: new Set<unknown>(),
  };
  Object.assign(globalThis, { counted });
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  const keys = new Map<unknown, object>();
  const keyOf = (listener: unknown) => {
    if (!keys.has(listener)) keys.set(listener, {});
    return keys.get(listener);
  };
  EventTarget.prototype.addEventListener = function (type, listener, options) {
    addEventListener.call(this, type, listener, options);
    if (!isGlobal(this)) return;
    const key = keyOf(listener);
    counted.listeners.add(key);
    const signal = typeof options === 'object' ? options.signal : undefined;
    if (signal) addEventListener.call(signal, 'abort', () => counted.listeners.delete(key));
  };
  EventTarget.prototype.removeEventListener = function (type, listener, options) {
    removeEventListener.call(this, type, listener, options);
    if (isGlobal(this)) counted.listeners.delete(keyOf(listener));
  };
  function isGlobal(target: unknown): boolean {
    return target === undefined || target === globalThis || target === document;
  }
  const { setInterval, clearInterval, setTimeout, clearTimeout } = globalThis;
  const wrap = (set: Set<unknown>, start: typeof setTimeout, once: boolean) =>
    ((act: () => void, ms: number) => {
      const id = start(() => {
        if (once) set.delete(id);
        act();
      }, ms);
      set.add(id);
      return id;
    }) as typeof setTimeout;
  const unwrap = (set: Set<unknown>, stop: typeof clearTimeout) =>
    ((id: number) => {
      set.delete(id);
      stop(id);
    }) as typeof clearTimeout;
  globalThis.setInterval = wrap(counted.intervals, setInterval as typeof setTimeout, false) as typeof setInterval;
  globalThis.clearInterval = unwrap(counted.intervals, clearInterval);
  globalThis.setTimeout = wrap(counted.timeouts, setTimeout, true);
  globalThis.clearTimeout = unwrap(counted.timeouts, clearTimeout);
  const Peer = globalThis.RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Peer {
    constructor(options?: RTCConfiguration) {
      super(options);
      counted.peers.add(this);
    }
    override close(): void {
      counted.peers.delete(this);
      super.close();
    }
  };
  const request = async () => {
    const lock = {
      released: false,
      release: async () => {
        lock.released = true;
        counted.wakeLocks.delete(lock);
      },
    };
    counted.wakeLocks.add(lock);
    return lock;
  };
  Object.defineProperty(navigator, 'wakeLock', { value: { request } });
}
