import {
  INPUT_AXES,
  INPUT_BUTTONS,
  INPUT_BUTTONS_PRESSED,
  INPUT_CONNECTED,
  INPUT_FLAGS,
  INPUT_KEYS,
  INPUT_KEYS_PRESSED,
  INPUT_LOCKED,
  INPUT_MOVEMENT,
  INPUT_POINTER,
  INPUT_SEQUENCE,
  INPUT_STRIDE,
  INPUT_VERSION,
  INPUT_WHEEL,
} from '../../renderer/contract/abi.ts';
import type { Clock } from '../base/clock.ts';
import type { Milli } from '../base/time.ts';
import type { Instance } from '../engine/engine.ts';
import type { HeldState, InputSink, PointerState } from '../stream/player.ts';
import { InputStatistics } from './input-statistics.ts';
import { clearPads, PlayerPads } from './pads.ts';

/** Where a module finds the input of all seats: the input records, and the records of gamepads. */
export type InputRecords = Pick<Instance, 'inputs' | 'pads'>;

/** A page's messages count pointer movement in units of 1/16 CSS pixel. */
const SUBPIXELS = 16;

/**
 * One player's input, written for the module as an input record (ABI.md, "Input"). Presses and movement accumulate until a
 * simulation tick has read them, so a key that is pressed and released between two ticks is not lost.
 */
export class PlayerInput implements InputSink {
  readonly #keys = new Uint32Array(8);
  readonly #keysPressed = new Uint32Array(8);
  readonly #axes = new Float32Array(4);
  /** The player's gamepads. */
  readonly pads = new PlayerPads();
  #buttons = 0;
  #buttonsPressed = 0;
  #locked = false;
  #x = 0.5;
  #y = 0.5;
  #sequence = 0;
  readonly #clock: Pick<Clock, 'now'> | undefined;
  #arrivedAt: Milli | undefined;
  #hidden = false;
  #muted = false;
  /** Sums of pointer movement x, y and wheel movement x, y in 1/16 CSS pixel, as the page sent them. They wrap like int32. */
  readonly #totals = new Int32Array(4);
  /** The sums of pointer and wheel movement that the last simulation tick has read. */
  readonly #totalsRead = new Int32Array(4);
  /** A summary of the player's input, for rules against cheating. Undefined without a clock. */
  readonly statistics: InputStatistics | undefined;

  /** How long pictures wait for the page's display, as it last reported (MESSAGE_PACE). Undefined once the report is used. */
  slackMs: Milli | undefined;
  /** Hands over the newest state that waits at the connection. */
  #flush: () => void = () => {};

  /** Takes the player's answer to a request for a text; undefined if there is none. */
  onText: ((number: number, text: string | undefined) => void) | undefined;

  /** @param clock tells when inputs arrive; without it, that is unknown */
  constructor(clock?: Pick<Clock, 'now'>) {
    this.#clock = clock;
    this.statistics = clock && new InputStatistics(clock);
  }

  /** Sequence number of the newest input from the page. */
  get sequence(): number {
    return this.#sequence;
  }

  /** When the newest input from the page arrived. */
  get arrivedAt(): Milli | undefined {
    return this.#arrivedAt;
  }

  /** Whether the page is muted, so that no one hears the player's sound. */
  get muted(): boolean {
    return this.#muted;
  }

  /** Whether the page is hidden, so that no one sees the player's pictures. */
  get hidden(): boolean {
    return this.#hidden;
  }

  key(usage: number, down: boolean, sequence: number): void {
    const word = usage >>> 5;
    const bit = 1 << (usage & 31);
    const keys = this.#keys[word] ?? 0;
    if (down) {
      this.#countPresses(bit & ~keys, 'key');
      this.#keysPressed[word] = (this.#keysPressed[word] ?? 0) | (bit & ~keys);
      this.#keys[word] = keys | bit;
    } else this.#keys[word] = keys & ~bit;
    this.#noteSequence(sequence);
  }

  button(button: number, down: boolean, sequence: number): void {
    const bit = 1 << button;
    if (down) {
      this.#countPresses(bit & ~this.#buttons, 'button');
      this.#buttonsPressed |= bit & ~this.#buttons;
      this.#buttons |= bit;
    } else this.#buttons &= ~bit;
    this.#noteSequence(sequence);
  }

  padButton(pad: number, button: number, down: boolean, sequence: number): void {
    this.pads.button(pad, button, down);
    if (down) this.statistics?.press('button');
    this.#noteSequence(sequence);
  }

  releaseAll(sequence: number): void {
    this.#keys.fill(0);
    this.#buttons = 0;
    this.#axes.fill(0);
    this.pads.release();
    this.#noteSequence(sequence);
  }

  held({ keys, buttons, pads, hidden, muted = false }: Readonly<HeldState>, sequence: number, arrivedAt?: Milli): void {
    for (let word = 0; word < 8; word++) {
      const now = keys[word] ?? 0;
      const pressed = now & ~(this.#keys[word] ?? 0);
      this.#countPresses(pressed, 'key');
      this.#keysPressed[word] = (this.#keysPressed[word] ?? 0) | pressed;
      this.#keys[word] = now;
    }
    this.#countPresses(buttons & ~this.#buttons, 'button');
    this.#buttonsPressed |= buttons & ~this.#buttons;
    this.#buttons = buttons;
    if (hidden) this.#axes.fill(0);
    this.pads.set(pads, hidden);
    this.#hidden = hidden;
    this.#muted = muted;
    this.#noteSequence(sequence, arrivedAt);
  }

  pointer(state: PointerState, sequence: number, arrivedAt?: Milli): void {
    this.#x = state.x;
    this.#y = state.y;
    this.#locked = state.locked;
    this.#totals[0] = state.totalDx;
    this.#totals[1] = state.totalDy;
    this.#totals[2] = state.totalWheelX;
    this.#totals[3] = state.totalWheelY;
    if (!this.#hidden) this.#axes.set(state.axes);
    this.statistics?.move(state);
    this.#noteSequence(sequence, arrivedAt);
  }

  text(number: number, text: string | undefined, sequence: number): void {
    this.#noteSequence(sequence);
    this.onText?.(number, text);
  }

  pace(slackMs: Milli): void {
    this.slackMs = slackMs;
  }

  onRead(flush: () => void): void {
    this.#flush = flush;
  }

  /** Writes this player's input into the input record and the records of gamepads of a seat. */
  write({ inputs: records, pads }: InputRecords, seat: number): void {
    this.#flush();
    this.pads.write(pads, seat);
    const at = seat * INPUT_STRIDE;
    records.setUint32(at + INPUT_VERSION, 1, true);
    records.setUint32(at + INPUT_FLAGS, INPUT_CONNECTED | (this.#locked ? INPUT_LOCKED : 0), true);
    records.setUint32(at + INPUT_SEQUENCE, this.#sequence, true);
    records.setUint32(at + INPUT_BUTTONS, this.#buttons, true);
    records.setUint32(at + INPUT_BUTTONS_PRESSED, this.#buttonsPressed, true);
    for (let word = 0; word < 8; word++) {
      records.setUint32(at + INPUT_KEYS + word * 4, this.#keys[word] ?? 0, true);
      records.setUint32(at + INPUT_KEYS_PRESSED + word * 4, this.#keysPressed[word] ?? 0, true);
    }
    records.setFloat32(at + INPUT_POINTER, this.#x, true);
    records.setFloat32(at + INPUT_POINTER + 4, this.#y, true);
    for (let axis = 0; axis < 2; axis++) {
      records.setFloat32(at + INPUT_MOVEMENT + axis * 4, this.#moved(axis), true);
      records.setFloat32(at + INPUT_WHEEL + axis * 4, this.#moved(2 + axis), true);
    }
    for (let axis = 0; axis < 4; axis++) records.setFloat32(at + INPUT_AXES + axis * 4, this.#axes[axis] ?? 0, true);
  }

  /** Forgets the presses and movement that a simulation tick has read, and accumulates those for the next tick. */
  endTick(): void {
    this.#keysPressed.fill(0);
    this.#buttonsPressed = 0;
    this.pads.endTick();
    this.#totalsRead.set(this.#totals);
  }

  #moved(index: number): number {
    return (((this.#totals[index] ?? 0) - (this.#totalsRead[index] ?? 0)) | 0) / SUBPIXELS;
  }

  #countPresses(bits: number, kind: 'key' | 'button'): void {
    for (let left = bits; left !== 0; left &= left - 1) this.statistics?.press(kind);
  }

  #noteSequence(sequence: number, arrivedAt?: Milli): void {
    if (((sequence - this.#sequence) | 0) <= 0) return;
    this.#sequence = sequence >>> 0;
    this.#arrivedAt = this.#clock && (arrivedAt ?? this.#clock.now());
  }
}

/** Writes empty records for a seat that no player has. */
export function clearRecord({ inputs: records, pads }: InputRecords, seat: number): void {
  clearPads(pads, seat);
  for (let at = 0; at < INPUT_STRIDE; at += 4) records.setUint32(seat * INPUT_STRIDE + at, 0, true);
  records.setUint32(seat * INPUT_STRIDE + INPUT_VERSION, 1, true);
}
