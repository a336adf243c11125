import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { PlayerClient, type PlayerState } from '../../host/player/client.ts';
import { MESSAGE_FRAME, MESSAGE_NOTICE, MESSAGE_PONG, type Notice } from '../../host/stream/protocol.ts';

/** A data channel that collects. */
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
    this.channels.push(new FakeChannel(label, options));
    return this.channels.at(-1)!;
  }
  async createOffer(): Promise<RTCSessionDescriptionInit> {
    return { type: 'offer', sdp: 'offer' };
  }
  async setLocalDescription(): Promise<void> {}
  async setRemoteDescription(answer: RTCSessionDescriptionInit): Promise<void> {
    this.answer = answer.sdp!;
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
  say(bytes: Buffer): void {
    this.channels[1]!.onmessage({ data: new Uint8Array(bytes).buffer });
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
    requests.push({ method: init.method!, url, init });
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
  test('posts the offer with what the player asks for, and applies the answer', async () => {
    await connect();
    expect(requests[0]).toMatchObject({ method: 'POST', url: '/whep?size=640x360&fps=30' });
    expect(requests[0]!.init).toMatchObject({ body: 'offer', headers: { 'content-type': 'application/sdp' } });
    const [peer] = FakePeer.all;
    expect(peer!.answer).toBe('answer');
    expect(peer!.receiver.jitterBufferTarget).toBe(0);
    expect(peer!.channels.map(({ label, options }) => [label, options])).toEqual([
      ['events', { ordered: true }],
      ['state', { ordered: false, maxRetransmits: 0 }],
    ]);
  });

  test('leaves out what the player does not ask for', async () => {
    client.connect({});
    await vi.advanceTimersByTimeAsync(0);
    expect(requests[0]!.url).toBe('/whep?');
  });

  test('leaves with a DELETE that outlives the page', async () => {
    await play();
    client.leave();
    expect(requests[1]).toMatchObject({ method: 'DELETE', url: '/whep/1', init: { keepalive: true } });
    expect(FakePeer.all[0]!.closed).toBe(true);
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
  ])('status %i with %j ends it', async (status, body, expected) => {
    answers.push(() => new Response(typeof body === 'string' ? body : JSON.stringify(body), { status }));
    await connect();
    expect(states).toEqual(['connecting 1', expected]);
    expect(requests).toHaveLength(1);
  });

  test('a browser without WebRTC is told so', async () => {
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

  test('between two games the server is asked when it says, as often as it takes', async () => {
    answers.push(...Array.from({ length: 9 }, () => between));
    await connect();
    expect(states).toEqual(['connecting 1', 'connecting 1: the game is being replaced']);
    await vi.advanceTimersByTimeAsync(999);
    expect(requests).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(8001);
    expect(requests).toHaveLength(10);
    FakePeer.all.at(-1)!.open();
    showFrame(1, 1);
    expect(states.slice(2)).toEqual(['playing']);
  });

  test('a minute without the next game is enough', async () => {
    answers.push(...Array.from({ length: 100 }, () => between));
    await connect();
    await vi.advanceTimersByTimeAsync(70_000);
    expect(states.at(-1)).toBe('ended NL_ROOM_ENDED retry: the game is being replaced');
    expect(requests).toHaveLength(61);
  });

  test('a server that cannot be reached is tried five times, ever later, then the player decides', async () => {
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
    FakePeer.all.at(-1)!.open();
    showFrame(1, 1);
    expect(states.slice(-2)).toEqual(['connecting 1', 'playing']);
  });

  test('a connection that fails before its first picture is made again, and its seat given back', async () => {
    await connect();
    FakePeer.all[0]!.change('failed');
    expect(requests[1]).toMatchObject({ method: 'DELETE', url: '/whep/1' });
    await vi.advanceTimersByTimeAsync(300);
    expect(requests[2]).toMatchObject({ method: 'POST' });
    expect(states).toEqual(['connecting 1', 'connecting 2']);
  });

  test('no picture within 8 s is a failure', async () => {
    await connect();
    FakePeer.all[0]!.open();
    const pong = setInterval(() => FakePeer.all[0]!.say(Buffer.from([MESSAGE_PONG])), 500);
    await vi.advanceTimersByTimeAsync(7999);
    expect(states).toEqual(['connecting 1']);
    await vi.advanceTimersByTimeAsync(1);
    expect(states).toEqual(['connecting 1', 'connecting 2']);
    clearInterval(pong);
  });

  test('a short interruption is waited for, a long one is not', async () => {
    await play();
    const [peer] = FakePeer.all;
    peer!.change('disconnected');
    await vi.advanceTimersByTimeAsync(1999);
    peer!.change('connected');
    await vi.advanceTimersByTimeAsync(1000);
    expect(states.at(-1)).toBe('playing');
    peer!.change('disconnected');
    await vi.advanceTimersByTimeAsync(2000);
    expect(states.at(-1)).toBe('connecting 2');
  });

  test('silence is a loss, although nothing said so', async () => {
    await play();
    await vi.advanceTimersByTimeAsync(5000);
    expect(states.at(-1)).toBe('playing');
    await vi.advanceTimersByTimeAsync(100);
    expect(states.at(-1)).toBe('connecting 2');
  });

  test('a connection that held gets all its attempts again', async () => {
    await play();
    for (let i = 0; i < 10; i++) {
      await vi.advanceTimersByTimeAsync(1000);
      FakePeer.all[0]!.say(Buffer.from([MESSAGE_PONG]));
    }
    FakePeer.all[0]!.channels[0]!.onclose();
    expect(states.at(-1)).toBe('connecting 1');
    await vi.advanceTimersByTimeAsync(300);
    expect(FakePeer.all).toHaveLength(2);
  });

  test('what the server ends stays ended', async () => {
    await play();
    const notice: Notice = { kind: 'ended', code: 'NL_GUEST_TRAP', message: 'divided by zero', retry: false };
    FakePeer.all[0]!.say(Buffer.concat([Buffer.from([MESSAGE_NOTICE]), Buffer.from(JSON.stringify(notice))]));
    FakePeer.all[0]!.channels[0]!.onclose();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(notices).toEqual([notice]);
    expect(states.at(-1)).toBe('ended NL_GUEST_TRAP final: divided by zero');
    expect(requests.map(({ method }) => method)).toEqual(['POST']);
  });
});

describe('figures', () => {
  test('join inputs, frames and pictures', async () => {
    await play();
    client.input.key(4, true);
    await vi.advanceTimersByTimeAsync(30);
    FakePeer.all[0]!.say(frameMessage({ rtp: 7000, input: 1, serverUs: 12_500 }));
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

  test('pictures that the callback missed are counted', async () => {
    await play();
    showFrame(2, 2);
    showFrame(5, 5);
    expect(client.stats().framesShown).toBe(5);
    await vi.advanceTimersByTimeAsync(1000);
    expect(client.stats().fps).toBeCloseTo(5, 5);
  });

  test('a ping that comes back is the round trip', async () => {
    await play();
    const ping = FakePeer.all[0]!.channels[1]!.sent.find((message) => message[0] === 5)!;
    await vi.advanceTimersByTimeAsync(17);
    ping[0] = MESSAGE_PONG;
    FakePeer.all[0]!.say(ping);
    expect(client.stats().rtt).toBe(17);
  });

  test('messages that are too short are ignored', async () => {
    await play();
    for (const bytes of [[], [MESSAGE_FRAME], [MESSAGE_PONG], [99]]) FakePeer.all[0]!.say(Buffer.from(bytes));
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
  FakePeer.all[0]!.open();
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
