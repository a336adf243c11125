import { state_read, state_write } from './nearlight';

const BYTES: usize = 4096;
const scratch: usize = memory.data(4096);

/**
 * A game's state while it is saved or loaded. To save, each method writes the value that it gets and returns it; to load,
 * it returns the value that was saved. So `this.health = state.f32(this.health)` is right both ways.
 */
export class State {
  /** Whether the game is being loaded from a saved state; false while it is being saved. */
  readonly loading: bool;
  private readonly length: u32;
  private at: u32 = 0;
  private waiting: usize = 0;

  constructor(loading: bool, length: u32) {
    this.loading = loading;
    this.length = length;
  }

  /** Saves the version of the state's layout, or checks it when loading. Loading a state of another version traps. */
  version(number: u32): void {
    if (this.u32(number) !== number) throw new Error('the state is of another version of this game');
  }

  /** Saves the version of the state's layout. Reports whether a state that is loaded has `length` bytes and the same version. */
  matches(number: u32, length: u32): bool {
    if (this.loading && this.length !== length) return false;
    return this.u32(number) === number;
  }

  /** Saves or loads a whole number of 32 bits, without a sign. */
  u32(value: u32): u32 {
    return this.value<u32>(value);
  }

  /** Saves or loads a whole number of 32 bits, with a sign. */
  i32(value: i32): i32 {
    return this.value<i32>(value);
  }

  /** Saves or loads a whole number of 64 bits, without a sign. */
  u64(value: u64): u64 {
    return this.value<u64>(value);
  }

  /** Saves or loads a floating-point number of 32 bits. */
  f32(value: f32): f32 {
    return this.value<f32>(value);
  }

  /** Saves or loads a floating-point number of 64 bits. */
  f64(value: f64): f64 {
    return this.value<f64>(value);
  }

  /** Saves or loads true or false, as one byte. */
  bool(value: bool): bool {
    return this.value<u8>(value ? 1 : 0) !== 0;
  }

  /** Saves or loads the numbers of an array, in place. Its length is not saved, so it must be the same both times. */
  array<T>(values: StaticArray<T>): void {
    if (isReference<T>()) ERROR('only arrays of numbers can be passed');
    this.bytes(changetype<usize>(values), <u32>values.length * sizeof<T>());
  }

  private value<T>(value: T): T {
    if (!this.loading) {
      if (this.waiting + sizeof<T>() > BYTES) this.flush();
      store<T>(scratch + this.waiting, value);
      this.waiting += sizeof<T>();
      return value;
    }
    this.read(scratch, sizeof<T>());
    return load<T>(scratch);
  }

  private bytes(address: usize, length: u32): void {
    if (this.loading) {
      this.read(address, length);
    } else {
      this.flush();
      state_write(address, length);
    }
  }

  private read(address: usize, length: u32): void {
    if (state_read(this.at, address, length) !== length) throw new Error('the state is shorter than this game needs');
    this.at += length;
  }

  private flush(): void {
    if (this.waiting > 0) state_write(scratch, <u32>this.waiting);
    this.waiting = 0;
  }

  /** Ends the saving or loading. Traps if a loaded state was not read to its end. The SDK calls it. */
  close(): void {
    if (!this.loading) this.flush();
    else if (this.at !== this.length) throw new Error('the state is longer than this game needs');
  }
}
