import { MESSAGE_FRAME } from '../../host/base/protocol.ts';
import { Peer, pointerMessage } from '../stream/peer.ts';

/** A prime number of milliseconds, so that inputs meet ticks and pictures at all phases. */
const INPUT_MS = 17;

/** A player that moves the pointer, and notes how long each movement takes until a picture shows it. */
export class MeasuredPlayer {
  readonly #peer = new Peer();
  readonly #sentAt = new Map<number, number>();
  #latencies: number[] = [];
  #sequence = 0;
  #timer: NodeJS.Timeout | undefined;

  async join(url: string, query: string): Promise<void> {
    await this.#peer.join(url, { query });
    this.#peer.state.onMessage((message) => this.#receive(message as Buffer));
    this.#timer = setInterval(() => this.#move(), INPUT_MS);
  }

  /** Returns the latencies since the last call. */
  take(): number[] {
    return this.#latencies.splice(0);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#peer.close();
  }

  #move(): void {
    if (!this.#peer.state.isOpen()) return;
    this.#sentAt.set(++this.#sequence, performance.now());
    this.#peer.state.sendMessageBinary(pointerMessage({ sequence: this.#sequence, dx: this.#sequence }));
  }

  #receive(message: Buffer): void {
    if (message[0] !== MESSAGE_FRAME) return;
    const shown = message.readUInt32LE(8);
    const now = performance.now();
    for (const [sequence, sentAt] of this.#sentAt) {
      if (sequence > shown) break;
      this.#sentAt.delete(sequence);
      this.#latencies.push(now - sentAt);
    }
  }
}
