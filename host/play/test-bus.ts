import type { BusMessage, BusPort } from '../base/bus.ts';
import { settings } from '../base/config.ts';
import { type Milli, milli } from '../base/time.ts';
import type { Instance, LogLevel } from '../engine/engine.ts';
import { RoomBus } from '../room/bus.ts';

/** A message that a game in a test has sent to other rooms. */
export interface SentMessage {
  readonly topic: string;
  readonly bytes: Uint8Array;
  /** The bytes as a text in UTF-8. */
  readonly text: string;
}

export interface TestBusOptions {
  /** Returns the game's time. */
  now(): Milli;
  ticks(): number;
  log(level: LogLevel, message: string): void;
}

/** The other rooms of a game in a test. */
export class TestBus {
  readonly room: RoomBus;
  readonly sent: SentMessage[] = [];
  readonly #topics = new Set<string>();
  readonly #waiting: BusMessage[] = [];

  constructor({ now, ticks, log }: TestBusOptions) {
    const port: BusPort = {
      origin: 1n,
      subscribe: (topic) => void this.#topics.add(topic),
      unsubscribe: (topic) => void this.#topics.delete(topic),
      emit: (topic, bytes) => void this.sent.push({ topic, bytes, text: new TextDecoder().decode(bytes) }),
      take: () => this.#waiting.shift(),
      close: () => {},
    };
    this.room = new RoomBus({
      name: 'game',
      clock: { now, until: async () => {} },
      port,
      messagesPerSecondMax: settings.busMessagesPerSecondMax.default,
      bytesMax: settings.dataBytesMax.default,
      ticks,
      log,
    });
  }

  /** Sends a message to the game, as another room does. Returns false if the game does not subscribe to the topic. */
  send(topic: string, bytes: Uint8Array, origin: bigint): boolean {
    if (!this.#topics.has(topic)) return false;
    this.#waiting.push({ topic, origin, bytes });
    return true;
  }

  deliver(instance: Instance): void {
    this.room.deliver(instance);
  }
}

/** Returns the time of a game's tick. */
export function timeOfTick(tick: number, tickRate: number): Milli {
  return milli((tick * 1000) / tickRate);
}
