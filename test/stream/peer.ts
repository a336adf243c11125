import datachannel, { type DataChannel, type PeerConnection, type Track } from 'node-datachannel';
import {
  CARRY_TYPE,
  CHANNEL_EVENTS,
  CHANNEL_STATE,
  HEADER_PAGE,
  HEADER_RETURN,
  HEADER_TRACE,
  HELD_BYTES,
  MESSAGE_FRAME,
  MESSAGE_HELD,
  MESSAGE_NOTICE,
  MESSAGE_PING,
  MESSAGE_POINTER,
  type Notice,
  POINTER_BYTES,
} from '../../host/base/protocol.ts';
import { eventually } from '../wait.ts';

/** Interval at which a page sends pings. */
const BEAT_MS = 100;
/** Header extension that limits how long the receiver delays a frame. */
export const PLAYOUT_DELAY = 'http://www.webrtc.org/experiments/rtp-hdrext/playout-delay';

/** Waits until `done` returns a value that is neither undefined nor false, and returns it. The error names `what`. */
export function until<T>(done: () => T | undefined | false, what: string, msMax?: number): Promise<T> {
  return eventually(() => {
    const value = done();
    if (value === undefined || value === false) throw new Error(`waited in vain for ${what}`);
    return value;
  }, msMax);
}

/** A player's page without a browser. It sends a WebRTC offer and records what it receives. */
export class Peer {
  readonly #session = new datachannel.RtcpReceivingSession();
  #beat: NodeJS.Timeout | undefined;
  readonly peer: PeerConnection;
  readonly track: Track;
  readonly events: DataChannel;
  readonly state: DataChannel;
  readonly notices: Notice[] = [];
  /** The received messages of type MESSAGE_FRAME. */
  readonly frames: Buffer[] = [];
  /** The received messages on the state channel except those of type MESSAGE_FRAME. */
  readonly answers: Buffer[] = [];
  /** The received RTP packets, without RTCP packets. */
  readonly packets: Buffer[] = [];
  /** The same for sound, if the page takes any. */
  readonly soundPackets: Buffer[] = [];
  readonly #sound: Track | undefined;
  location = '';
  /** The token with which the page can return to its seat; empty if there is none. */
  token = '';
  answer = '';
  peerState = 'new';

  /**
   * @param options.reports whether the page sends RTCP receiver reports, as browsers do
   * @param options.bytesMax longest message that the page allows the host to send
   * @param options.sound whether the page takes sound: as Opus, or also as redundant Opus
   * @param options.address the page's own address
   */
  constructor({
    reports = true,
    bytesMax = 262_144,
    sound,
    address = '127.0.0.1',
  }: {
    address?: string;
    reports?: boolean;
    bytesMax?: number;
    sound?: 'opus' | 'redundant' | undefined;
  } = {}) {
    this.peer = new datachannel.PeerConnection('page', {
      iceServers: [],
      disableAutoNegotiation: true,
      maxMessageSize: bytesMax,
      bindAddress: address,
    });
    const video = new datachannel.Video('v', 'RecvOnly');
    video.addH264Codec(102, 'profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1');
    video.parseSdpLine(`a=extmap:5 ${PLAYOUT_DELAY}`);
    this.track = this.peer.addTrack(video);
    this.track.onMessage((packet) => {
      const type = packet.readUInt8(1);
      if (type < 200 || type > 206) this.packets.push(packet);
    });
    this.track.onClosed(() => {});
    if (reports) this.track.setMediaHandler(this.#session);
    this.#sound = sound && this.#addSound(sound);
    this.peer.onStateChange((state) => {
      this.peerState = state;
    });
    this.events = this.channel(CHANNEL_EVENTS);
    this.state = this.channel(CHANNEL_STATE, {
      unordered: true,
      maxRetransmits: 0,
    });
    this.events.onMessage((message) => {
      const bytes = message as Buffer;
      if (bytes[0] === MESSAGE_NOTICE) this.notices.push(JSON.parse(bytes.subarray(1).toString()));
    });
    this.state.onMessage((message) => {
      const bytes = message as Buffer;
      (bytes[0] === MESSAGE_FRAME ? this.frames : this.answers).push(bytes);
    });
  }

  #addSound(kind: 'opus' | 'redundant'): Track {
    const audio = new datachannel.Audio('a', 'RecvOnly');
    audio.addOpusCodec(111, 'minptime=10;stereo=1');
    if (kind === 'redundant') audio.addAudioCodec(63, 'red', '111/111');
    const track = this.peer.addTrack(audio);
    track.onMessage((packet) => {
      const type = packet.readUInt8(1);
      if (type < 200 || type > 206) this.soundPackets.push(packet);
    });
    track.onClosed(() => {});
    return track;
  }

  channel(label: string, options: { unordered?: boolean; maxRetransmits?: number } = {}): DataChannel {
    const channel = this.peer.createDataChannel(label, options);
    channel.onClosed(() => {});
    return channel;
  }

  async offer(): Promise<string> {
    this.peer.setLocalDescription('offer');
    return until(() => this.peer.localDescription()?.sdp, 'an offer');
  }

  /**
   * Connects to a host, and resolves with the notice "joined".
   * @param options.edit may change the host's SDP answer before it is applied
   * @param options.tokens the page's return tokens, or `new`; by default the page cannot return
   * @param options.page the header HEADER_PAGE
   * @param options.bearer the player's token or join ticket
   * @param options.trace the header HEADER_TRACE
   * @param options.carry the carry ticket of another server
   * @param options.alone whether the request has a connection of its own, as behind an address with several servers
   */
  async join(
    url: string,
    options: {
      query?: string;
      edit?: (sdp: string) => string;
      tokens?: string;
      page?: string;
      bearer?: string;
      trace?: string;
      carry?: string;
      alone?: boolean;
    } = {},
  ): Promise<Notice & { kind: 'joined' }> {
    const { query = '', edit = (sdp: string) => sdp, tokens, page, bearer, trace, carry, alone } = options;
    const sdp = await this.offer();
    const response = await fetch(`${url}whep${query}`, {
      method: 'POST',
      headers: {
        'content-type': carry === undefined ? 'application/sdp' : CARRY_TYPE,
        ...(tokens === undefined ? {} : { [HEADER_RETURN]: tokens }),
        ...(page === undefined ? {} : { [HEADER_PAGE]: page }),
        ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
        ...(trace === undefined ? {} : { [HEADER_TRACE]: trace }),
        ...(alone ? { connection: 'close' } : {}),
      },
      body: carry === undefined ? sdp : JSON.stringify({ sdp, carry }),
    }).catch(({ message, cause }: Error) => {
      throw new Error(`${message}: ${(cause as NodeJS.ErrnoException | undefined)?.code}`);
    });
    this.answer = await response.text();
    if (response.status !== 201) throw new Error(`${response.status} ${this.answer}`);
    this.token = response.headers.get(HEADER_RETURN) ?? '';
    this.location = new URL(response.headers.get('location') ?? '', url).href;
    this.peer.setRemoteDescription(edit(this.answer), 'answer');
    const isFirst = ({ kind }: Notice) => kind === 'joined' || kind === 'ended';
    const notice = await until(() => this.notices.find(isFirst), 'the notice "joined"');
    if (notice.kind === 'ended') throw new Error(`${notice.code}: ${notice.message}`);
    return notice as Notice & { kind: 'joined' };
  }

  /** Number of video frames whose last RTP packet has arrived. */
  get pictures(): number {
    return this.packets.filter((packet) => packet.readUInt8(1) & 0x80).length;
  }

  ended(): Promise<Notice & { kind: 'ended' }> {
    return until(() => this.notices.find((notice) => notice.kind === 'ended'), 'the notice "ended"');
  }

  /** Requests a keyframe (RFC 4585, 6.3.1). */
  pictureLoss(): void {
    this.track.requestKeyframe();
  }

  /** Sends pings from now on, as a page does, or no longer. A host sends no pictures to a page that is silent for long. */
  beat(isBeating = true): void {
    clearInterval(this.#beat);
    if (!isBeating) return;
    const ping = Buffer.of(MESSAGE_PING, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    this.#beat = setInterval(() => this.state.isOpen() && this.state.sendMessageBinary(ping), BEAT_MS);
  }

  /** Leaves as a page does: sends DELETE, then closes the connection. */
  async leave(): Promise<void> {
    if (this.location) await fetch(this.location, { method: 'DELETE' });
    this.close();
  }

  close(): void {
    clearInterval(this.#beat);
    this.peer.close();
    this.events.close();
    this.state.close();
    this.track.close();
    this.#sound?.close();
  }
}

/** Encodes an input message of type MESSAGE_POINTER. */
export function pointerMessage(pointer: {
  sequence: number;
  x?: number;
  y?: number;
  dx?: number;
  dy?: number;
  axes?: number[];
  locked?: boolean;
}): Buffer {
  const { sequence, x = 0, y = 0, dx = 0, dy = 0, axes = [0, 0, 0, 0], locked = false } = pointer;
  const message = Buffer.alloc(POINTER_BYTES);
  message[0] = MESSAGE_POINTER;
  message[1] = locked ? 1 : 0;
  message.writeUInt32LE(sequence, 4);
  message.writeInt32LE(dx, 8);
  message.writeInt32LE(dy, 12);
  message.writeFloatLE(x, 24);
  message.writeFloatLE(y, 28);
  for (const [index, axis] of axes.entries()) message.writeFloatLE(axis, 32 + 4 * index);
  return message;
}

/** Encodes an input message of type MESSAGE_HELD. */
export function heldMessage(held: {
  sequence: number;
  keys?: number[];
  buttons?: number[];
  hidden?: boolean;
  muted?: boolean;
}): Buffer {
  const { sequence, keys = [], buttons = [], hidden = false, muted = false } = held;
  const message = Buffer.alloc(HELD_BYTES);
  message[0] = MESSAGE_HELD;
  message[1] = (hidden ? 1 : 0) | (muted ? 2 : 0);
  message.writeUInt32LE(sequence, 4);
  for (const button of buttons) message.writeUInt32LE((message.readUInt32LE(8) | (1 << button)) >>> 0, 8);
  for (const key of keys) {
    const at = 12 + 4 * (key >>> 5);
    message.writeUInt32LE((message.readUInt32LE(at) | (1 << (key & 31))) >>> 0, at);
  }
  return message;
}
