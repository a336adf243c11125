import type { WebSocket } from 'ws';
import { systemClock } from '../base/clock.ts';
import {
  ARRIVED_BYTES,
  AUDIO_HEADER_BYTES,
  CHANNEL_EVENTS,
  CHANNEL_STATE,
  MESSAGE_ARRIVED,
  MESSAGE_AUDIO,
  MESSAGE_BUTTON,
  MESSAGE_KEY,
  MESSAGE_PAD_BUTTON,
  MESSAGE_RELEASE_ALL,
  MESSAGE_TEXT,
  MESSAGE_VIDEO,
} from '../base/protocol.ts';
import { milli } from '../base/time.ts';
import { type ConnectionOptions, PageConnection } from './connection.ts';
import { FrameMessage, NOTICE_BYTES_MAX } from './messages.ts';
import type { AudioInfo, FrameInfo, VideoCodec } from './player.ts';
import { SocketSender } from './socket-sender.ts';

/** Types of the messages that a page sends on the channel `events` over WebRTC. */
const EVENTS: ReadonlySet<number> = new Set([
  MESSAGE_KEY,
  MESSAGE_BUTTON,
  MESSAGE_PAD_BUTTON,
  MESSAGE_TEXT,
  MESSAGE_RELEASE_ALL,
]);
/** With this many bytes waiting in this process, no frame or sound is sent. */
const WAITING_BYTES_MAX = 262_144;
/** Close code of a connection that has ended as it should (RFC 6455, 7.4.1). */
const NORMAL = 1000;
/** A page that does not answer the closing of its socket within this time is cut off. */
const CLOSE_MS_MAX = 1000;

/**
 * The connection to a page whose network lets no WebRTC pass: a WebSocket that carries encoded pictures and sound, which the page
 * decodes itself. It closes itself if the page opens no WebSocket within `iceMsMax`.
 */
export class SocketConnection extends PageConnection {
  readonly codec: VideoCodec;
  readonly #sender: SocketSender;
  readonly #frameMessage = new FrameMessage(MESSAGE_VIDEO);
  readonly #timesMessage = new FrameMessage();
  #socket: WebSocket | undefined;

  constructor(options: ConnectionOptions, codec: VideoCodec) {
    super(options, options.config.iceMsMax);
    this.codec = codec;
    this.#sender = new SocketSender(systemClock, (feedback) => this.tellFeedback(feedback));
    this.#sender.limit(options.config.bitrateMax);
  }

  /** Plays over a WebSocket that the page has opened. A connection has one. */
  attach(socket: WebSocket): void {
    if (this.#socket || !this.isConnecting) {
      socket.terminate();
      return;
    }
    this.#socket = socket;
    socket.on('message', (message: Buffer, isBinary) => this.guard(() => this.#read(message, isBinary)));
    socket.on('ping', () => this.guard(() => this.readOther()));
    // Browsers answer a ping by themselves (RFC 6455, 5.5.3).
    socket.on('pong', () => this.guard(() => this.readOther()));
    socket.on('close', () => this.close('page'));
    socket.on('error', () => this.close('failed'));
    this.begin();
  }

  get ready(): boolean {
    return this.#waiting < WAITING_BYTES_MAX && this.#sender.ready;
  }

  limitBitrate(bitsPerSecondMax: number): void {
    this.#sender.limit(bitsPerSecondMax);
  }

  readonly sendAudio = (packet: Uint8Array, { rtpTimestamp }: AudioInfo): boolean => {
    if (!this.isConnected || this.isCongested || this.#waiting > WAITING_BYTES_MAX) return false;
    const message = Buffer.alloc(AUDIO_HEADER_BYTES + packet.length);
    message[0] = MESSAGE_AUDIO;
    message.writeUInt32LE(rtpTimestamp >>> 0, 4);
    message.set(packet, AUDIO_HEADER_BYTES);
    this.#socket?.send(message);
    return true;
  };

  protected sendVideo(accessUnit: Uint8Array, info: FrameInfo): boolean {
    if (this.#waiting > WAITING_BYTES_MAX) return false;
    this.#sender.add(info.rtpTimestamp, accessUnit.byteLength);
    if (info.times) {
      this.#timesMessage.write(info, accessUnit.byteLength);
      this.#socket?.send(Buffer.from(this.#timesMessage.finish(0)));
    }
    this.#socket?.send(Buffer.concat([this.#frameMessage.write(info, accessUnit.byteLength), accessUnit]));
    return true;
  }

  protected send(message: Buffer): void {
    // The reader of the page's input reuses the message.
    this.#socket?.send(Buffer.from(message));
  }

  /** Pictures wait behind each other in the same socket, and have a bound of their own. */
  protected get waitingBytes(): number {
    return 0;
  }

  protected get noticeBytesMax(): number {
    return NOTICE_BYTES_MAX;
  }

  protected probe(): void {
    this.#socket?.ping();
  }

  protected override ignore(): void {
    this.#socket?.pause();
  }

  protected shut(): void {
    const socket = this.#socket;
    if (!socket) return;
    // A socket that is paused would not see the page's answer.
    if (socket.isPaused) socket.resume();
    socket.close(NORMAL);
    setTimeout(() => socket.terminate(), CLOSE_MS_MAX).unref();
  }

  get #waiting(): number {
    return this.#socket?.bufferedAmount ?? 0;
  }

  #read(message: Buffer, isBinary: boolean): void {
    if (!isBinary) this.noteFault();
    else if (message[0] === MESSAGE_ARRIVED) this.readOther(() => this.#readArrival(message));
    else this.readInput(EVENTS.has(message[0] ?? 0) ? CHANNEL_EVENTS : CHANNEL_STATE, message);
  }

  #readArrival(message: Buffer): void {
    const arrivedAt = message.length === ARRIVED_BYTES ? message.readDoubleLE(8) : Number.NaN;
    if (!Number.isFinite(arrivedAt)) {
      this.noteFault();
      return;
    }
    this.noteHeard();
    this.#sender.report(message.readUInt32LE(4), milli(arrivedAt));
  }
}
