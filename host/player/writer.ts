import {
  KEY_BYTES,
  MESSAGE_BUTTON,
  MESSAGE_KEY,
  MESSAGE_POINTER,
  MESSAGE_RELEASE_ALL,
  POINTER_BYTES,
} from '../stream/protocol.ts';

/** Where messages go. The bytes are the writer's and are only valid during the call. */
export type InputSink = {
  /** Reliable and ordered. */
  event(message: Uint8Array<ArrayBuffer>, sequence: number): void;
  /** Unreliable and unordered. */
  state(message: Uint8Array<ArrayBuffer>, sequence: number): void;
};

const STATE_INTERVAL_MS = 4; // 250 Hz
const HEARTBEAT_MS = 100;
const UNIT = 16; // movement and wheel travel as 1/16 CSS pixel

/**
 * A player's input as the protocol's bytes. Keys and buttons leave at once; what `move`, `wheel`, `point`, `axis` and `lock` change
 * leaves with the next `commit`, at most every 4 ms. Before `open` and after `close` nothing is held and nothing is sent.
 */
export class InputWriter {
  readonly #sink: InputSink;
  readonly #keys = new Uint8Array(256);
  readonly #message = new DataView(new ArrayBuffer(KEY_BYTES)); // buttons and release-all have the same size
  readonly #messageBytes = new Uint8Array(this.#message.buffer);
  readonly #pointer = new DataView(new ArrayBuffer(POINTER_BYTES));
  readonly #pointerBytes = new Uint8Array(this.#pointer.buffer);
  readonly #totals = new Float64Array(4);
  readonly #axes = new Float32Array(4);
  #buttons = 0;
  #locked = false;
  #x = 0.5;
  #y = 0.5;
  #open = false;
  #dirty = false;
  #sequence = 0;
  #stateAt = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(sink: InputSink) {
    this.#sink = sink;
  }

  /** Starts a connection: nothing is held, sums and sequence begin anew; the first message has sequence 1. */
  open(): void {
    this.close();
    this.#totals.fill(0);
    this.#sequence = 0;
    this.#stateAt = Number.NEGATIVE_INFINITY;
    this.#open = true;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#clear();
    this.#dirty = this.#open = false;
  }

  /** `usage` is a HID usage (1 to 255). A key that is already in that state is not sent again. */
  key(usage: number, down: boolean): void {
    if (!this.#open || (this.#keys[usage] === 1) === down) return;
    this.#keys[usage] = down ? 1 : 0;
    this.#event(MESSAGE_KEY, usage, down);
  }

  /** `button` 0 to 31: 0 left, 1 middle, 2 right, 16 and up a gamepad. */
  button(button: number, down: boolean): void {
    const bit = 1 << button;
    if (!this.#open || ((this.#buttons & bit) !== 0) === down) return;
    this.#buttons ^= bit;
    this.#event(MESSAGE_BUTTON, button, down);
  }

  /** Lets go of every key, button and stick. */
  releaseAll(): void {
    if (!this.#open) return;
    this.#clear();
    this.#event(MESSAGE_RELEASE_ALL, 0, false);
    this.#state();
  }

  /** Adds relative movement in CSS pixels. */
  move(dx: number, dy: number): void {
    this.#totals[0]! += dx * UNIT;
    this.#totals[1]! += dy * UNIT;
    this.#dirty = true;
  }

  /** Adds wheel movement in CSS pixels. */
  wheel(dx: number, dy: number): void {
    this.#totals[2]! += dx * UNIT;
    this.#totals[3]! += dy * UNIT;
    this.#dirty = true;
  }

  /** The pointer's place in the picture, 0 to 1 from the top left; clamped. */
  point(x: number, y: number): void {
    this.#x = Math.min(1, Math.max(0, x));
    this.#y = Math.min(1, Math.max(0, y));
    this.#dirty = true;
  }

  /** A stick's axis 0 to 3, -1 to 1, right and down positive; clamped. */
  axis(axis: number, value: number): void {
    const clamped = Math.fround(Math.min(1, Math.max(-1, value)));
    if (this.#axes[axis] === clamped) return;
    this.#axes[axis] = clamped;
    this.#dirty = true;
  }

  /** Whether movement is relative (a locked pointer, a finger that looks around). */
  lock(locked: boolean): void {
    if (this.#locked !== locked) this.#dirty = true;
    this.#locked = locked;
  }

  /** Sends what has changed, now or as soon as 4 ms have passed since the last time. */
  commit(): void {
    if (!this.#open || !this.#dirty || this.#timer !== undefined) return;
    const wait = STATE_INTERVAL_MS - (performance.now() - this.#stateAt);
    if (wait <= 0) this.#state();
    else this.#timer = setTimeout(() => this.#state(), wait);
  }

  /**
   * To be called about every 100 ms: repeats the state where it was not sent lately, since its last message may have been lost and
   * since the round trip of an input is then known even while nothing is pressed.
   */
  heartbeat(): void {
    if (this.#open && performance.now() - this.#stateAt >= HEARTBEAT_MS / 2) this.#state();
  }

  #clear(): void {
    this.#keys.fill(0);
    this.#axes.fill(0);
    this.#buttons = 0;
  }

  #event(type: number, value: number, down: boolean): void {
    const sequence = this.#next();
    this.#message.setUint32(0, type | (value << 8) | (down ? 1 << 16 : 0), true);
    this.#message.setUint32(4, sequence, true);
    this.#sink.event(this.#messageBytes, sequence);
  }

  #state(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#dirty = false;
    this.#stateAt = performance.now();
    const sequence = this.#next();
    const view = this.#pointer;
    view.setUint32(0, MESSAGE_POINTER | (this.#locked ? 1 << 8 : 0), true);
    view.setUint32(4, sequence, true);
    for (let i = 0; i < 4; i++) view.setInt32(8 + 4 * i, Math.round(this.#totals[i]!) | 0, true);
    view.setFloat32(24, this.#x, true);
    view.setFloat32(28, this.#y, true);
    for (let i = 0; i < 4; i++) view.setFloat32(32 + 4 * i, this.#axes[i]!, true);
    this.#sink.state(this.#pointerBytes, sequence);
  }

  #next(): number {
    this.#sequence = (this.#sequence + 1) >>> 0;
    return this.#sequence;
  }
}
