/** A message from another room of the same game. */
export class Message {
  /** Topic to which the message was sent. */
  readonly topic: string;
  /** Number of the room that sent the message; it is the same for all messages of that room. */
  readonly origin: u64;
  /** The bytes of the message. Another room may run another version of the game, so check them. */
  readonly bytes: StaticArray<u8>;

  constructor(topic: string, origin: u64, bytes: StaticArray<u8>) {
    this.topic = topic;
    this.origin = origin;
    this.bytes = bytes;
  }

  /** Returns the bytes as a text in UTF-8. */
  get text(): string {
    return String.UTF8.decodeUnsafe(changetype<usize>(this.bytes), this.bytes.length);
  }
}
