import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { MESSAGE_FRAME, MESSAGE_NOTICE, MESSAGE_PING, MESSAGE_PONG, type Notice } from '../../host/base/protocol.ts';
import { PlayerClient } from '../../host/player/client.ts';
import type { PlayerState } from '../../host/player/state.ts';
import { at } from '../at.ts';

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
  client = new PlayerClient({
    video: video as unknown as HTMLVideoElement,
    url: '/whep',
    onState: (state) => void states.push(describeState(state)),
    onNotice: (notice) => void notices.push(notice),
  });
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

  test.each([
    [
      400,
      { code: 'NL_REQUEST', message: 'fps must be a whole number' },
      'ended NL_REQUEST final: fps must be a whole number',
    ],
    [503, { code: 'NL_ROOM_FULL', message: 'NL_ROOM_FULL: no seat' }, 'ended NL_ROOM_FULL retry: no seat'],
    [403, '<html>', 'ended NL_CONNECTION final: The server answered with status 403.'],
    [404, { code: 7 }, 'ended NL_CONNECTION final: The server answered with status 404.'],
    [200, 'not created', 'ended NL_CONNECTION final: The server answered with status 200.'],
  ])('the client ends after an answer with status %i and the body %j', async (status, body, expected) => {
    answers.push(() => new Response(typeof body === 'string' ? body : JSON.stringify(body), { status }));
    await connect();
    expect(states).toEqual(['connecting 1', expected]);
    expect(requests).toHaveLength(1);
  });

  test('the client ends in a browser without WebRTC', async () => {
    vi.stubGlobal('RTCPeerConnection', undefined);
    await connect();
    expect(states.at(-1)).toMatch(/^ended NL_BROWSER final/);
  });
});

describe('attempts', () => {
  const between = () =>
    new Response(JSON.stringify({ code: 'NL_ROOM_ENDED', message: 'the game is being replaced' }), {
      status: 503,
      headers: { 'retry-after': '1' },
    });

  test('between two games, attempts to connect are repeated whenever the server says, without a limit', async () => {
    answers.push(...Array.from({ length: 9 }, () => between));
    await connect();
    expect(states).toEqual(['connecting 1', 'connecting 1: the game is being replaced']);
    await vi.advanceTimersByTimeAsync(999);
    expect(requests).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(8001);
    expect(requests).toHaveLength(10);
    at(FakePeer.all, -1).open();
    showFrame(1, 1);
    expect(states.slice(2)).toEqual(['playing']);
  });

  test('attempts to connect end after a minute without the next game', async () => {
    answers.push(...Array.from({ length: 100 }, () => between));
    await connect();
    await vi.advanceTimersByTimeAsync(70_000);
    expect(states.at(-1)).toBe('ended NL_ROOM_ENDED retry: the game is being replaced');
    expect(requests).toHaveLength(61);
  });

  test('an unreachable server gets five attempts to connect at growing intervals, and more if the player asks', async () => {
    answers.push(...Array.from({ length: 5 }, () => () => Promise.reject(new TypeError('fetch failed'))));
    await connect();
    for (const backoff of [300, 600, 1200, 2400]) {
      const before = requests.length;
      await vi.advanceTimersByTimeAsync(backoff - 1);
      expect(requests).toHaveLength(before);
      await vi.advanceTimersByTimeAsync(1);
      expect(requests).toHaveLength(before + 1);
    }
    expect(states.slice(-2)).toEqual(['connecting 5', 'ended NL_CONNECTION retry: The server does not answer.']);
    client.connect({ size: '640x360', fps: 30 });
    await vi.advanceTimersByTimeAsync(0);
    at(FakePeer.all, -1).open();
    showFrame(1, 1);
    expect(states.slice(-2)).toEqual(['connecting 1', 'playing']);
  });

  test('an attempt to connect that fails before the first picture frees its seat', async () => {
    await connect();
    at(FakePeer.all, 0).change('failed');
    expect(requests[1]).toMatchObject({ method: 'DELETE', url: '/whep/1' });
    await vi.advanceTimersByTimeAsync(300);
    expect(requests[2]).toMatchObject({ method: 'POST' });
    expect(states).toEqual(['connecting 1', 'connecting 2']);
  });

  test('an attempt to connect fails if no picture arrives within 8 s', async () => {
    await connect();
    at(FakePeer.all, 0).open();
    const pong = setInterval(() => at(FakePeer.all, 0).say(Buffer.from([MESSAGE_PONG])), 500);
    await vi.advanceTimersByTimeAsync(7999);
    expect(states).toEqual(['connecting 1']);
    await vi.advanceTimersByTimeAsync(1);
    expect(states).toEqual(['connecting 1', 'connecting 2']);
    clearInterval(pong);
  });

  test('the client connects again after a long interruption, but not after a short one', async () => {
    await play();
    const peer = at(FakePeer.all, 0);
    peer.change('disconnected');
    await vi.advanceTimersByTimeAsync(1999);
    peer.change('connected');
    await vi.advanceTimersByTimeAsync(1000);
    expect(states.at(-1)).toBe('playing');
    peer.change('disconnected');
    await vi.advanceTimersByTimeAsync(2000);
    expect(states.at(-1)).toBe('connecting 2');
  });

  test('the client connects again after 5 s of silence', async () => {
    await play();
    await vi.advanceTimersByTimeAsync(5000);
    expect(states.at(-1)).toBe('playing');
    await vi.advanceTimersByTimeAsync(100);
    expect(states.at(-1)).toBe('connecting 2');
  });

  test('attempts to connect are counted from 1 again after a connection that lasted', async () => {
    await play();
    for (let i = 0; i < 10; i++) {
      await vi.advanceTimersByTimeAsync(1000);
      at(FakePeer.all, 0).say(Buffer.from([MESSAGE_PONG]));
    }
    at(FakePeer.all, 0).closeEvents();
    expect(states.at(-1)).toBe('connecting 1');
    await vi.advanceTimersByTimeAsync(300);
    expect(FakePeer.all).toHaveLength(2);
  });

  test('the client does not connect again after the server has ended the connection', async () => {
    await play();
    const notice: Notice = { kind: 'ended', code: 'NL_GUEST_TRAP', message: 'divided by zero', retry: false };
    at(FakePeer.all, 0).say(Buffer.concat([Buffer.from([MESSAGE_NOTICE]), Buffer.from(JSON.stringify(notice))]));
    at(FakePeer.all, 0).closeEvents();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(notices).toEqual([notice]);
    expect(states.at(-1)).toBe('ended NL_GUEST_TRAP final: divided by zero');
    expect(requests.map(({ method }) => method)).toEqual(['POST']);
  });
});

describe('figures', () => {
  test('the figures give the latency from an input to the picture that shows it', async () => {
    await play();
    client.input.key(4, true);
    await vi.advanceTimersByTimeAsync(30);
    at(FakePeer.all, 0).say(frameMessage({ rtp: 7000, input: 1, serverUs: 12_500 }));
    showFrame(7000, 2);
    expect(latencies).toEqual([[1, 30]]);
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

async function play(): Promise<void> {
  await connect();
  at(FakePeer.all, 0).open();
  showFrame(1, 1);
  expect(states).toEqual(['connecting 1', 'playing']);
}

function accepted(): Response {
  return new Response('answer', { status: 201, headers: { location: '/whep/1' } });
}

function describeState(state: PlayerState): string {
  if (state.kind === 'connecting')
    return `connecting ${state.attempt}${state.message === undefined ? '' : `: ${state.message}`}`;
  if (state.kind !== 'ended') return state.kind;
  return `ended ${state.code} ${state.retry ? 'retry' : 'final'}: ${state.message}`;
}

function frameMessage({ rtp, input, serverUs }: { rtp: number; input: number; serverUs: number }): Buffer {
  const message = Buffer.alloc(20);
  message[0] = MESSAGE_FRAME;
  message.writeUInt32LE(rtp, 4);
  message.writeUInt32LE(input, 8);
  message.writeUInt32LE(serverUs, 12);
  return message;
}
