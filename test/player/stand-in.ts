// The page loads these parts when it needs them. Simulated time does not wait for that.
import '../../host/player/ice-servers.ts';
import '../../host/player/line-meter.ts';
import '../../host/player/probe.ts';
import '../../host/player/queue.ts';
import { expect, vi } from 'vitest';
import { MESSAGE_FRAME, MESSAGE_NOTICE, MESSAGE_PONG, type Notice, PONG_BYTES } from '../../host/base/protocol.ts';
import { PlayerClient } from '../../host/player/client.ts';
import type { PlayerState } from '../../host/player/state.ts';
import type { TokenStorage } from '../../host/player/tokens.ts';
import { at } from '../at.ts';

export const JOINED: Notice = { kind: 'joined', seat: 0, seats: 4, width: 640, height: 360, fps: 30, game: 'test' };

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
export class FakePeer {
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

export let states: string[];
export let notices: Notice[];
export let latencies: [number, number][];
export let requests: Requested[];
export let answers: (() => Response | Promise<Response>)[];
/** Whether the server answers the question by which the page finds out whether it is there. Requests for a seat are not affected. */
export const line = { isAnswering: false };
export let showFrame: (rtpTimestamp: number, presentedFrames: number) => void;
export let makeClient: (storage?: TokenStorage) => PlayerClient;
export let client: PlayerClient;

/** Sets up a client with stand-ins for the browser's functions, before each test. */
export function setUp(): void {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  FakePeer.all = [];
  states = [];
  notices = [];
  latencies = [];
  requests = [];
  answers = [];
  line.isAnswering = false;
  vi.stubGlobal('RTCPeerConnection', FakePeer);
  vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
    const given = new Promise<Response>((_, reject) => {
      init.signal?.addEventListener('abort', () => reject(init.signal?.reason));
    });
    given.catch(() => {});
    if (init.method === 'GET') return line.isAnswering ? Promise.resolve(new Response(null, { status: 204 })) : given;
    // Each request for a seat ends with the version of the protocol, which concerns no other test.
    requests.push({ method: init.method ?? 'GET', url: url.replace(/&?protocol=\d+$/, ''), init });
    const answer = answers.shift() ?? accepted;
    return Promise.race([(async () => answer())(), given]);
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
}

/** Undoes setUp, after each test. */
export function tearDown(): void {
  client.leave();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  vi.useRealTimers();
}

export async function connect(): Promise<void> {
  client.connect({ size: '640x360', fps: 30 });
  await vi.advanceTimersByTimeAsync(0);
}

export async function play({ hold = 0 } = {}): Promise<void> {
  if (hold > 0) answers.push(() => accepted({ token: 'token', hold }));
  await connect();
  at(FakePeer.all, 0).open();
  showFrame(1, 1);
  await vi.dynamicImportSettled();
  expect(states).toEqual(['connecting 1', 'playing']);
}

export function accepted({ token, hold }: { token?: string; hold?: number } = {}): Response {
  const headers = new Headers({ location: '/whep/1' });
  if (token !== undefined) headers.set('nearlight-return', token);
  if (hold !== undefined) headers.set('nearlight-hold-ms', String(hold));
  return new Response('answer', { status: 201, headers });
}

export function refusal(status: number, code: string, message: string, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify({ code, message }), { status, headers });
}

export function returnOf({ headers }: RequestInit): string | undefined {
  return (headers as Record<string, string>)['nearlight-return'];
}

/** Makes the connection with the given index receive a notice. */
export function notify(index: number, notice: Notice): void {
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

/** Makes the connection with the given index receive the answer to a ping that was sent so many milliseconds ago. */
export function pong(index: number, ageMs = 10): void {
  const message = Buffer.alloc(PONG_BYTES);
  message[0] = MESSAGE_PONG;
  message.writeDoubleLE(performance.now() - ageMs, 4);
  at(FakePeer.all, index).say(message);
}

export function frameMessage({ rtp, input, serverUs }: { rtp: number; input: number; serverUs: number }): Buffer {
  const message = Buffer.alloc(20);
  message[0] = MESSAGE_FRAME;
  message.writeUInt32LE(rtp, 4);
  message.writeUInt32LE(input, 8);
  message.writeUInt32LE(serverUs, 12);
  return message;
}
