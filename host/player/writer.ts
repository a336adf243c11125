import { PAD_COUNT } from '../../renderer/contract/abi.ts';
import { systemClock } from '../base/clock.ts';
import {
  HELD_BYTES,
  KEY_BYTES,
  MESSAGE_BUTTON,
  MESSAGE_HELD,
  MESSAGE_KEY,
  MESSAGE_PAD_BUTTON,
  MESSAGE_POINTER,
  MESSAGE_RELEASE_ALL,
  MESSAGE_TEXT,
  PAD_BYTES,
  POINTER_BYTES,
  TEXT_HEADER_BYTES,
} from '../base/protocol.ts';
import { type Milli, milli } from '../base/time.ts';
import { HeldPads } from './pads.ts';

/** Sends messages to the host. The caller reuses the bytes of a message, so they are valid during the call only. */
export type MessageSink = {
  /** Sends a message on the reliable channel `events`. */
  event(message: Uint8Array<ArrayBuffer>, sequence: number): void;
  /** Sends a message on the unreliable channel `state`. */
  state(message: Uint8Array<ArrayBuffer>, sequence: number): void;
};

/** Shortest time between two messages with the state of pointer or gamepads, which limits them to 250 a second each. */
const STATE_INTERVAL_MS = 4;
const HEARTBEAT_MS = 100;
const NEVER = milli(Number.NEGATIVE_INFINITY);
/** Pointer movement is sent in units of 1/16 CSS pixel. */
const SUBPIXELS = 16;

/**
 * Writes a player's input as messages of the protocol. Keys and buttons are sent at once. Changes by `move`, `wheel`,
 * `point`, `axis`, `lock`, `padConnect`, `padValue` and `padAxis` are sent by the next `commit`, at most every 4 ms. Nothing is sent
 * before `open` or after `close`, but what the player holds is remembered, and each connection begins with it.
 */
export class InputWriter {
  readonly #sink: MessageSink;
  /** The keys that are down: key k is bit k % 32 of word k / 32. */
  readonly #keys = new Uint32Array(8);
  /** The message for keys, buttons and release-all, which have the same size. Reused for each message. */
  readonly #message = new DataView(new ArrayBuffer(KEY_BYTES));
  readonly #messageBytes = new Uint8Array(this.#message.buffer);
  readonly #pointer = new DataView(new ArrayBuffer(POINTER_BYTES));
  readonly #pointerBytes = new Uint8Array(this.#pointer.buffer);
  readonly #pads = new HeldPads();
  readonly #held = new DataView(new ArrayBuffer(HELD_BYTES + PAD_COUNT * PAD_BYTES));
  /** The bytes of the message about what is held, by the number of gamepads in it. */
  readonly #heldBytes = Array.from(
    { length: PAD_COUNT + 1 },
    (_, pads) => new Uint8Array(this.#held.buffer, 0, HELD_BYTES + pads * PAD_BYTES),
  );
  /** Sums of pointer movement x, y and wheel movement x, y since `open`, in 1/16 CSS pixel. */
  readonly #totals = new Float64Array(4);
  readonly #axes = new Float32Array(4);
  #buttons = 0;
  #locked = false;
  #hidden = false;
  #muted = false;
  #x = 0.5;
  #y = 0.5;
  #open = false;
  #dirty = false;
  /** Whether a gamepad has changed since the last message about what is held. */
  #padsDirty = false;
  #sequence = 0;
  #stateSentAt: Milli = NEVER;
  /** When `commit` last sent something. */
  #committedAt: Milli = NEVER;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(sink: MessageSink) {
    this.#sink = sink;
  }

  /**
   * Starts to write for a new connection: all sums are 0, and the first message has the sequence number 1. The first messages
   * say what the player holds.
   */
  open(): void {
    this.close();
    this.#totals.fill(0);
    this.#sequence = 0;
    this.#open = true;
    this.#sendHeld();
    this.#sendState();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#stateSentAt = this.#committedAt = NEVER;
    this.#dirty = this.#open = false;
  }

  /** Presses or releases a key. `usage` is its HID usage, 1 to 255. Does nothing if the key is already in that state. */
  key(usage: number, down: boolean): void {
    if (this.holdsKey(usage) === down) return;
    this.#keys[usage >>> 5] = (this.#keys[usage >>> 5] ?? 0) ^ (1 << (usage & 31));
    this.#sendEvent(MESSAGE_KEY, usage, down);
  }

  holdsKey(usage: number): boolean {
    return ((this.#keys[usage >>> 5] ?? 0) & (1 << (usage & 31))) !== 0;
  }

  /** Presses or releases a button, 0 to 31. Left, middle and right mouse button are 0, 1 and 2; gamepads' start at 16. */
  button(button: number, down: boolean): void {
    if (this.holdsButton(button) === down) return;
    this.#buttons ^= 1 << button;
    this.#sendEvent(MESSAGE_BUTTON, button, down);
  }

  holdsButton(button: number): boolean {
    return (this.#buttons & (1 << button)) !== 0;
  }

  /** Says that the player has a gamepad, or no longer has it. `place` is its number, 0 to 3. */
  padConnect(place: number, connected: boolean): void {
    if (this.#pads.connect(place, connected)) this.#padsDirty = true;
  }

  /** Presses or releases a button of a gamepad. `button` is its place in the standard mapping. */
  padButton(place: number, button: number, down: boolean): void {
    if (!this.#pads.press(place, button, down)) return;
    this.#padsDirty = true;
    this.#sendEvent(MESSAGE_PAD_BUTTON, button, down, place);
  }

  /** Sets how far a button of a gamepad is pressed, 0 to 1. */
  padValue(place: number, button: number, value: number): void {
    if (this.#pads.value(place, button, value)) this.#padsDirty = true;
  }

  /** Sets one of the axes 0 to 3 of a gamepad's sticks, -1 to 1. Right and down are positive. */
  padAxis(place: number, axis: number, value: number): void {
    if (this.#pads.axis(place, axis, value)) this.#padsDirty = true;
  }

  /** Sends the text that the player has entered at the host's request; undefined if the player has cancelled it. */
  text(number: number, text: string | undefined): void {
    if (!this.#open) return;
    const bytes = new TextEncoder().encode(text ?? '');
    const message = new Uint8Array(TEXT_HEADER_BYTES + bytes.length);
    const view = new DataView(message.buffer);
    const sequence = this.#nextSequence();
    view.setUint32(0, MESSAGE_TEXT | (text === undefined ? 0 : 1 << 8), true);
    view.setUint32(4, sequence, true);
    view.setUint32(8, number, true);
    message.set(bytes, TEXT_HEADER_BYTES);
    this.#sink.event(message, sequence);
  }

  /** Releases every key, button and stick. */
  releaseAll(): void {
    this.#keys.fill(0);
    this.#axes.fill(0);
    this.#pads.release();
    this.#buttons = 0;
    this.#sendEvent(MESSAGE_RELEASE_ALL, 0, false);
    if (this.#open) this.#sendState();
  }

  /** Sets whether the page is hidden, and tells the host at once: it draws no pictures for a page that no one sees. */
  hide(hidden: boolean): void {
    this.#hidden = hidden;
    if (this.#open) this.#sendHeld();
  }

  /** Sets whether the page is muted, and tells the host at once: it sends no sound to a page that no one hears. */
  mute(muted: boolean): void {
    if (muted === this.#muted) return;
    this.#muted = muted;
    if (this.#open) this.#sendHeld();
  }

  /** Adds relative pointer movement in CSS pixels. */
  move(dx: number, dy: number): void {
    this.#addTotal(0, dx);
    this.#addTotal(1, dy);
    this.#dirty = true;
  }

  /** Adds wheel movement in CSS pixels. */
  wheel(dx: number, dy: number): void {
    this.#addTotal(2, dx);
    this.#addTotal(3, dy);
    this.#dirty = true;
  }

  /** Sets the pointer's position in the picture, 0 to 1 from the top left. Values outside are clamped. */
  point(x: number, y: number): void {
    this.#x = Math.min(1, Math.max(0, x));
    this.#y = Math.min(1, Math.max(0, y));
    this.#dirty = true;
  }

  /** Sets one of the stick axes 0 to 3. Values run from -1 to 1; right and down are positive. Values outside are clamped. */
  axis(axis: number, value: number): void {
    const clamped = Math.fround(Math.min(1, Math.max(-1, value)));
    if (this.#axes[axis] === clamped) return;
    this.#axes[axis] = clamped;
    this.#dirty = true;
  }

  /** Sets whether pointer movement is relative: the pointer is locked, or a finger looks around. */
  lock(locked: boolean): void {
    if (this.#locked !== locked) this.#dirty = true;
    this.#locked = locked;
  }

  /** Sends the changed state of pointer, wheel, sticks and gamepads, now or when 4 ms have passed since the last such message. */
  commit(): void {
    if (!this.#open || !(this.#dirty || this.#padsDirty) || this.#timer !== undefined) return;
    const wait = STATE_INTERVAL_MS - (systemClock.now() - this.#committedAt);
    if (wait <= 0) this.#sendChanges();
    else this.#timer = setTimeout(() => this.#sendChanges(), wait);
  }

  #sendChanges(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#committedAt = systemClock.now();
    if (this.#padsDirty) this.#sendHeld();
    if (this.#dirty) this.#sendState();
  }

  /**
   * Sends what the player holds, and the pointer and stick state again unless it was sent just now. Call this about every
   * 100 ms. The last message may have been lost, the host releases everything if it hears nothing, and the page measures latency
   * with these messages while the player does nothing.
   */
  heartbeat(): void {
    if (!this.#open) return;
    this.#sendHeld();
    if (systemClock.now() - this.#stateSentAt >= HEARTBEAT_MS / 2) this.#sendState();
  }

  #addTotal(index: number, pixels: number): void {
    this.#totals[index] = (this.#totals[index] ?? 0) + pixels * SUBPIXELS;
  }

  #sendEvent(type: number, value: number, down: boolean, pad = 0): void {
    if (!this.#open) return;
    const sequence = this.#nextSequence();
    this.#message.setUint32(0, type | (value << 8) | (down ? 1 << 16 : 0) | (pad << 24), true);
    this.#message.setUint32(4, sequence, true);
    this.#sink.event(this.#messageBytes, sequence);
  }

  #sendHeld(): void {
    const sequence = this.#nextSequence();
    const view = this.#held;
    view.setUint32(0, MESSAGE_HELD | (this.#hidden ? 1 << 8 : 0) | (this.#muted ? 2 << 8 : 0), true);
    view.setUint32(4, sequence, true);
    view.setUint32(8, this.#buttons, true);
    for (let word = 0; word < 8; word++) view.setUint32(12 + 4 * word, this.#keys[word] ?? 0, true);
    this.#padsDirty = false;
    const bytes = this.#heldBytes[this.#pads.write(view)];
    if (bytes) this.#sink.state(bytes, sequence);
  }

  #sendState(): void {
    this.#dirty = false;
    this.#stateSentAt = this.#committedAt = systemClock.now();
    const sequence = this.#nextSequence();
    const view = this.#pointer;
    view.setUint32(0, MESSAGE_POINTER | (this.#locked ? 1 << 8 : 0), true);
    view.setUint32(4, sequence, true);
    for (let i = 0; i < 4; i++) view.setInt32(8 + 4 * i, Math.round(this.#totals[i] ?? 0) | 0, true);
    view.setFloat32(24, this.#x, true);
    view.setFloat32(28, this.#y, true);
    for (let i = 0; i < 4; i++) view.setFloat32(32 + 4 * i, this.#axes[i] ?? 0, true);
    this.#sink.state(this.#pointerBytes, sequence);
  }

  #nextSequence(): number {
    this.#sequence = (this.#sequence + 1) >>> 0;
    return this.#sequence;
  }
}
