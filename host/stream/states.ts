import type { Clock } from '../base/clock.ts';
import { POINTER_BYTES } from '../base/protocol.ts';
import { type Milli, milli } from '../base/time.ts';
import type { InputGovernor } from './governor.ts';
import { PadReader } from './pads.ts';
import type { HeldState, InputSink, PointerState } from './player.ts';
import type { Presses } from './presses.ts';

/** A page that was shown counts as hidden again after this time at the earliest, because each return to it costs a keyframe. */
const HIDE_MS_MIN = 250;
const FLAG_HIDDEN = 1;
const FLAG_MUTED = 2;

export interface StateReaderOptions {
  sink: Pick<InputSink, 'held' | 'pointer'>;
  governor: InputGovernor;
  presses: Presses;
  clock: Pick<Clock, 'now'>;
  /** Returns the sequence number of the newest key or button; -1 before the first. */
  newestEvent(): number;
}

/** A message that waits until the game reads its input. */
interface Waiting {
  readonly message: Buffer;
  readonly arrivedAt: Milli;
}

/**
 * Reads a page's messages about states: the pointer and the sticks, and what is held. The newest one of each kind counts. One that comes
 * too soon waits until `flush` is called, and a newer one takes its place.
 */
export class StateReader {
  readonly #options: StateReaderOptions;
  readonly #pads = new PadReader();
  /** The content of the newest MESSAGE_HELD. */
  readonly #held: HeldState & { readonly keys: Uint32Array } = {
    keys: new Uint32Array(8),
    buttons: 0,
    pads: this.#pads.pads,
    hidden: false,
  };
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
  #heldSequence = -1;
  #pointerSequence = -1;
  #waitingHeld: Waiting | undefined;
  #waitingPointer: Waiting | undefined;
  #timer: NodeJS.Timeout | undefined;
  #shownAt = milli(Number.NEGATIVE_INFINITY);

  constructor(options: StateReaderOptions) {
    this.#options = options;
  }

  /** The content of the newest MESSAGE_HELD that counts. */
  get held(): Readonly<HeldState> {
    return this.#held;
  }

  /** Sequence number of that message; -1 before the first. */
  get heldSequence(): number {
    return this.#heldSequence;
  }

  /** Whether the newest MESSAGE_HELD says that a button of a gamepad is down. */
  holdsPadButton(pad: number, button: number): boolean {
    return this.#pads.holds(pad, button);
  }

  /** Reads a MESSAGE_HELD. @returns false if it is not valid */
  readHeld(message: Buffer): boolean {
    if (!this.#pads.isValid(message) || message.readUInt16LE(2) !== 0) return false;
    const flags = message.readUInt8(1);
    if (flags > (FLAG_HIDDEN | FLAG_MUTED)) return false;
    const earlier = this.#waitingHeld;
    const sequence = sequenceOf(message);
    if (this.#isOld(sequence) || (earlier && !isNewer(sequence, sequenceOf(earlier.message)))) return true;
    const { governor, clock } = this.#options;
    const { hidden, muted = false } = this.#held;
    const isChange = ((flags & FLAG_HIDDEN) !== 0) !== hidden || ((flags & FLAG_MUTED) !== 0) !== muted;
    const waitMs = governor.takeState();
    if (earlier) governor.noteCoalesced();
    // The host does not wait for the game to learn what the page says about itself.
    this.#waitingHeld = waitMs > 0 && !isChange ? { message, arrivedAt: clock.now() } : undefined;
    if (this.#waitingHeld) this.#flushAfter(waitMs);
    else this.#takeHeld(message);
    return true;
  }

  /** Reads a MESSAGE_POINTER. @returns false if it is not valid */
  readPointer(message: Buffer): boolean {
    if (message.length !== POINTER_BYTES || message.readUInt8(1) > 1 || message.readUInt16LE(2) !== 0) return false;
    for (let offset = 24; offset < POINTER_BYTES; offset += 4)
      if (!Number.isFinite(message.readFloatLE(offset))) return false;
    const sequence = sequenceOf(message);
    if (this.#pointerSequence >= 0 && !isNewer(sequence, this.#pointerSequence)) return true;
    this.#pointerSequence = sequence;
    const { governor, clock } = this.#options;
    const waitMs = governor.takeState();
    if (this.#waitingPointer) governor.noteCoalesced();
    this.#waitingPointer = waitMs > 0 ? { message, arrivedAt: clock.now() } : undefined;
    if (this.#waitingPointer) this.#flushAfter(waitMs);
    else this.#takePointer(message);
    return true;
  }

  /** Hands over the states that wait, because the game reads its input or another input follows. */
  readonly flush = (): void => {
    if (this.#timer === undefined) return;
    const held = this.#waitingHeld;
    const pointer = this.#waitingPointer;
    this.close();
    if (held) this.#takeHeld(held.message, held.arrivedAt);
    if (pointer) this.#takePointer(pointer.message, pointer.arrivedAt);
  };

  /** Forgets what waits. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = this.#waitingHeld = this.#waitingPointer = undefined;
  }

  /** The game reads its input many times a second, but not while it is being replaced. Then states wait for the bucket alone. */
  #flushAfter(waitMs: number): void {
    this.#timer ??= setTimeout(this.flush, Math.ceil(waitMs));
  }

  #isOld(sequence: number): boolean {
    const isOlder = (newest: number) => newest >= 0 && !isNewer(sequence, newest);
    return isOlder(this.#heldSequence) || isOlder(this.#options.newestEvent());
  }

  #takeHeld(message: Buffer, ...when: [arrivedAt?: Milli]): void {
    const sequence = sequenceOf(message);
    if (this.#isOld(sequence)) return;
    this.#heldSequence = sequence;
    const { sink, presses, governor } = this.#options;
    const held = this.#held;
    const flags = message.readUInt8(1);
    const holdsNothing = (flags & FLAG_HIDDEN) !== 0;
    const wasHidden = held.hidden;
    held.hidden = holdsNothing && this.#mayHide();
    if (wasHidden && !held.hidden) this.#shownAt = this.#options.clock.now();
    held.muted = (flags & FLAG_MUTED) !== 0 ? true : undefined;
    held.buttons = holdsNothing ? 0 : message.readUInt32LE(8);
    for (let word = 0; word < 8; word++) held.keys[word] = holdsNothing ? 0 : message.readUInt32LE(12 + 4 * word);
    this.#pads.read(message);
    if (held.hidden) presses.release();
    else {
      // A press counts here if its own message comes later or was dropped.
      if (presses.adds(held) && !governor.takePress()) presses.mask(held);
      presses.set(held);
    }
    sink.held(held, sequence, ...when);
  }

  /** Whether a page that says that it is hidden counts as hidden. */
  #mayHide(): boolean {
    const now = this.#options.clock.now();
    return this.#held.hidden || now - this.#shownAt >= HIDE_MS_MIN;
  }

  #takePointer(message: Buffer, ...when: [arrivedAt?: Milli]): void {
    const pointer = this.#pointer;
    pointer.locked = message.readUInt8(1) === 1;
    pointer.totalDx = message.readInt32LE(8);
    pointer.totalDy = message.readInt32LE(12);
    pointer.totalWheelX = message.readInt32LE(16);
    pointer.totalWheelY = message.readInt32LE(20);
    pointer.x = clamp(message.readFloatLE(24), 0, 1);
    pointer.y = clamp(message.readFloatLE(28), 0, 1);
    for (let axis = 0; axis < 4; axis++) pointer.axes[axis] = clamp(message.readFloatLE(32 + 4 * axis), -1, 1);
    this.#options.sink.pointer(pointer, sequenceOf(message), ...when);
  }
}

/** Returns the page's own count of an input, which stands at the same place in all messages. */
function sequenceOf(message: Buffer): number {
  return message.readUInt32LE(4);
}

/** Compares wrapping 32-bit sequence numbers (RFC 1982): true if `a` comes after `b`. */
export function isNewer(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max);
}
