import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { must } from '../../host/base/assert.ts';
import {
  MESSAGE_FRAME,
  MESSAGE_HELD,
  MESSAGE_NOTICE,
  MESSAGE_PING,
  MESSAGE_PONG,
  type Notice,
} from '../../host/base/protocol.ts';
import { PlayerClient } from '../../host/player/client.ts';
import type { PlayerState } from '../../host/player/state.ts';
import type { TokenStorage } from '../../host/player/tokens.ts';
import { at } from '../at.ts';

const JOINED: Notice = { kind: 'joined', seat: 0, seats: 4, width: 640, height: 360, fps: 30, game: 'test' };

/** A stand-in for a data channel that records what is sent. */
class FakeChannel {
  readyState = 'connecting';
  binaryType = '';
  onopen = () => {};
  onclose = () => {};
  onmessage = (_event: { data: unknown }) => {};
  readonly sent: Buffer[] = [];
  readonly label: string;
  readonly options: RTCDataChannelInit;
  constructor(label: string, options: RTCDataChannelInit) {
    this.label = label;
    this.options = options;
  }
  send(view: ArrayBufferView): void {
    this.sent.push(Buffer.from(Buffer.from(view.buffer, view.byteOffset, view.byteLength)));
  }
}

/** A stand-in for RTCPeerConnection. The test opens it, changes its state, and makes it receive messages. */
class FakePeer {
  static all: FakePeer[] = [];
  connectionState = 'new';
  onconnectionstatechange = () => {};
  readonly channels: FakeChannel[] = [];
  readonly receiver = { jitterBufferTarget: null, getStats: async () => new Map() };
  answer = '';
  closed = false;
  constructor() {
    FakePeer.all.push(this);
  }
  addTransceiver(): { receiver: object } {
    return { receiver: this.receiver };
  }
  createDataChannel(label: string, options: RTCDataChannelInit): FakeChannel {
    const channel = new FakeChannel(label, options);
    this.channels.push(channel);
    return channel;
  }
  async createOffer(): Promise<RTCSessionDescriptionInit> {
    return { type: 'offer', sdp: 'offer' };
  }
  async setLocalDescription(): Promise<void> {}
  async setRemoteDescription(answer: RTCSessionDescriptionInit): Promise<void> {
    this.answer = answer.sdp ?? '';
  }
  close(): void {
    this.closed = true;
  }
  open(): void {
    for (const channel of this.channels) channel.readyState = 'open';
    for (const channel of this.channels) channel.onopen();
  }
  change(state: string): void {
    this.connectionState = state;
    this.onconnectionstatechange();
  }
  closeEvents(): void {
    at(this.channels, 0).onclose();
  }
  say(bytes: Buffer): void {
    at(this.channels, 1).onmessage({ data: new Uint8Array(bytes).buffer });
  }
}

type Requested = { method: string; url: string; init: RequestInit };

let states: string[];
let notices: Notice[];
let latencies: [number, number][];
let requests: Requested[];
let answers: (() => Response | Promise<Response>)[];
let showFrame: (rtpTimestamp: number, presentedFrames: number) => void;
let makeClient: (storage?: TokenStorage) => PlayerClient;
let client: PlayerClient;

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  FakePeer.all = [];
  states = [];
  notices = [];
  latencies = [];
  requests = [];
  answers = [];
  vi.stubGlobal('RTCPeerConnection', FakePeer);
  vi.stubGlobal('fetch', async (url: string, init: RequestInit) => {
    requests.push({ method: init.method ?? 'GET', url, init });
    return (answers.shift() ?? accepted)();
  });
  let callback: VideoFrameRequestCallback = () => {};
  const video = {
    videoWidth: 1280,
    videoHeight: 720,
    requestVideoFrameCallback: (next: VideoFrameRequestCallback) => {
      callback = next;
      return 1;
    },
    cancelVideoFrameCallback: () => {
      callback = () => {};
    },
  };
  showFrame = (rtpTimestamp, presentedFrames) =>
    callback(0, { rtpTimestamp, presentedFrames } as VideoFrameCallbackMetadata);
  makeClient = (storage) =>
    new PlayerClient({
      video: video as unknown as HTMLVideoElement,
      url: '/whep',
      storage,
      onState: (state) => void states.push(describeState(state)),
      onNotice: (notice) => void notices.push(notice),
    });
  client = makeClient();
  client.onLatency = (latencyMs, sequence) => void latencies.push([sequence, latencyMs]);
});

afterEach(() => {
  client.leave();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe('signalling', () => {
  test('the client posts its offer with the size and rate that the player asks for, and applies the answer', async () => {
    await connect();
    expect(requests[0]).toMatchObject({ method: 'POST', url: '/whep?size=640x360&fps=30' });
    expect(at(requests, 0).init).toMatchObject({ body: 'offer', headers: { 'content-type': 'application/sdp' } });
    const peer = at(FakePeer.all, 0);
    expect(peer.answer).toBe('answer');
    expect(peer.receiver.jitterBufferTarget).toBe(0);
    expect(peer.channels.map(({ label, options }) => [label, options])).toEqual([
      ['events', { ordered: true }],
      ['state', { ordered: false, maxRetransmits: 0 }],
    ]);
  });

  test('the client sends no parameters if the player asks for nothing', async () => {
    client.connect({});
    await vi.advanceTimersByTimeAsync(0);
    expect(at(requests, 0).url).toBe('/whep?');
  });

  test('the client leaves with a DELETE request that outlives the page', async () => {
    await play();
    client.leave();
    expect(requests[1]).toMatchObject({ method: 'DELETE', url: '/whep/1', init: { keepalive: true } });
    expect(at(FakePeer.all, 0).closed).toBe(true);
    expect(states.at(-1)).toBe('idle');
  });

  test('a page that is closed or reloaded says that it may return', async () => {
    await play();
    client.suspend();
    expect(requests[1]).toMatchObject({ method: 'DELETE', url: '/whep/1?hold', init: { keepalive: true } });
  });

  test.each([
    [400, 'NL_REQUEST', 'fps must be a whole number'],
    [403, 'NL_ORIGIN', 'open the game at the address of this server'],
    [421, 'NL_HOST', 'not this name'],
  ])('the client ends after status %i with the code %s, because nothing will change', async (status, code, message) => {
    answers.push(() => refusal(status, code, message));
    await connect();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(states).toEqual(['connecting 1', `ended ${code}: ${message}`]);
    expect(requests).toHaveLength(1);
  });

  test.each([
    [403, '<html>'],
    [404, '{"code":7}'],
    [200, 'not created'],
    [502, ''],
    [503, '{"code":"NL_HALF_OPEN","message":"many players are connecting"}'],
    [500, '{"code":"NL_CONNECTION","message":"the server failed"}'],
  ])('the client goes on after an answer with status %i and the body %s', async (status, body) => {
    answers.push(() => new Response(body, { status }));
    await connect();
    await vi.advanceTimersByTimeAsync(250);
    expect(requests.map(({ method }) => method)).toEqual(['POST', 'POST']);
    at(FakePeer.all, -1).open();
    showFrame(1, 1);
    expect(states.at(-1)).toBe('playing');
  });

  test('the client ends in a browser without WebRTC', async () => {
    vi.stubGlobal('RTCPeerConnection', undefined);
    await connect();
    expect(states.at(-1)).toMatch(/^ended NL_BROWSER/);
  });
});

describe('attempts', () => {
  const unreachable = () => Promise.reject(new TypeError('fetch failed'));

  test('between two games, attempts to connect are repeated whenever the server says, without a limit', async () => {
    const between = () => refusal(503, 'NL_ROOM_ENDED', 'the game is being replaced', { 'retry-after': '1' });
    answers.push(...Array.from({ length: 200 }, () => between));
    await connect();
    expect(states).toEqual(['connecting 1', 'connecting 2: the game is being replaced']);
    await vi.advanceTimersByTimeAsync(999);
    expect(requests).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(199_001);
    expect(requests).toHaveLength(201);
    at(FakePeer.all, -1).open();
    showFrame(1, 1);
    expect(states.at(-1)).toBe('playing');
  });

  test('an unreachable server is tried again at growing intervals up to 5 s, for as long as it takes', async () => {
    answers.push(...Array.from({ length: 1000 }, () => unreachable));
    await connect();
    for (const pause of [250, 500, 1000, 2000, 4000, 5000, 5000]) {
      const before = requests.length;
      await vi.advanceTimersByTimeAsync(pause - 1);
      expect(requests).toHaveLength(before);
      await vi.advanceTimersByTimeAsync(1);
      expect(requests).toHaveLength(before + 1);
    }
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(requests).toHaveLength(8 + 720);
    answers.length = 0;
    await vi.advanceTimersByTimeAsync(5000);
    at(FakePeer.all, -1).open();
    showFrame(1, 1);
    expect(states.at(-1)).toBe('playing');
  });

  test('the client connects at once when the network or the page comes back', async () => {
    answers.push(...Array.from({ length: 20 }, () => unreachable));
    await connect();
    await vi.advanceTimersByTimeAsync(60_000);
    const before = requests.length;
    client.wake();
    await vi.advanceTimersByTimeAsync(0);
    expect(requests).toHaveLength(before + 1);
    // The pauses grow from the shortest again.
    await vi.advanceTimersByTimeAsync(250);
    expect(requests).toHaveLength(before + 2);
  });

  test('a request that is stuck in a dead line is given up when the network comes back, an answered offer is not', async () => {
    answers.push(() => new Promise(() => {}));
    await connect();
    client.wake();
    await vi.advanceTimersByTimeAsync(0);
    expect([requests.length, at(FakePeer.all, 0).closed]).toEqual([2, true]);
    client.wake();
    await vi.advanceTimersByTimeAsync(0);
    expect([requests.length, at(FakePeer.all, 1).closed]).toEqual([2, false]);
  });

  test('an attempt fails if the server does not answer within 8 s, or if no connection follows within 4 s', async () => {
    answers.push(() => new Promise(() => {}));
    await connect();
    await vi.advanceTimersByTimeAsync(7999);
    expect(requests).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(251);
    expect(requests).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(3999);
    expect(requests).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(501);
    expect(requests.map(({ method }) => method)).toEqual(['POST', 'POST', 'POST']);
  });

  test('a connection is lost if no picture arrives within 8 s', async () => {
    await connect();
    at(FakePeer.all, 0).open();
    const pong = setInterval(() => at(FakePeer.all, 0).say(Buffer.from([MESSAGE_PONG])), 500);
    await vi.advanceTimersByTimeAsync(7999);
    expect(states).toEqual(['connecting 1']);
    await vi.advanceTimersByTimeAsync(1);
    expect(states).toEqual(['connecting 1', 'connecting 2']);
    clearInterval(pong);
  });

  test('the client connects again at once, and after a pause if two connections in a row did not last', async () => {
    await play();
    for (let i = 0; i < 20; i++) {
      await vi.advanceTimersByTimeAsync(500);
      at(FakePeer.all, 0).say(Buffer.from([MESSAGE_PONG]));
    }
    at(FakePeer.all, 0).closeEvents();
    expect(states.at(-1)).toBe('reconnecting 1');
    expect(FakePeer.all).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(0);
    at(FakePeer.all, 1).open();
    showFrame(1, 1);
    at(FakePeer.all, 1).closeEvents();
    expect(FakePeer.all).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(0);
    at(FakePeer.all, 2).open();
    showFrame(1, 1);
    at(FakePeer.all, 2).closeEvents();
    await vi.advanceTimersByTimeAsync(499);
    expect(FakePeer.all).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(1);
    expect(FakePeer.all).toHaveLength(4);
  });

  test('the client does not connect again after the server has said that this cannot succeed', async () => {
    await play();
    const ended: Notice = { kind: 'ended', code: 'NL_INPUT', message: 'reload the page', retry: false };
    notify(0, ended);
    at(FakePeer.all, 0).closeEvents();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(notices).toEqual([ended]);
    expect(states.at(-1)).toBe('ended NL_INPUT: reload the page');
    expect(requests.map(({ method }) => method)).toEqual(['POST']);
  });

  test('the client says why the server ended the connection, and connects again when the server says', async () => {
    await play();
    notify(0, {
      kind: 'ended',
      code: 'NL_SHUTDOWN',
      message: 'the server is shutting down',
      retry: true,
      afterMs: 1500,
    });
    expect(states.at(-1)).toBe('reconnecting 2: the server is shutting down');
    await vi.advanceTimersByTimeAsync(1499);
    expect(requests).toHaveLength(1);
    answers.push(unreachable);
    await vi.advanceTimersByTimeAsync(1);
    expect(requests).toHaveLength(2);
    expect(states.at(-1)).toBe('reconnecting 3: the server is shutting down');
  });
});

describe('a silent host', () => {
  test('another connection is opened after 0.8 s of silence, while the first one stays', async () => {
    await play();
    await vi.advanceTimersByTimeAsync(800);
    expect([states.at(-1), FakePeer.all.length]).toEqual(['playing', 1]);
    await vi.advanceTimersByTimeAsync(100);
    expect([states.at(-1), FakePeer.all.length]).toEqual(['reconnecting 1', 2]);
    expect(at(FakePeer.all, 0).closed).toBe(false);
  });

  test('the first connection goes on if the host speaks on it before the other one is open', async () => {
    await play();
    await vi.advanceTimersByTimeAsync(1000);
    at(FakePeer.all, 0).say(Buffer.from([MESSAGE_PONG]));
    expect(states.slice(-2)).toEqual(['reconnecting 1', 'playing']);
    expect(FakePeer.all.map(({ closed }) => closed)).toEqual([false, true]);
    // No seat is given up: the other attempt may have taken it, and the page would need it back.
    expect(requests.map(({ method }) => method)).toEqual(['POST', 'POST']);
  });

  test('the other connection takes over when it opens first, and the player still holds what was held', async () => {
    await play();
    client.input.key(26, true);
    await vi.advanceTimersByTimeAsync(1000);
    at(FakePeer.all, 1).open();
    showFrame(1, 1);
    expect(states.at(-1)).toBe('playing');
    expect(FakePeer.all.map(({ closed }) => closed)).toEqual([true, false]);
    const held = must(
      at(FakePeer.all, 1).channels[1]?.sent.find(([type]) => type === MESSAGE_HELD),
      'message',
    );
    expect(held.readUInt32LE(12)).toBe(1 << 26);
    expect(requests.map(({ method }) => method)).toEqual(['POST', 'POST']);
  });

  test('a slow host is not asked for one connection after the other', async () => {
    await connect();
    at(FakePeer.all, 0).open();
    await vi.advanceTimersByTimeAsync(4000);
    expect(FakePeer.all).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(100);
    expect(FakePeer.all).toHaveLength(2);
    for (const [index, beats] of [16, 32, 40, 40].entries()) {
      at(FakePeer.all, -1).open();
      showFrame(index, 1);
      await vi.advanceTimersByTimeAsync(100 * beats);
      expect(FakePeer.all).toHaveLength(index + 2);
      await vi.advanceTimersByTimeAsync(100);
      expect(FakePeer.all).toHaveLength(index + 3);
    }
  });

  test('attempts follow each other while a seat waits, and its end is known', async () => {
    await play({ hold: 30_000 });
    const lostAt = performance.now() + 900;
    await vi.advanceTimersByTimeAsync(900);
    expect(client.state).toMatchObject({ kind: 'reconnecting', heldUntil: lostAt + 30_000 });
    answers.push(...Array.from({ length: 100 }, () => () => Promise.reject(new TypeError('fetch failed'))));
    await vi.advanceTimersByTimeAsync(29_000);
    expect(requests.length).toBeGreaterThan(20);
    expect(client.state).toMatchObject({ heldUntil: lostAt + 30_000 });
  });

  test('a change of the network makes the client suspicious: it looks after 0.3 s of silence', async () => {
    await play();
    client.wake();
    await vi.advanceTimersByTimeAsync(300);
    expect(FakePeer.all).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(100);
    expect(FakePeer.all).toHaveLength(2);
  });
});

describe('return tokens', () => {
  const given = () => requests.filter(({ method }) => method === 'POST').map(({ init }) => returnOf(init));

  test('the client presents the tokens of all attempts of which it does not know the outcome, the newest first', async () => {
    for (const token of ['one', 'two', 'three']) answers.push(() => accepted({ token }));
    await connect();
    at(FakePeer.all, 0).open();
    notify(0, JOINED);
    showFrame(1, 1);
    at(FakePeer.all, 0).change('failed');
    await vi.advanceTimersByTimeAsync(250);
    at(FakePeer.all, 1).change('failed');
    await vi.advanceTimersByTimeAsync(500);
    at(FakePeer.all, 2).open();
    notify(2, JOINED);
    at(FakePeer.all, 2).change('failed');
    await vi.advanceTimersByTimeAsync(1000);
    expect(given()).toEqual(['new', 'one', 'two,one', 'three']);
  });

  test('the token that the server calls valid is kept, no matter how many attempts fail after it', async () => {
    for (let attempt = 0; attempt < 20; attempt++)
      answers.push(() => accepted({ token: attempt === 0 ? 'valid' : `new${attempt},valid` }));
    await connect();
    at(FakePeer.all, 0).open();
    notify(0, JOINED);
    showFrame(1, 1);
    for (let attempt = 0; attempt < 19; attempt++) {
      at(FakePeer.all, -1).change('failed');
      await vi.advanceTimersByTimeAsync(10_000);
    }
    expect(at(given(), -1).split(',')).toEqual(expect.arrayContaining(['valid', 'new18', 'new13']));
    expect(at(given(), -1).split(',')).toHaveLength(8);
  });

  test('the tokens outlive a reload, but not the player leaving', async () => {
    const stored = new Map<string, string>();
    const storage = {
      getItem: (key: string) => stored.get(key) ?? null,
      setItem: (key: string, value: string) => void stored.set(key, value),
      removeItem: (key: string) => void stored.delete(key),
    };
    answers.push(() => accepted({ token: 'one' }));
    const first = makeClient(storage);
    first.connect({});
    await vi.advanceTimersByTimeAsync(0);
    first.suspend();
    const second = makeClient(storage);
    second.connect({});
    await vi.advanceTimersByTimeAsync(0);
    expect(given()).toEqual(['new', 'one']);
    const other = makeClient(storage);
    other.connect({ game: 'other' });
    await vi.advanceTimersByTimeAsync(0);
    second.leave();
    other.leave();
    expect(stored.size).toBe(0);
    expect(given()[2]).toBe('new');
  });

  test('the client plays although the browser forbids to store anything', async () => {
    const fail = (): never => {
      throw new DOMException('denied', 'SecurityError');
    };
    answers.push(() => accepted({ token: 'one' }));
    const strict = makeClient({ getItem: fail, setItem: fail, removeItem: fail });
    strict.connect({});
    await vi.advanceTimersByTimeAsync(0);
    at(FakePeer.all, 0).change('failed');
    await vi.advanceTimersByTimeAsync(250);
    expect(given()).toEqual(['new', 'one']);
    strict.leave();
  });
});

describe('the queue', () => {
  const full = () => refusal(503, 'NL_ROOM_FULL', 'all seats are taken');
  const position = (place: number) => () => new Response(JSON.stringify({ position: place, token: 'place' }));

  test('the client waits in the queue, and takes its seat without a click when its turn comes', async () => {
    answers.push(full, position(3), position(1), position(0));
    await connect();
    await vi.advanceTimersByTimeAsync(0);
    expect(states).toEqual(['connecting 1', 'waiting 3', 'waiting 1', 'connecting 2']);
    expect(requests.map(({ url }) => url.split('?')[0])).toEqual([
      '/whep',
      '/whep/queue',
      '/whep/queue',
      '/whep/queue',
      '/whep',
    ]);
    expect(requests.map(({ init }) => returnOf(init))).toEqual(['new', 'new', 'place', 'place', 'place']);
    at(FakePeer.all, -1).open();
    showFrame(1, 1);
    expect(states.at(-1)).toBe('playing');
  });

  test('a server that answers at once without news is not asked more often than four times a second', async () => {
    answers.push(full, ...Array.from({ length: 100 }, () => position(2)));
    await connect();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(requests.length).toBeLessThan(45);
    expect(states).toEqual(['connecting 1', 'waiting 2']);
  });

  test('the client goes on when the queue is full or the server is gone', async () => {
    answers.push(full, () => refusal(503, 'NL_ROOM_FULL', 'too many players wait'), full);
    answers.push(() => Promise.reject(new TypeError('fetch failed')));
    await connect();
    expect(states.at(-1)).toBe('connecting 2: too many players wait');
    await vi.advanceTimersByTimeAsync(250);
    expect(requests).toHaveLength(4);
    await vi.advanceTimersByTimeAsync(500);
    at(FakePeer.all, -1).open();
    showFrame(1, 1);
    expect(states.at(-1)).toBe('playing');
  });
});

describe('a hidden page', () => {
  test('a page that was opened in the background connects when it is shown', async () => {
    client.setHidden(true);
    await connect();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(requests).toEqual([]);
    expect(states).toEqual(['connecting 1: The game begins when you look at this page.']);
    client.setHidden(false);
    await vi.advanceTimersByTimeAsync(0);
    at(FakePeer.all, 0).open();
    showFrame(1, 1);
    expect(states.slice(1)).toEqual(['connecting 1', 'playing']);
  });

  test('the host learns at once that the page is hidden or shown', async () => {
    await play();
    const flags = () =>
      at(FakePeer.all, 0)
        .channels.flatMap(({ sent }) => sent)
        .filter(([type]) => type === MESSAGE_HELD)
        .map((message) => message[1]);
    client.setHidden(true);
    client.setHidden(true);
    client.setHidden(false);
    expect(flags()).toEqual([0, 1, 0]);
  });

  test('a hidden page keeps its seat when the connection is lost, and needs no picture for that', async () => {
    await play();
    client.setHidden(true);
    at(FakePeer.all, 0).change('failed');
    await vi.advanceTimersByTimeAsync(250);
    at(FakePeer.all, 1).open();
    notify(1, JOINED);
    expect(states.at(-1)).toBe('playing');
    const pong = setInterval(() => at(FakePeer.all, 1).say(Buffer.from([MESSAGE_PONG])), 500);
    await vi.advanceTimersByTimeAsync(20_000);
    expect([states.at(-1), FakePeer.all.length]).toEqual(['playing', 2]);
    clearInterval(pong);
  });

  test('pictures that the browser decoded while the page was hidden do not count as shown', async () => {
    await play();
    const pong = setInterval(() => at(FakePeer.all, 0).say(Buffer.from([MESSAGE_PONG])), 500);
    client.setHidden(true);
    await vi.advanceTimersByTimeAsync(20_050);
    client.setHidden(false);
    for (let picture = 1; picture <= 60; picture++) {
      showFrame(picture, 600 + picture);
      await vi.advanceTimersByTimeAsync(1000 / 60);
    }
    expect(client.stats().framesShown).toBe(61);
    expect(client.stats().fps).toBeLessThan(65);
    clearInterval(pong);
  });
});

describe('figures', () => {
  test('the figures give the latency from an input to the picture that shows it', async () => {
    await play();
    client.input.key(4, true);
    await vi.advanceTimersByTimeAsync(30);
    at(FakePeer.all, 0).say(frameMessage({ rtp: 7000, input: 3, serverUs: 12_500 }));
    showFrame(7000, 2);
    expect(latencies.at(-1)).toEqual([3, 30]);
    expect(client.stats()).toMatchObject({
      latencyP50: 30,
      latencyP99: 30,
      serverP50: 12.5,
      width: 1280,
      framesShown: 2,
    });
  });

  test('the figures count pictures that the video callback missed', async () => {
    await play();
    showFrame(2, 2);
    showFrame(5, 5);
    expect(client.stats().framesShown).toBe(5);
    await vi.advanceTimersByTimeAsync(1000);
    expect(client.stats().fps).toBeCloseTo(5, 5);
  });

  test('the figures give the round-trip time of a ping', async () => {
    await play();
    const sent = at(FakePeer.all, 0).channels.flatMap((channel) => channel.sent);
    const ping = must(
      sent.find(([type]) => type === MESSAGE_PING),
      'ping',
    );
    await vi.advanceTimersByTimeAsync(17);
    ping[0] = MESSAGE_PONG;
    at(FakePeer.all, 0).say(ping);
    expect(client.stats().rtt).toBe(17);
  });

  test('the client ignores messages that are too short', async () => {
    await play();
    for (const bytes of [[], [MESSAGE_FRAME], [MESSAGE_PONG], [99]]) at(FakePeer.all, 0).say(Buffer.from(bytes));
    expect(client.stats().rtt).toBeNaN();
    expect(states.at(-1)).toBe('playing');
  });
});

async function connect(): Promise<void> {
  client.connect({ size: '640x360', fps: 30 });
  await vi.advanceTimersByTimeAsync(0);
}

async function play({ hold = 0 } = {}): Promise<void> {
  if (hold > 0) answers.push(() => accepted({ token: 'token', hold }));
  await connect();
  at(FakePeer.all, 0).open();
  showFrame(1, 1);
  expect(states).toEqual(['connecting 1', 'playing']);
}

function accepted({ token, hold }: { token?: string; hold?: number } = {}): Response {
  const headers = new Headers({ location: '/whep/1' });
  if (token !== undefined) headers.set('nearlight-return', token);
  if (hold !== undefined) headers.set('nearlight-hold-ms', String(hold));
  return new Response('answer', { status: 201, headers });
}

function refusal(status: number, code: string, message: string, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify({ code, message }), { status, headers });
}

function returnOf({ headers }: RequestInit): string | undefined {
  return (headers as Record<string, string>)['nearlight-return'];
}

/** Makes the connection with the given index receive a notice. */
function notify(index: number, notice: Notice): void {
  const message = Buffer.concat([Buffer.from([MESSAGE_NOTICE]), Buffer.from(JSON.stringify(notice))]);
  at(FakePeer.all, index).say(message);
}

function describeState(state: PlayerState): string {
  const { kind } = state;
  if (kind === 'waiting') return `waiting ${state.position}`;
  if (kind === 'ended') return `ended ${state.code}: ${state.message}`;
  if (kind !== 'connecting' && kind !== 'reconnecting') return kind;
  return `${kind} ${state.attempt}${state.message === undefined ? '' : `: ${state.message}`}`;
}

function frameMessage({ rtp, input, serverUs }: { rtp: number; input: number; serverUs: number }): Buffer {
  const message = Buffer.alloc(20);
  message[0] = MESSAGE_FRAME;
  message.writeUInt32LE(rtp, 4);
  message.writeUInt32LE(input, 8);
  message.writeUInt32LE(serverUs, 12);
  return message;
}
