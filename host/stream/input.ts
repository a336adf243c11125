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
  RELEASE_ALL_BYTES,
  TEXT_HEADER_BYTES,
} from '../base/protocol.ts';
import { milli } from '../base/time.ts';
import type { InputGovernor } from './governor.ts';
import type { InputSink } from './player.ts';
import { Presses } from './presses.ts';
import { isNewer, StateReader } from './states.ts';

const NO_KEYS = new Uint32Array(8);
const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export interface InputReaderOptions {
  sink: InputSink;
  config: Pick<Config, 'inputBytesMax' | 'inputSilenceMsMax' | 'stallMsMax'>;
  /** Decides which input waits, and which is dropped. */
  governor: InputGovernor;
  /** Sends the answer to a page's ping on the data channel `state`. The buffer `message` is valid during the call only. */
  pong(message: Buffer): void;
  /** Takes what the page says about the times of its pictures. @returns false if the message is not valid */
  times?(message: Buffer): boolean;
  /** Called when the page is hidden, or falls silent and counts as hidden for that, and when it no longer is. */
  onHidden?(isHidden: boolean): void;
  clock: Pick<Clock, 'now'>;
}

/**
 * Checks a page's input messages against the protocol and passes the input on, as far as the governor lets it. Counts the messages
 * that are not valid. When the page is silent for `inputSilenceMsMax`, everything that it holds is released. Its next messages say
 * what it still holds. If it is silent for `stallMsMax`, it counts as hidden, because pictures do not reach it either.
 */
export class InputReader {
  errors = 0;
  readonly #options: InputReaderOptions;
  readonly #presses = new Presses();
  readonly #states: StateReader;
  /** Sequence number of the newest key or button; -1 before the first. */
  #eventSequence = -1;
  /** Releases everything when it expires. Each message starts it again. */
  #silenceTimer: NodeJS.Timeout | undefined;
  #stallTimer: NodeJS.Timeout | undefined;
  #isStalled = false;
  #wasHidden = false;

  constructor(options: InputReaderOptions) {
    const { sink, governor, clock } = options;
    this.#options = options;
    this.#states = new StateReader({
      sink: {
        held: (...state) => {
          sink.held(...state);
          this.#noteHidden();
        },
        pointer: (...state) => sink.pointer(...state),
      },
      governor,
      clock,
      presses: this.#presses,
      newestEvent: () => this.#eventSequence,
    });
    sink.onRead?.(this.#states.flush);
  }

  /** Reads one message from a page, or drops it. @returns false if it is not valid */
  read(channel: string, message: string | Buffer | ArrayBuffer): boolean {
    if (!this.#options.governor.takeMessage()) return true;
    if (this.#isStalled) this.#stall(false);
    const readable =
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
    this.#states.close();
  }

  #noteHeard(): void {
    const { config } = this.#options;
    this.#silenceTimer ??= setTimeout(() => this.#release(), config.inputSilenceMsMax);
    this.#stallTimer ??= setTimeout(() => this.#stall(true), config.stallMsMax);
    this.#silenceTimer.refresh();
    this.#stallTimer.refresh();
  }

  #release(): void {
    this.#states.flush();
    this.#presses.release();
    this.#options.sink.releaseAll(this.#newest);
  }

  /** Notes that the page is silent, or speaks again. It holds nothing until it says so. */
  #stall(isStalled: boolean): void {
    this.#isStalled = isStalled;
    const { hidden, muted } = this.#states.held;
    this.#presses.release();
    this.#options.sink.held({ keys: NO_KEYS, buttons: 0, hidden: isStalled || hidden, muted }, this.#newest);
    this.#noteHidden();
  }

  #noteHidden(): void {
    const isHidden = this.#isStalled || this.#states.held.hidden;
    if (isHidden !== this.#wasHidden) this.#options.onHidden?.(isHidden);
    this.#wasHidden = isHidden;
  }

  /** Sequence number of the newest message about keys and buttons. */
  get #newest(): number {
    return Math.max(0, this.#eventSequence, this.#states.heldSequence);
  }

  /** Reads a key, a button or the like. States that wait came before it. */
  #readEvent(message: Buffer): boolean {
    this.#states.flush();
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
        this.#readReleaseAll(message.readUInt32LE(4));
        return true;
      default:
        return false;
    }
  }

  #readKey(usage: number, down: boolean, sequence: number): void {
    const { sink, governor } = this.#options;
    const isNews = this.#isNews(sequence);
    if (!isNews && (!down || ((this.#states.held.keys[usage >>> 5] ?? 0) & (1 << (usage & 31))) !== 0)) return;
    if (down && this.#presses.isNewKey(usage) && !governor.takePress()) return;
    sink.key(usage, down, sequence);
    if (isNews) this.#presses.key(usage, down);
    else sink.key(usage, false, sequence);
  }

  #readButton(button: number, down: boolean, sequence: number): void {
    const { sink, governor } = this.#options;
    const isNews = this.#isNews(sequence);
    if (!isNews && (!down || (this.#states.held.buttons & (1 << button)) !== 0)) return;
    if (down && this.#presses.isNewButton(button) && !governor.takePress()) return;
    sink.button(button, down, sequence);
    if (isNews) this.#presses.button(button, down);
    else sink.button(button, false, sequence);
  }

  #readPadButton(pad: number, button: number, down: boolean, sequence: number): boolean {
    if (pad >= PAD_COUNT) return false;
    const { sink, governor } = this.#options;
    const isNews = this.#isNews(sequence);
    if (!isNews && (!down || this.#states.holdsPadButton(pad, button))) return true;
    if (down && this.#presses.isNewPadButton(pad, button) && !governor.takePress()) return true;
    sink.padButton(pad, button, down, sequence);
    if (isNews) this.#presses.padButton(pad, button, down);
    else sink.padButton(pad, button, false, sequence);
    return true;
  }

  #readReleaseAll(sequence: number): void {
    if (!this.#isNews(sequence)) return;
    this.#presses.release();
    this.#options.sink.releaseAll(this.#eventSequence);
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
    if (this.#options.governor.takePress()) this.#options.sink.text(message.readUInt32LE(8), text, sequence);
    return true;
  }

  /**
   * Notes the sequence number of a key, a button or a release. @returns false if MESSAGE_HELD, which is not repeated when it is
   * lost, has overtaken the message. Everything that is held is known then; only a short press is still news.
   */
  #isNews(sequence: number): boolean {
    if (this.#eventSequence < 0 || isNewer(sequence, this.#eventSequence)) this.#eventSequence = sequence;
    const { heldSequence } = this.#states;
    return heldSequence < 0 || isNewer(sequence, heldSequence);
  }

  #readState(message: Buffer): boolean {
    switch (message[0]) {
      case MESSAGE_HELD:
        return this.#states.readHeld(message);
      case MESSAGE_POINTER:
        return this.#states.readPointer(message);
      case MESSAGE_PING:
        if (message.length !== PING_BYTES || message.readUIntLE(1, 3) !== 0) return false;
        if (!this.#options.governor.takePing()) return true;
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
}

/** Returns the text of some bytes; undefined if they are not UTF-8. */
function readUtf8(bytes: Uint8Array): string | undefined {
  try {
    return UTF_8.decode(bytes);
  } catch {
    return undefined;
  }
}
