import * as abi from '../contract/abi';
import { Answer } from './gpu/reply';

/** A text that a player was should enter, and later the text; `Input.requestText` returns it. */
export class TextEntry extends Answer {
  private readonly bytes: StaticArray<u8>;

  constructor(maxLength: u32) {
    super();
    this.bytes = new StaticArray<u8>(<i32>maxLength * abi.TEXT_UNIT_BYTES_MAX);
  }

  /** @internal Address at which the host puts the text. */
  get address(): usize {
    return changetype<usize>(this.bytes);
  }

  /** Reports whether the player has submitted a text, which may be empty. */
  get submitted(): bool {
    return this.done && this.first === 1;
  }

  /** Reports whether the player has cancelled, has left, or got another request instead. */
  get cancelled(): bool {
    return this.done && this.first === 0;
  }

  /** Returns the text, once `submitted` is true. */
  get text(): string {
    return this.submitted ? String.UTF8.decodeUnsafe(this.address, this.second) : '';
  }
}
