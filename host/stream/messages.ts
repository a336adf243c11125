import type { DataChannel } from 'node-datachannel';
import {
  FRAME_BYTES,
  FRAME_TIME_MAX,
  FRAME_TIME_US,
  MESSAGE_FRAME,
  MESSAGE_NOTICE,
  type MESSAGE_VIDEO,
  type Notice,
  TIMED_FRAME_BYTES,
} from '../base/protocol.ts';
import type { FrameInfo } from './player.ts';

/** The longest notice in bytes, which is longer than one packet. */
export const NOTICE_BYTES_MAX = 16_384;
/** The most bytes that a character takes in JSON. */
const CHARACTER_BYTES_MAX = 6;

/** Writes the message that describes a video frame into a buffer that is reused for every frame. */
export class FrameMessage {
  readonly #message = Buffer.alloc(TIMED_FRAME_BYTES);
  readonly #untimed = this.#message.subarray(0, FRAME_BYTES);
  #hasTimes = false;

  constructor(type: typeof MESSAGE_FRAME | typeof MESSAGE_VIDEO = MESSAGE_FRAME) {
    this.#message[0] = type;
  }

  /** @param bytes length of the encoded frame @returns the message without times, which is valid until the next call */
  write(info: FrameInfo, bytes: number): Buffer {
    const message = this.#message;
    const { times } = info;
    message[1] = info.keyframe ? 1 : 0;
    message.writeUInt32LE(info.rtpTimestamp >>> 0, 4);
    message.writeUInt32LE(info.inputSequence >>> 0, 8);
    message.writeUInt32LE(Math.min(Math.max(Math.round(info.inputToSendUs), 0), 0xffffffff), 12);
    message.writeUInt32LE(bytes, 16);
    this.#hasTimes = times !== undefined;
    if (!times) return this.#untimed;
    this.#writeTime(20, times.waitMs);
    this.#writeTime(22, times.tickMs);
    this.#writeTime(24, times.turnMs);
    this.#writeTime(26, times.drawMs);
    this.#writeTime(28, times.readbackMs);
    return this.#untimed;
  }

  /** Adds how long it took to send the frame's packets. @returns the whole message, which is valid until the next call */
  finish(sendMs: number): Buffer {
    if (!this.#hasTimes) return this.#untimed;
    this.#writeTime(30, sendMs);
    return this.#message;
  }

  #writeTime(offset: number, ms: number): void {
    const units = Math.round((ms * 1000) / FRAME_TIME_US);
    this.#message.writeUInt16LE(Math.min(Math.max(units, 0), FRAME_TIME_MAX), offset);
  }
}

/**
 * Writes the message that tells a page what happens to it (MESSAGE_NOTICE).
 * @param bytesMax a longer text of the notice is cut, so that the page gets the rest
 */
export function noticeMessage(notice: Notice, bytesMax: number): Buffer {
  const text = 'message' in notice ? [...notice.message] : [];
  for (let kept = text.length; ; ) {
    const cut = kept < text.length ? { ...notice, message: `${text.slice(0, kept).join('')}…` } : notice;
    const message = Buffer.concat([Buffer.of(MESSAGE_NOTICE), Buffer.from(JSON.stringify(cut))]);
    if (message.length <= bytesMax || kept === 0) return message;
    kept = Math.max(0, kept - Math.ceil((message.length - bytesMax) / CHARACTER_BYTES_MAX));
  }
}

/** Sends a message if the data channel is open, and does nothing otherwise. */
export function sendMessage(channel: DataChannel | undefined, message: Buffer): void {
  try {
    if (channel?.isOpen()) channel.sendMessageBinary(message);
  } catch {
    // The channel closed between the check and the send. The WebRTC library reports its end separately.
  }
}
