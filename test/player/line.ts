// The page loads this part while it plays. Simulated time does not wait for that.
import '../../host/player/probe.ts';
import { systemClock } from '../../host/base/clock.ts';
import {
  type CloseReason,
  FRAME_BYTES,
  HEADER_HOLD,
  HEADER_RETURN,
  joinedNotice,
  MESSAGE_FRAME,
  MESSAGE_NOTICE,
  type Notice,
} from '../../host/base/protocol.ts';
import { milli } from '../../host/base/time.ts';
import type { CommandReplay } from '../../host/gpu/replay.ts';
import { Room } from '../../host/room/room.ts';
import type { PlayerView } from '../../host/room/view.ts';
import { Admission } from '../../host/stream/admission.ts';
import { InputGovernor } from '../../host/stream/governor.ts';
import { InputReader } from '../../host/stream/input.ts';
import { emptyStats, type Player, type PlayerConnection } from '../../host/stream/player.ts';
import { createToken, Returns, readTokens } from '../../host/stream/returns.ts';
import { at } from '../at.ts';
import { FakeInstance } from '../room/fake.ts';
import { LIMITS } from '../stream/limits.ts';

const CONFIG = {
  inputBytesMax: 1024,
  inputSilenceMsMax: 600,
  stallMsMax: 3000,
  returnMsMax: 30_000,
  reloadMsMax: 4000,
  addressHeldMax: 16,
  offersPerSecondMax: 10,
  addressOffersPerSecondMax: 5,
  halfOpenMax: 64,
  addressHalfOpenMax: 32,
  addressSeatsMax: 1000,
};
/** ICE, DTLS and SCTP need this time once packets pass. */
const HANDSHAKE_MS = 100;
/** ICE gives a connection up after so much silence, on the page and on the host. */
const FAILED_MS = 15_000;
const ICE_MS_MAX = 5000;
const view = { width: 640, height: 360, fps: 20 };

/** A message on its way. */
interface Channel {
  readyState: string;
  binaryType: string;
  onopen(): void;
  onclose(): void;
  onmessage(event: { data: ArrayBuffer }): void;
  send(view: ArrayBufferView): void;
}

/**
 * A host and a line to it in simulated time. The host's parts that keep seats, read input and run the room are the real ones; the
 * transport is a stand-in. While the line is cut, messages on `state` are lost, those on `events` wait, and requests get no answer.
 */
export class Line {
  isUp = true;
  /** One way through the line. */
  latencyMs = 20;
  readonly room: Room;
  readonly instance: FakeInstance;
  readonly returns = new Returns(CONFIG);
  readonly admission = new Admission(CONFIG, systemClock);
  readonly connections = new Set<Connection>();
  /** Shows the page a picture. */
  onPicture: (rtpTimestamp: number) => void = () => {};
  /** Seats that players took, in order. */
  readonly seats: number[] = [];
  readonly #waiting: (() => void)[] = [];

  constructor({ seats = 4, tickRate = 20 } = {}) {
    this.instance = new FakeInstance(seats);
    this.room = new Room({
      name: 'test',
      clock: systemClock,
      instance: this.instance,
      replay: { start() {}, observe() {}, destroy() {} } as unknown as CommandReplay,
      config: { maxPlayers: seats, tickRate, seed: 1 },
      createView: async (_, connection) => pictures(connection),
      log: () => {},
    });
  }

  cut(): void {
    this.isUp = false;
  }

  mend(): void {
    this.isUp = true;
    for (const pass of this.#waiting.splice(0)) pass();
  }

  /** Calls `deliver` after the time that a packet takes, when the line is up. */
  pass(deliver: () => void): void {
    setTimeout(() => (this.isUp ? deliver() : this.#waiting.push(deliver)), this.latencyMs);
  }

  /** Stands in for the browser's function. */
  readonly fetch = (url: string, init: RequestInit): Promise<Response> => {
    const { signal, method, headers } = init;
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason));
      // A request in a dead line is stuck. It is not sent again when the line is back.
      if (!this.isUp || method === 'DELETE') return;
      if (method === 'GET') return this.pass(() => this.pass(() => resolve(new Response(null, { status: 204 }))));
      const answer = this.#answer(url, headers as Record<string, string>, signal ?? undefined);
      this.pass(() => this.pass(() => resolve(answer)));
    });
  };

  #answer(url: string, headers: Record<string, string>, signal: AbortSignal | undefined): Response {
    const tokens = readTokens(headers[HEADER_RETURN]);
    try {
      this.admission.countOffer('page', this.returns.find(tokens) !== undefined);
    } catch {
      return new Response('{"code":"NL_OFFER_RATE","message":""}', { status: 429, headers: { 'retry-after': '1' } });
    }
    const peer = at(LinePeer.all, -1);
    const token = createToken();
    const valid = tokens?.find((one) => this.returns.find([one]) !== undefined);
    const connection = new Connection(this, peer, token, tokens);
    peer.host = connection;
    this.connections.add(connection);
    signal?.addEventListener('abort', () => this.pass(() => connection.close('page')));
    return new Response('answer', {
      status: 201,
      headers: {
        location: `${url.split('?')[0]}/1`,
        [HEADER_RETURN]: [token, ...(valid ? [valid] : [])].join(','),
        [HEADER_HOLD]: String(CONFIG.returnMsMax),
      },
    });
  }
}

/** The host's end of one connection. */
export class Connection implements PlayerConnection {
  readonly codec = 'h264';
  readonly stats = emptyStats();
  readonly ready = true;
  readonly id = createToken();
  isClosed = false;
  player: Player | undefined;
  readonly #line: Line;
  readonly #peer: LinePeer;
  readonly #token: string;
  readonly #tokens: string[] | undefined;
  readonly #ticket;
  #input: InputReader | undefined;
  #timer: ReturnType<typeof setTimeout>;

  constructor(line: Line, peer: LinePeer, token: string, tokens: string[] | undefined) {
    this.#line = line;
    this.#peer = peer;
    this.#token = token;
    this.#tokens = tokens;
    this.#ticket = line.admission.open('page', () => this.close('displaced'));
    this.#timer = setTimeout(() => this.close('timeout'), ICE_MS_MAX);
  }

  connect(): void {
    if (this.isClosed || this.player) return;
    const { returns, room } = this.#line;
    const arrival = {
      id: this.id,
      token: this.#token,
      ticket: this.#ticket,
      close: (reason: CloseReason) => this.close(reason),
    };
    const stay = returns.find(this.#tokens);
    if (stay) this.player = returns.take(stay, arrival, view);
    else {
      this.#ticket.seat();
      this.player = room.accept(view);
      returns.add(this.player, arrival);
    }
    this.#line.seats.push(this.player.seat);
    this.#input = new InputReader({
      sink: this.player.input,
      config: CONFIG,
      governor: new InputGovernor({ limits: LIMITS, clock: systemClock, situation: () => this.player?.situation }),
      pong: (bytes) => this.#send(1, bytes),
      clock: systemClock,
    });
    this.notify(joinedNotice(this.player));
    this.player.onConnected(this);
    this.#hear();
  }

  limitBitrate(): void {}

  read(channel: number, message: Buffer): void {
    if (this.isClosed || !this.#input) return;
    this.#hear();
    this.#input.read(channel === 0 ? 'events' : 'state', message);
  }

  sendFrame(_unit: Uint8Array, { rtpTimestamp }: { rtpTimestamp: number }): boolean {
    if (this.isClosed || !this.#line.isUp) return false;
    const message = Buffer.alloc(FRAME_BYTES);
    message[0] = MESSAGE_FRAME;
    message.writeUInt32LE(rtpTimestamp, 4);
    this.#send(1, message);
    setTimeout(
      () => !this.#peer.isClosed && this.#peer.isShown && this.#line.onPicture(rtpTimestamp),
      this.#line.latencyMs,
    );
    return true;
  }

  notify(notice: Notice): void {
    this.#send(0, Buffer.concat([Buffer.of(MESSAGE_NOTICE), Buffer.from(JSON.stringify(notice))]));
  }

  async end(): Promise<void> {
    this.close('host');
  }

  close(reason: CloseReason): void {
    if (this.isClosed) return;
    this.isClosed = true;
    clearTimeout(this.#timer);
    this.#input?.close();
    this.#line.connections.delete(this);
    if (!this.#line.returns.lose(this.id, reason)) this.#ticket.close();
    this.#line.pass(() => this.#peer.end());
  }

  #hear(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.close('idle'), FAILED_MS);
  }

  #send(channel: number, message: Buffer): void {
    const data = new Uint8Array(message).buffer;
    const deliver = () => this.#peer.receive(channel, data);
    if (channel === 0) this.#line.pass(deliver);
    else if (this.#line.isUp) setTimeout(deliver, this.#line.latencyMs);
  }
}

/** Stands in for RTCPeerConnection. */
export class LinePeer {
  static line: Line;
  static all: LinePeer[] = [];
  /** Whether the browser makes no further connection, as Chromium does while it has 500 that were not collected as garbage. */
  static isFull = false;
  connectionState = 'new';
  onconnectionstatechange = () => {};
  isClosed = false;
  isOpen = false;
  host: Connection | undefined;
  readonly channels: Channel[] = [];
  #failed: ReturnType<typeof setTimeout> | undefined;
  constructor() {
    if (LinePeer.isFull) throw new DOMException('Cannot create so many PeerConnections', 'UnknownError');
    LinePeer.all = LinePeer.all.filter(({ isClosed }) => !isClosed);
    LinePeer.all.push(this);
  }
  /** Whether this is the newest connection that is open, whose picture the page shows. */
  get isShown(): boolean {
    return this.isOpen && LinePeer.all.findLast(({ isOpen, isClosed }) => isOpen && !isClosed) === this;
  }
  addTransceiver(): object {
    return { receiver: { jitterBufferTarget: null, getStats: async () => new Map() } };
  }
  createDataChannel(): Channel {
    const index = this.channels.length;
    const channel: Channel = {
      readyState: 'connecting',
      binaryType: '',
      onopen: () => {},
      onclose: () => {},
      onmessage: () => {},
      send: (bytes) => this.#send(index, Buffer.from(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))),
    };
    this.channels.push(channel);
    return channel;
  }
  async createOffer(): Promise<object> {
    return { type: 'offer', sdp: 'offer' };
  }
  async setLocalDescription(): Promise<void> {}
  async setRemoteDescription(): Promise<void> {
    LinePeer.line.pass(() => setTimeout(() => this.#open(), HANDSHAKE_MS));
  }
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    clearTimeout(this.#failed);
    const { host } = this;
    LinePeer.line.pass(() => host?.close('page'));
  }
  end(): void {
    if (!this.isClosed && this.isOpen) this.channels[0]?.onclose();
  }
  receive(channel: number, data: ArrayBuffer): void {
    if (this.isClosed) return;
    this.#hear();
    this.channels[channel]?.onmessage({ data });
  }
  #open(): void {
    if (this.isClosed || !this.host || this.host.isClosed) return;
    if (!LinePeer.line.isUp) {
      LinePeer.line.pass(() => this.#open());
      return;
    }
    this.host.connect();
    this.isOpen = true;
    for (const channel of this.channels) channel.readyState = 'open';
    for (const channel of this.channels) channel.onopen();
    this.#hear();
  }
  #hear(): void {
    clearTimeout(this.#failed);
    this.#failed = setTimeout(() => {
      this.connectionState = 'failed';
      this.onconnectionstatechange();
    }, FAILED_MS);
  }
  #send(channel: number, message: Buffer): void {
    const { host } = this;
    const deliver = () => host?.read(channel, message);
    if (channel === 0) LinePeer.line.pass(deliver);
    else if (LinePeer.line.isUp) setTimeout(deliver, LinePeer.line.latencyMs);
  }
}

/** A view whose pictures take no time. */
function pictures(connection: PlayerConnection): PlayerView {
  let rtp = 0;
  return {
    surface: { texture: { width: view.width, height: view.height } },
    ready: true,
    stats: { dropped: 0 },
    requestKeyframe() {},
    feedback() {},
    present() {
      const unit = new Uint8Array(1);
      connection.sendFrame(unit, {
        rtpTimestamp: ++rtp,
        keyframe: true,
        inputSequence: 0,
        inputToSendUs: milli(0) as never,
      });
    },
    async close() {},
  } as unknown as PlayerView;
}
