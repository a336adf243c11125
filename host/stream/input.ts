import { PAD_BUTTON_COUNT, PAD_COUNT, TEXT_LENGTH_MAX, TEXT_UNIT_BYTES_MAX } from '../../renderer/contract/abi.ts';
import type { Clock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import {
  BUTTON_BYTES,
  CHANNEL_EVENTS,
  CHANNEL_STATE,
  KEY_BYTES,
  MESSAGE_BUTTON,
  MESSAGE_HELD,
  MESSAGE_KEY,
  MESSAGE_PACE,
  MESSAGE_PAD_BUTTON,
  MESSAGE_PING,
  MESSAGE_POINTER,
  MESSAGE_PONG,
  MESSAGE_RELEASE_ALL,
  MESSAGE_TEXT,
  MESSAGE_TIMES,
  PACE_BYTES,
  PAD_BUTTON_BYTES,
  PING_BYTES,
  POINTER_BYTES,
  RELEASE_ALL_BYTES,
  TEXT_HEADER_BYTES,
} from '../base/protocol.ts';
import { milli } from '../base/time.ts';
import { PadReader } from './pads.ts';
import type { HeldState, InputSink, PointerState } from './player.ts';

const RATE_WINDOW_MS = 1000;
const NO_KEYS = new Uint32Array(8);
const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export interface InputReaderOptions {
  sink: InputSink;
  config: Pick<Config, 'inputBytesMax' | 'inputRateMax' | 'inputSilenceMsMax' | 'stallMsMax'>;
  /** Sends the answer to a page's ping on the data channel `state`. The buffer `message` is valid during the call only. */
  pong(message: Buffer): void;
  /** Takes what the page says about the times of its pictures. @returns false if the message is not valid */
  times?(message: Buffer): boolean;
  clock: Pick<Clock, 'now'>;
}

/**
 * Checks a page's input messages against the protocol and passes the input on. Counts the messages that are not valid. When the
 * page is silent for `inputSilenceMsMax`, everything that it holds is released. Its next messages say what it still holds. If it is
 * silent for `stallMsMax`, it counts as hidden, because pictures do not reach it either.
 */
export class InputReader {
  errors = 0;
  readonly #options: InputReaderOptions;
  #pointerSequence = -1;
  /** Sequence numbers of the newest key or button and of the newest MESSAGE_HELD; -1 before the first. */
  #eventSequence = -1;
  #heldSequence = -1;
  readonly #pads = new PadReader();
  /** The content of the newest MESSAGE_HELD. */
  readonly #held: HeldState = { keys: new Uint32Array(8), buttons: 0, pads: this.#pads.pads, hidden: false };
  /** Releases everything when it expires. Each message starts it again. */
  #silenceTimer: NodeJS.Timeout | undefined;
  #stallTimer: NodeJS.Timeout | undefined;
  #isStalled = false;
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
    if (this.#isStalled) this.#stall(false);
    const readable =
      this.#isWithinRate() &&
      Buffer.isBuffer(message) &&
      message.length > 0 &&
      message.length <= this.#options.config.inputBytesMax &&
      (channel === CHANNEL_EVENTS ? this.#readEvent(message) : channel === CHANNEL_STATE && this.#readState(message));
    if (readable) this.#noteHeard();
    else this.errors++;
    return readable;
  }

  /** Notes that packets arrive from the page again, although no message has arrived yet. The page no longer counts as hidden for that. */
  wake(): void {
    if (!this.#isStalled) return;
    this.#stall(false);
    this.#stallTimer?.refresh();
  }

  /** Stops waiting for messages, because the connection has closed. No call of `read` follows. */
  close(): void {
    clearTimeout(this.#silenceTimer);
    clearTimeout(this.#stallTimer);
  }

  #noteHeard(): void {
    const { sink, config } = this.#options;
    this.#silenceTimer ??= setTimeout(() => sink.releaseAll(this.#newest), config.inputSilenceMsMax);
    this.#stallTimer ??= setTimeout(() => this.#stall(true), config.stallMsMax);
    this.#silenceTimer.refresh();
    this.#stallTimer.refresh();
  }

  /** Notes that the page is silent, or speaks again. It holds nothing until it says so. */
  #stall(isStalled: boolean): void {
    this.#isStalled = isStalled;
    const hidden = isStalled || this.#held.hidden;
    this.#options.sink.held({ keys: NO_KEYS, buttons: 0, hidden, muted: this.#held.muted }, this.#newest);
  }

  /** Sequence number of the newest message about keys and buttons. */
  get #newest(): number {
    return Math.max(0, this.#eventSequence, this.#heldSequence);
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
        this.#readKey(code, down === 1, message.readUInt32LE(4));
        return true;
      case MESSAGE_BUTTON:
        if (message.length !== BUTTON_BYTES || code > 31 || down > 1 || message[3] !== 0) return false;
        this.#readButton(code, down === 1, message.readUInt32LE(4));
        return true;
      case MESSAGE_PAD_BUTTON:
        if (message.length !== PAD_BUTTON_BYTES || code >= PAD_BUTTON_COUNT || down > 1) return false;
        return this.#readPadButton(message.readUInt8(3), code, down === 1, message.readUInt32LE(4));
      case MESSAGE_TEXT:
        return this.#readText(message);
      case MESSAGE_RELEASE_ALL:
        if (message.length !== RELEASE_ALL_BYTES || message.readUIntLE(1, 3) !== 0) return false;
        if (this.#isNews(message.readUInt32LE(4))) sink.releaseAll(this.#eventSequence);
        return true;
      default:
        return false;
    }
  }

  #readKey(usage: number, down: boolean, sequence: number): void {
    const { sink } = this.#options;
    if (this.#isNews(sequence)) sink.key(usage, down, sequence);
    else if (down && ((this.#held.keys[usage >>> 5] ?? 0) & (1 << (usage & 31))) === 0) {
      sink.key(usage, true, sequence);
      sink.key(usage, false, sequence);
    }
  }

  #readButton(button: number, down: boolean, sequence: number): void {
    const { sink } = this.#options;
    if (this.#isNews(sequence)) sink.button(button, down, sequence);
    else if (down && (this.#held.buttons & (1 << button)) === 0) {
      sink.button(button, true, sequence);
      sink.button(button, false, sequence);
    }
  }

  #readPadButton(pad: number, button: number, down: boolean, sequence: number): boolean {
    if (pad >= PAD_COUNT) return false;
    const { sink } = this.#options;
    if (this.#isNews(sequence)) sink.padButton(pad, button, down, sequence);
    else if (down && !this.#pads.holds(pad, button)) {
      sink.padButton(pad, button, true, sequence);
      sink.padButton(pad, button, false, sequence);
    }
    return true;
  }

  #readText(message: Buffer): boolean {
    const bytes = message.length - TEXT_HEADER_BYTES;
    if (bytes < 0 || bytes > TEXT_LENGTH_MAX * TEXT_UNIT_BYTES_MAX) return false;
    const submitted = message.readUInt8(1);
    if (submitted > 1 || message.readUInt16LE(2) !== 0 || (submitted === 0 && bytes > 0)) return false;
    const text = submitted === 1 ? readUtf8(message.subarray(TEXT_HEADER_BYTES)) : undefined;
    if (submitted === 1 && text === undefined) return false;
    const sequence = message.readUInt32LE(4);
    this.#isNews(sequence);
    this.#options.sink.text(message.readUInt32LE(8), text, sequence);
    return true;
  }

  /**
   * Notes the sequence number of a key, a button or a release. @returns false if MESSAGE_HELD, which is not repeated when it is
   * lost, has overtaken the message. Everything that is held is known then; only a short press is still news.
   */
  #isNews(sequence: number): boolean {
    if (this.#eventSequence < 0 || isNewer(sequence, this.#eventSequence)) this.#eventSequence = sequence;
    return this.#heldSequence < 0 || isNewer(sequence, this.#heldSequence);
  }

  #readHeld(message: Buffer): boolean {
    if (!this.#pads.isValid(message) || message.readUInt8(1) > 3 || message.readUInt16LE(2) !== 0) return false;
    const sequence = message.readUInt32LE(4);
    const isOld = (newest: number) => newest >= 0 && !isNewer(sequence, newest);
    if (isOld(this.#heldSequence) || isOld(this.#eventSequence)) return true;
    this.#heldSequence = sequence;
    const held = this.#held;
    held.hidden = (message.readUInt8(1) & 1) !== 0;
    held.muted = (message.readUInt8(1) & 2) !== 0 ? true : undefined;
    held.buttons = held.hidden ? 0 : message.readUInt32LE(8);
    for (let word = 0; word < 8; word++) held.keys[word] = held.hidden ? 0 : message.readUInt32LE(12 + 4 * word);
    this.#pads.read(message);
    this.#options.sink.held(held, sequence);
    return true;
  }

  #readState(message: Buffer): boolean {
    switch (message[0]) {
      case MESSAGE_HELD:
        return this.#readHeld(message);
      case MESSAGE_POINTER:
        return this.#readPointer(message);
      case MESSAGE_PING:
        if (message.length !== PING_BYTES || message.readUIntLE(1, 3) !== 0) return false;
        message[0] = MESSAGE_PONG;
        this.#options.pong(message);
        return true;
      case MESSAGE_TIMES:
        return this.#options.times?.(message) ?? false;
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

/** Returns the text of some bytes; undefined if they are not UTF-8. */
function readUtf8(bytes: Uint8Array): string | undefined {
  try {
    return UTF_8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Compares wrapping 32-bit sequence numbers (RFC 1982): true if `a` comes after `b`. */
function isNewer(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}
