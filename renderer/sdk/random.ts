import { State } from './state';

// Each constant has 64 bits and is written as two halves, because tools for JavaScript cannot read longer numbers exactly.
const MULTIPLIER: u64 = ((<u64>0x5851f42d) << 32) | 0x4c957f2d;
const INCREMENT: u64 = ((<u64>0x14057b7e) << 32) | 0xf767814f;

/**
 * A source of random numbers that depend on its seed alone: PCG-XSH-RR 64/32 (O'Neill 2014,
 * https://www.pcg-random.org).
 */
export class Random {
  private state: u64 = 0;

  constructor(seed: u64) {
    this.reseed(seed);
  }

  /** Starts the sequence of random numbers over from a seed. */
  reseed(seed: u64): void {
    this.state = seed + INCREMENT;
    this.next();
    this.next();
  }

  /** Saves or loads the source's position in its sequence of numbers, through `state`. */
  pass(state: State): void {
    this.state = state.u64(this.state);
  }

  /** Returns 32 random bits. */
  next(): u32 {
    const old = this.state;
    this.state = old * MULTIPLIER + INCREMENT;
    return rotr<u32>(<u32>(((old >> 18) ^ old) >> 27), <u32>(old >> 59));
  }

  /** Returns a random number from 0 up to, but not including, 1. */
  float(): f32 {
    return <f32>(this.next() >> 8) * <f32>(1.0 / 16777216.0);
  }

  /** Returns a random number from `low` up to, but not including, `high`. */
  range(low: f32, high: f32): f32 {
    return low + (high - low) * this.float();
  }

  /**
   * Returns a random whole number from 0 up to, but not including, `count`, by Lemire's multiplication. Its bias is below
   * count / 2^32.
   */
  below(count: u32): u32 {
    return <u32>((<u64>this.next() * count) >> 32);
  }
}
