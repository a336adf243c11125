import * as abi from '../contract/abi';
import * as encode from './encode';
import { answer, ask } from './gpu/reply';
import { Pad } from './pad';
import { TextEntry } from './text';

/** The input of one player. The host writes it before each tick and each render. */
export class Input {
  /** The player's gamepads: four, whether the player has them or not. */
  readonly pads: StaticArray<Pad>;
  private readonly seat: u32;
  private readonly at: usize;

  constructor(seat: u32, at: usize, padsAt: usize) {
    this.seat = seat;
    this.at = at;
    this.pads = new StaticArray<Pad>(abi.PAD_COUNT);
    for (let place = 0; place < abi.PAD_COUNT; place++)
      this.pads[place] = new Pad(padsAt + <usize>(place * abi.PAD_STRIDE));
  }

  /** Reports whether a player has this seat. */
  get connected(): bool {
    return (load<u32>(this.at, abi.INPUT_FLAGS) & abi.INPUT_CONNECTED) !== 0;
  }

  /** Reports whether the player's pointer is locked to the picture, so that only `movementX` and `movementY` change. */
  get locked(): bool {
    return (load<u32>(this.at, abi.INPUT_FLAGS) & abi.INPUT_LOCKED) !== 0;
  }

  /** Returns the sequence number of the newest input that the player sent and this object shows. */
  get sequence(): u32 {
    return load<u32>(this.at, abi.INPUT_SEQUENCE);
  }

  /** Reports whether a key is down, as in `key(Key.W)`. */
  key(usage: u32): bool {
    return bit(this.at + abi.INPUT_KEYS, usage);
  }

  /** Reports whether a key went down since the last tick, even if it is up again. */
  keyPressed(usage: u32): bool {
    return bit(this.at + abi.INPUT_KEYS_PRESSED, usage);
  }

  /** Reports whether a button is down: 0 left, 1 middle, 2 right of the mouse, 16 and up those of any gamepad. */
  button(index: u32): bool {
    return ((this.buttons >> (index & 31)) & 1) !== 0;
  }

  /** Reports whether a button went down since the last tick, even if it is up again. */
  buttonPressed(index: u32): bool {
    return ((load<u32>(this.at, abi.INPUT_BUTTONS_PRESSED) >> (index & 31)) & 1) !== 0;
  }

  /** Returns the mouse's and the gamepad's buttons that are down, one bit each. */
  get buttons(): u32 {
    return load<u32>(this.at, abi.INPUT_BUTTONS);
  }

  /** Reports whether any key or button is down. */
  get any(): bool {
    let bits = this.buttons;
    for (let word: usize = 0; word < 32; word += 4) bits |= load<u32>(this.at + word, abi.INPUT_KEYS);
    return bits !== 0;
  }

  /** Returns the pointer's place in the picture, from 0 at the left to 1 at the right. */
  get pointerX(): f32 {
    return load<f32>(this.at, abi.INPUT_POINTER);
  }

  /** Returns the pointer's place in the picture, from 0 at the top to 1 at the bottom. */
  get pointerY(): f32 {
    return load<f32>(this.at + 4, abi.INPUT_POINTER);
  }

  /** Returns how far the pointer moved to the right since the last tick, in CSS pixels. */
  get movementX(): f32 {
    return load<f32>(this.at, abi.INPUT_MOVEMENT);
  }

  /** Returns how far the pointer moved down since the last tick, in CSS pixels. */
  get movementY(): f32 {
    return load<f32>(this.at + 4, abi.INPUT_MOVEMENT);
  }

  /** Returns how far the wheel turned to the right since the last tick, in CSS pixels. */
  get wheelX(): f32 {
    return load<f32>(this.at, abi.INPUT_WHEEL);
  }

  /** Returns how far the wheel turned down since the last tick, in CSS pixels. */
  get wheelY(): f32 {
    return load<f32>(this.at + 4, abi.INPUT_WHEEL);
  }

  /**
   * Returns one axis of the sticks, -1 to 1: 0 and 1 are x and y of the left stick, 2 and 3 of the right one. They are those of the
   * gamepad that is pushed furthest, or of the touch controls. Right and down are positive.
   */
  axis(index: u32): f32 {
    return load<f32>(this.at + ((<usize>(index & 3)) << 2), abi.INPUT_AXES);
  }

  /**
   * Shakes a gamepad, or ends that with strengths of 0. `strong` and `weak` are the strengths of the motors for low and high
   * frequencies, 0 to 1. It takes at most five seconds. A newer effect replaces it, and the host leaves out effects that follow each
   * other more often than about 20 times a second. A phone vibrates in place of gamepad 0.
   */
  rumble(pad: u32, strong: f32, weak: f32, milliseconds: u32): void {
    const duration = min<u32>(milliseconds, abi.RUMBLE_MS_MAX);
    encode.rumble(this.seat, pad, limited(strong), limited(weak), duration);
  }

  /**
   * Asks the player to enter a text of at most `maxLength` characters, which may be up to 256, in place of an earlier request. The
   * player reads `prompt` and can change `initial`. No key reaches the game meanwhile. Look at the result in `tick`. A game that was
   * loaded from a saved state must ask again.
   */
  requestText(prompt: string, initial: string = '', maxLength: u32 = 64): TextEntry {
    const entry = new TextEntry(maxLength);
    const token = ask(abi.REPLY_TEXT, entry);
    encode.requestText(this.seat, token, <u32>entry.address, maxLength, prompt, initial);
    return entry;
  }

  /** Ends the request for a text, as if the player had cancelled it. */
  cancelText(): void {
    encode.cancelText(this.seat);
  }
}

let inputs: StaticArray<Input> = new StaticArray<Input>(0);
let block: usize = 0;
let repliesRead: u32 = 0;

/**
 * Returns the input of the player in a seat, the same object each time. Traps if there is no such seat: `init` gets the
 * number of seats, which count from 0. The seats that `join` gets always exist.
 */
export function input(seat: i32): Input {
  return inputs[seat];
}

/** Makes the block in which the host writes input and replies, and returns its address. The SDK calls it once, in `init`. */
export function openIo(seats: u32): usize {
  const padsAt = abi.IO_INPUTS + seats * abi.INPUT_STRIDE;
  const size = <usize>(padsAt + seats * abi.PADS_STRIDE);
  block = heap.alloc(size);
  memory.fill(block, 0, size);
  store<u32>(block, abi.IO_MAGIC);
  store<u32>(block, <u32>size, abi.IO_SIZE);
  store<u32>(block, seats, abi.IO_SEATS);
  inputs = new StaticArray<Input>(<i32>seats);
  for (let seat: u32 = 0; seat < seats; seat++) {
    inputs[seat] = new Input(
      seat,
      block + abi.IO_INPUTS + seat * abi.INPUT_STRIDE,
      block + padsAt + seat * abi.PADS_STRIDE,
    );
  }
  return block;
}

/** Handles the replies of the host since the last call. The SDK calls it whenever the host calls the game. */
export function readReplies(): void {
  const head = load<u32>(block, abi.IO_REPLY_HEAD);
  while (repliesRead !== head) {
    const record = block + abi.IO_REPLIES + (repliesRead % abi.REPLY_COUNT) * (abi.REPLY_WORDS * 4);
    answer(record);
    repliesRead++;
  }
}

function limited(strength: f32): f32 {
  return strength > 0 ? min<f32>(strength, 1) : 0;
}

function bit(at: usize, index: u32): bool {
  return ((load<u32>(at + ((<usize>((index >> 5) & 7)) << 2)) >> (index & 31)) & 1) !== 0;
}
