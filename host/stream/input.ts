import type { Clock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import {
  BUTTON_BYTES,
  CHANNEL_EVENTS,
  CHANNEL_STATE,
  KEY_BYTES,
  MESSAGE_BUTTON,
  MESSAGE_KEY,
  MESSAGE_PACE,
  MESSAGE_PING,
  MESSAGE_POINTER,
  MESSAGE_PONG,
  MESSAGE_RELEASE_ALL,
  PACE_BYTES,
  PING_BYTES,
  POINTER_BYTES,
  RELEASE_ALL_BYTES,
} from '../base/protocol.ts';
import { milli } from '../base/time.ts';
import type { InputSink, PointerState } from './player.ts';

const RATE_WINDOW_MS = 1000;

export interface InputReaderOptions {
  sink: InputSink;
  config: Pick<Config, 'inputBytesMax' | 'inputRateMax'>;
  /** Sends the answer to a page's ping on the data channel `state`. The buffer `message` is valid during the call only. */
  pong(message: Buffer): void;
  clock: Pick<Clock, 'now'>;
}

/** Checks a page's input messages against the protocol and passes the input on. Counts the messages that are not valid. */
export class InputReader {
  errors = 0;
  readonly #options: InputReaderOptions;
  #pointerSequence = -1;
  #windowStart = milli(Number.NEGATIVE_INFINITY);
  #windowCount = 0;
  readonly #pointer: PointerState = {
    x: 0,
    y: 0,
    totalDx: 0,
    totalDy: 0,
    totalWheelX: 0,
    totalWheelY: 0,
    axes: [0, 0, 0, 0],
    locked: false,
  };

  constructor(options: InputReaderOptions) {
    this.#options = options;
  }

  /** Reads one message from a page. @returns false if it is not valid or exceeds the allowed rate of messages */
  read(channel: string, message: string | Buffer | ArrayBuffer): boolean {
    const readable =
      this.#isWithinRate() &&
      Buffer.isBuffer(message) &&
      message.length > 0 &&
      message.length <= this.#options.config.inputBytesMax &&
      (channel === CHANNEL_EVENTS ? this.#readEvent(message) : channel === CHANNEL_STATE && this.#readState(message));
    if (!readable) this.errors++;
    return readable;
  }

  #isWithinRate(): boolean {
    const now = this.#options.clock.now();
    if (now - this.#windowStart >= RATE_WINDOW_MS) {
      this.#windowStart = now;
      this.#windowCount = 0;
    }
    return ++this.#windowCount <= this.#options.config.inputRateMax;
  }

  #readEvent(message: Buffer): boolean {
    const { sink } = this.#options;
    const code = message[1] ?? 0;
    const down = message[2] ?? 0;
    switch (message[0]) {
      case MESSAGE_KEY:
        if (message.length !== KEY_BYTES || down > 1 || message[3] !== 0) return false;
        sink.key(code, down === 1, message.readUInt32LE(4));
        return true;
      case MESSAGE_BUTTON:
        if (message.length !== BUTTON_BYTES || code > 31 || down > 1 || message[3] !== 0) return false;
        sink.button(code, down === 1, message.readUInt32LE(4));
        return true;
      case MESSAGE_RELEASE_ALL:
        if (message.length !== RELEASE_ALL_BYTES || message.readUIntLE(1, 3) !== 0) return false;
        sink.releaseAll(message.readUInt32LE(4));
        return true;
      default:
        return false;
    }
  }

  #readState(message: Buffer): boolean {
    switch (message[0]) {
      case MESSAGE_POINTER:
        return this.#readPointer(message);
      case MESSAGE_PING:
        if (message.length !== PING_BYTES || message.readUIntLE(1, 3) !== 0) return false;
        message[0] = MESSAGE_PONG;
        this.#options.pong(message);
        return true;
      case MESSAGE_PACE: {
        const slackMs = message.length === PACE_BYTES ? message.readFloatLE(4) : Number.NaN;
        if (!Number.isFinite(slackMs) || message.readUIntLE(1, 3) !== 0) return false;
        this.#options.sink.pace(milli(slackMs));
        return true;
      }
      default:
        return false;
    }
  }

  #readPointer(message: Buffer): boolean {
    if (message.length !== POINTER_BYTES || message.readUInt16LE(2) !== 0) return false;
    const flags = message.readUInt8(1);
    if (flags > 1) return false;
    for (let offset = 24; offset < POINTER_BYTES; offset += 4)
      if (!Number.isFinite(message.readFloatLE(offset))) return false;
    const sequence = message.readUInt32LE(4);
    if (this.#pointerSequence >= 0 && !isNewer(sequence, this.#pointerSequence)) return true;
    this.#pointerSequence = sequence;
    const pointer = this.#pointer;
    pointer.locked = flags === 1;
    pointer.totalDx = message.readInt32LE(8);
    pointer.totalDy = message.readInt32LE(12);
    pointer.totalWheelX = message.readInt32LE(16);
    pointer.totalWheelY = message.readInt32LE(20);
    pointer.x = clamp(message.readFloatLE(24), 0, 1);
    pointer.y = clamp(message.readFloatLE(28), 0, 1);
    for (let axis = 0; axis < 4; axis++) pointer.axes[axis] = clamp(message.readFloatLE(32 + 4 * axis), -1, 1);
    this.#options.sink.pointer(pointer, sequence);
    return true;
  }
}

/** Compares wrapping 32-bit sequence numbers (RFC 1982): true if `a` comes after `b`. */
function isNewer(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}
