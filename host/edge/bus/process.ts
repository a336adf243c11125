import { randomBytes } from 'node:crypto';
import type { Bus, BusCounts, BusMessage, BusPort } from '../../base/bus.ts';

/** Carries messages between this process and other hosts. */
export interface BusLink {
  /** Begins to listen to a topic of a game. */
  listen(game: string, topic: string): void;
  /** Ends listening to it. */
  ignore(game: string, topic: string): void;
  /** Sends a message. It never waits and never fails: what cannot be sent is counted. */
  publish(game: string, message: BusMessage): void;
  close(): Promise<void>;
}

/** Makes a link to other hosts, which passes each message that it gets to `receive`. */
export type MakeLink = (receive: (game: string, message: BusMessage) => void) => BusLink;

export interface ProcessBusOptions {
  /** Messages that may wait for one room, which may change; BUS_QUEUE_MAX. */
  queueMax: number | (() => number);
  counts: BusCounts;
  /** Makes the link to other hosts. Without it, only rooms of this process hear each other. */
  link?: MakeLink;
}

/** Carries messages between the rooms of this process, and by a link between them and those of other hosts. */
export class ProcessBus implements Bus {
  readonly #options: ProcessBusOptions;
  readonly #link: BusLink | undefined;
  /** The rooms that listen to each topic, by game and topic. A topic is not in it if no room listens. */
  readonly #listeners = new Map<string, Map<string, Set<Port>>>();

  constructor(options: ProcessBusOptions) {
    this.#options = options;
    this.#link = options.link?.((game, message) => this.#deliver(game, message));
  }

  open(game: string): BusPort {
    const { queueMax, counts } = this.#options;
    const listeners = this.#listeners.get(game) ?? new Map<string, Set<Port>>();
    this.#listeners.set(game, listeners);
    return new Port({
      queueMax,
      counts,
      emit: (message, port) => {
        this.#deliver(game, message, port);
        this.#link?.publish(game, message);
      },
      subscribe: (topic, port) => {
        const ports = listeners.get(topic) ?? new Set();
        listeners.set(topic, ports.add(port));
        if (ports.size === 1) this.#link?.listen(game, topic);
      },
      unsubscribe: (topic, port) => {
        const ports = listeners.get(topic);
        if (!ports?.delete(port) || ports.size > 0) return;
        listeners.delete(topic);
        this.#link?.ignore(game, topic);
      },
    });
  }

  async close(): Promise<void> {
    await this.#link?.close();
  }

  #deliver(game: string, message: BusMessage, sender?: Port): void {
    for (const port of this.#listeners.get(game)?.get(message.topic) ?? []) if (port !== sender) port.push(message);
  }
}

interface PortOptions extends Pick<ProcessBusOptions, 'queueMax' | 'counts'> {
  emit(message: BusMessage, port: Port): void;
  subscribe(topic: string, port: Port): void;
  unsubscribe(topic: string, port: Port): void;
}

class Port implements BusPort {
  readonly origin = randomBytes(8).readBigUInt64LE();
  readonly #options: PortOptions;
  readonly #topics = new Set<string>();
  readonly #queue: BusMessage[] = [];
  #closed = false;

  constructor(options: PortOptions) {
    this.#options = options;
  }

  subscribe(topic: string): void {
    if (this.#closed || this.#topics.has(topic)) return;
    this.#topics.add(topic);
    this.#options.subscribe(topic, this);
  }

  unsubscribe(topic: string): void {
    if (this.#topics.delete(topic)) this.#options.unsubscribe(topic, this);
  }

  emit(topic: string, bytes: Uint8Array): void {
    if (!this.#closed) this.#options.emit({ topic, origin: this.origin, bytes }, this);
  }

  take(): BusMessage | undefined {
    return this.#queue.shift();
  }

  /** Adds a message to the queue. If the queue is full, drops the oldest ones, which are worth least. */
  push(message: BusMessage): void {
    const { queueMax, counts } = this.#options;
    const most = typeof queueMax === 'number' ? queueMax : queueMax();
    while (this.#queue.length >= most) {
      this.#queue.shift();
      counts.dropped.queue++;
    }
    this.#queue.push(message);
  }

  close(): void {
    this.#closed = true;
    for (const topic of this.#topics) this.#options.unsubscribe(topic, this);
    this.#topics.clear();
    this.#queue.length = 0;
  }
}
