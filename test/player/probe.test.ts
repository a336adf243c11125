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

  test('the first answer says that the line is alive, and so does one after more than a second without any', async () => {
    await answer(0);
    expect(returned).toBe(1);
    await vi.advanceTimersByTimeAsync(1000);
    await answer(answers.length - 1);
    expect(returned).toBe(1);
    await vi.advanceTimersByTimeAsync(1001);
    await answer(answers.length - 1);
    expect(returned).toBe(2);
  });

  test('the page looks at once, and after an answer only half a second later', async () => {
    expect(answers).toHaveLength(1);
    await answer(0);
    await vi.advanceTimersByTimeAsync(499);
    expect(answers).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(answers).toHaveLength(2);
  });

  test('answers that take long, but keep coming, say that the line is alive only once', async () => {
    for (let step = 0; step < 20; step++) {
      // Each answer takes more than two of the pauses between questions at first.
      await vi.advanceTimersByTimeAsync(300);
      await answer(step);
    }
    expect(returned).toBe(1);
  });

  test('at most four questions are open at a time, the oldest for two seconds, and none after the end', async () => {
    await vi.advanceTimersByTimeAsync(1000);
    expect([answers.length, aborted]).toEqual([11, 7]);
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

  test('the page knocks, and asks nothing', async () => {
    await vi.advanceTimersByTimeAsync(30_000);
    expect(answers).toEqual([]);
    expect(KnockPeer.configurations[0]).toEqual({
      iceServers: [{ urls: 'turn:[2001:db8::1]:8080?transport=tcp', username: 'line', credential: 'line' }],
      iceTransportPolicy: 'relay',
    });
    expect(returned).toBe(0);
    at(KnockPeer.all, -1).answer();
    expect([returned, answers]).toEqual([1, []]);
    // The page closes them one by one while it connects.
    const before = open().length;
    await vi.advanceTimersByTimeAsync(300);
    expect(open()).toHaveLength(before - 1);
  });

  test('the page knocks ten times a second at first and six times after 30 s, over few connections', async () => {
    await vi.advanceTimersByTimeAsync(1000);
    expect(KnockPeer.knocks).toBe(11);
    await vi.advanceTimersByTimeAsync(4000);
    expect(KnockPeer.knocks).toBe(51);
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

  test('on a line whose round trips are known to be short, fewer knocks wait for an answer, and more with time', async () => {
    probe?.stop();
    await vi.advanceTimersByTimeAsync(10_000);
    KnockPeer.all = [];
    probe = new LineProbe('http://host.example/whep/line', () => returned++, 25);
    await vi.advanceTimersByTimeAsync(1900);
    expect(KnockPeer.all.length).toBeLessThanOrEqual(8);
    await vi.advanceTimersByTimeAsync(28_000);
    expect(KnockPeer.all.length).toBeGreaterThan(10);
  });

  test('a network that refuses each knock is reported once, and does not make the page knock faster', async () => {
    for (let step = 0; step < 20; step++) {
      at(KnockPeer.all, -1).answer();
      await vi.advanceTimersByTimeAsync(500);
    }
    expect([returned, KnockPeer.knocks]).toEqual([1, 21]);
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
