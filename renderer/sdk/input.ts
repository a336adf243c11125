import * as abi from '../contract/abi';
import { answer } from './gpu/reply';

/** What one player holds and moves, as the host wrote it before this tick or render. */
export class Input {
  private at: usize;

  constructor(at: usize) {
    this.at = at;
  }

  /** Tells whether somebody sits here. */
  get connected(): bool {
    return (load<u32>(this.at, abi.INPUT_FLAGS) & abi.INPUT_CONNECTED) !== 0;
  }

  /** Tells whether the pointer is locked to the picture, so that `movement` steers. */
  get locked(): bool {
    return (load<u32>(this.at, abi.INPUT_FLAGS) & abi.INPUT_LOCKED) !== 0;
  }

  /** Gives the number of the newest input in here. */
  get sequence(): u32 {
    return load<u32>(this.at, abi.INPUT_SEQUENCE);
  }

  /** Tells whether a key (`Key.W`) is down. */
  key(usage: u32): bool {
    return bit(this.at + abi.INPUT_KEYS, usage);
  }

  /** Tells whether a key went down since the last tick, even if it is up again. */
  keyPressed(usage: u32): bool {
    return bit(this.at + abi.INPUT_KEYS_PRESSED, usage);
  }

  /** Tells whether a button is down: 0 left, 1 middle, 2 right, 16 and up a gamepad's. */
  button(index: u32): bool {
    return ((this.buttons >> (index & 31)) & 1) !== 0;
  }

  /** Tells whether a button went down since the last tick, even if it is up again. */
  buttonPressed(index: u32): bool {
    return ((load<u32>(this.at, abi.INPUT_BUTTONS_PRESSED) >> (index & 31)) & 1) !== 0;
  }

  /** Gives the buttons that are down, one bit each. */
  get buttons(): u32 {
    return load<u32>(this.at, abi.INPUT_BUTTONS);
  }

  /** Tells whether any key or button is down. */
  get any(): bool {
    let bits = this.buttons;
    for (let word: usize = 0; word < 32; word += 4) bits |= load<u32>(this.at + word, abi.INPUT_KEYS);
    return bits !== 0;
  }

  /** Gives the pointer's place in the picture, 0 to 1 from the left. */
  get pointerX(): f32 {
    return load<f32>(this.at, abi.INPUT_POINTER);
  }

  /** Gives the pointer's place in the picture, 0 to 1 from the top. */
  get pointerY(): f32 {
    return load<f32>(this.at + 4, abi.INPUT_POINTER);
  }

  /** Gives the pointer's way to the right since the last tick, in CSS pixels. */
  get movementX(): f32 {
    return load<f32>(this.at, abi.INPUT_MOVEMENT);
  }

  /** Gives the pointer's way down since the last tick, in CSS pixels. */
  get movementY(): f32 {
    return load<f32>(this.at + 4, abi.INPUT_MOVEMENT);
  }

  /** Gives the wheel's way to the right since the last tick, in CSS pixels. */
  get wheelX(): f32 {
    return load<f32>(this.at, abi.INPUT_WHEEL);
  }

  /** Gives the wheel's way down since the last tick, in CSS pixels. */
  get wheelY(): f32 {
    return load<f32>(this.at + 4, abi.INPUT_WHEEL);
  }

  /** Gives a stick, -1 to 1: 0 and 1 the left one, 2 and 3 the right; right and down positive. */
  axis(index: u32): f32 {
    return load<f32>(this.at + ((<usize>(index & 3)) << 2), abi.INPUT_AXES);
  }
}

let inputs: StaticArray<Input> = new StaticArray<Input>(0);
let block: usize = 0;
let repliesRead: u32 = 0;

/**
 * Gives the input of a seat; the same object each time. Traps for a seat that there is not: seats are numbered from 0, and
 * how many there are is the third argument of `init` (the host's MAX_PLAYERS, 1 to 64). A seat that has joined is one.
 */
export function input(seat: i32): Input {
  return inputs[seat];
}

/** Makes the IO block of `seats` players and gives its address; the SDK calls it once, in init. */
export function openIo(seats: u32): usize {
  const size = <usize>(abi.IO_INPUTS + seats * abi.INPUT_STRIDE);
  block = heap.alloc(size);
  memory.fill(block, 0, size);
  store<u32>(block, abi.IO_MAGIC);
  store<u32>(block, <u32>size, abi.IO_SIZE);
  store<u32>(block, seats, abi.IO_SEATS);
  inputs = new StaticArray<Input>(<i32>seats);
  for (let seat: u32 = 0; seat < seats; seat++) {
    inputs[seat] = new Input(block + abi.IO_INPUTS + seat * abi.INPUT_STRIDE);
  }
  return block;
}

/** Reads what the host has answered since the last call; the SDK calls it at each entry. */
export function readReplies(): void {
  const head = load<u32>(block, abi.IO_REPLY_HEAD);
  while (repliesRead !== head) {
    const record = block + abi.IO_REPLIES + (repliesRead % abi.REPLY_COUNT) * (abi.REPLY_WORDS * 4);
    answer(record);
    repliesRead++;
  }
}

function bit(at: usize, index: u32): bool {
  return ((load<u32>(at + ((<usize>((index >> 5) & 7)) << 2)) >> (index & 31)) & 1) !== 0;
}
