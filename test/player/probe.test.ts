import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { LineProbe } from '../../host/player/probe.ts';
import { at } from '../at.ts';

let answers: ((response: Response) => void)[];
let aborted: number;
let returned: number;
let probe: LineProbe | undefined;

/** Stands in for RTCPeerConnection. The test says when a TURN server turns out to be none. */
class KnockPeer {
  static all: KnockPeer[] = [];
  static configurations: RTCConfiguration[] = [];
  static knocks = 0;
  isClosed = false;
  #onError: (() => void) | null = null;
  constructor(configuration: RTCConfiguration) {
    KnockPeer.all.push(this);
    KnockPeer.configurations.push(configuration);
  }
  get onicecandidateerror(): (() => void) | null {
    return this.#onError;
  }
  set onicecandidateerror(handler: (() => void) | null) {
    this.#onError = handler;
  }
  createDataChannel(): void {}
  restartIce(): void {
    if (this.isClosed) throw new DOMException('closed', 'InvalidStateError');
  }
  async setLocalDescription(): Promise<void> {
    KnockPeer.knocks++;
  }
  close(): void {
    this.isClosed = true;
  }
  answer(): void {
    this.#onError?.();
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  [answers, aborted, returned] = [[], 0, 0];
  KnockPeer.all = [];
  KnockPeer.configurations = [];
  KnockPeer.knocks = 0;
  vi.stubGlobal('fetch', (_: string, { signal }: { signal: AbortSignal }) => {
    signal.addEventListener('abort', () => aborted++);
    return new Promise<Response>((resolve, reject) => {
      answers.push(resolve);
      signal.addEventListener('abort', () => reject(signal.reason));
    });
  });
});

afterEach(() => {
  probe?.stop();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const start = () => {
  probe = new LineProbe('http://[2001:db8::1]:8080/games/whep/line', () => returned++);
};

const answer = async (index: number) => {
  answers[index]?.(new Response(null, { status: 204 }));
  await vi.advanceTimersByTimeAsync(0);
};

const open = () => KnockPeer.all.filter(({ isClosed }) => !isClosed);

describe('a browser that cannot knock', () => {
  beforeEach(start);

  test('the first answer says that the line is back, and so does one after more than a second without any', async () => {
    await vi.advanceTimersByTimeAsync(100);
    await answer(0);
    expect(returned).toBe(1);
    await vi.advanceTimersByTimeAsync(1000);
    await answer(answers.length - 1);
    expect(returned).toBe(1);
    await vi.advanceTimersByTimeAsync(1001);
    await answer(answers.length - 1);
    expect(returned).toBe(2);
  });

  test('answers that take long, but keep coming, say that the line is back only once', async () => {
    for (let step = 0; step < 20; step++) {
      await vi.advanceTimersByTimeAsync(100);
      // Each answer takes more than two of the pauses between questions.
      if (step >= 3) await answer(step - 3);
    }
    expect(returned).toBe(1);
  });

  test('at most four questions are open at a time, the oldest for two seconds, and none after the end', async () => {
    await vi.advanceTimersByTimeAsync(1000);
    expect([answers.length, aborted]).toEqual([10, 6]);
    // The first question still gets its answer.
    await vi.advanceTimersByTimeAsync(1000);
    await answer(0);
    expect(returned).toBe(1);
    await vi.advanceTimersByTimeAsync(4000);
    expect(answers.length - 1 - aborted).toBe(4);
    const before = answers.length;
    probe?.stop();
    await vi.advanceTimersByTimeAsync(1000);
    expect([answers.length, aborted, returned]).toEqual([before, before - 1, 1]);
  });
});

describe('a browser that can knock', () => {
  beforeEach(() => {
    vi.stubGlobal('RTCPeerConnection', KnockPeer);
    start();
  });

  test('no request takes up a connection before a knock was answered', async () => {
    await vi.advanceTimersByTimeAsync(30_000);
    expect(answers).toEqual([]);
    expect(KnockPeer.configurations[0]).toEqual({
      iceServers: [{ urls: 'turn:[2001:db8::1]:8080?transport=tcp', username: 'line', credential: 'line' }],
      iceTransportPolicy: 'relay',
    });
    at(KnockPeer.all, -1).answer();
    await vi.advanceTimersByTimeAsync(0);
    expect([answers.length, at(KnockPeer.all, -1).isClosed]).toEqual([1, true]);
    await answer(0);
    expect(returned).toBe(1);
  });

  test('the page knocks ten times a second at first and six times after 30 s, over few connections', async () => {
    await vi.advanceTimersByTimeAsync(1000);
    expect(KnockPeer.knocks).toBe(10);
    await vi.advanceTimersByTimeAsync(4000);
    expect(KnockPeer.knocks).toBe(50);
    await vi.advanceTimersByTimeAsync(24_000);
    const before = KnockPeer.knocks;
    await vi.advanceTimersByTimeAsync(1000);
    expect(KnockPeer.knocks - before).toBeGreaterThanOrEqual(6);
    expect(KnockPeer.knocks).toBeLessThan(300);
    // Chromium makes no connection, not even one to play over, while 500 closed ones were not yet collected as garbage.
    expect(KnockPeer.all.length).toBeLessThanOrEqual(22);
    probe?.stop();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(open()).toEqual([]);
  });

  test('a knock that the network itself answers says nothing: only the server does', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('fetch failed')));
    for (let step = 0; step < 20; step++) {
      await vi.advanceTimersByTimeAsync(100);
      at(KnockPeer.all, -1).answer();
    }
    expect(returned).toBe(0);
  });

  test('the page asks instead when the browser makes no further connection', async () => {
    vi.stubGlobal(
      'RTCPeerConnection',
      class extends KnockPeer {
        constructor(configuration: RTCConfiguration) {
          super(configuration);
          throw new DOMException('too many', 'UnknownError');
        }
      },
    );
    await vi.advanceTimersByTimeAsync(100);
    await answer(0);
    expect(returned).toBe(1);
  });
});
