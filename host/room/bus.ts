import { RECEIVES_MAX, REPLY_MESSAGE } from '../../renderer/contract/abi.ts';
import { BusCounts, type BusPort, type BusRequest, type EventSink, type Phase, RESULT_TOPIC } from '../base/bus.ts';
import type { Clock } from '../base/clock.ts';
import { NearlightError } from '../base/errors.ts';
import { type Milli, milli } from '../base/time.ts';
import type { Instance, LogLevel } from '../engine/engine.ts';
import { Allowance } from './allowance.ts';

/** Results of matches have a limit of their own, so that chat cannot crowd them out. */
const RESULTS_PER_SECOND = 1;
const RESULTS_AT_ONCE = 16;
/** Shortest time between two warnings to the author of a game. */
const WARNING_MS = 10_000;

export interface RoomBusOptions {
  /** Name of the game. */
  name: string;
  clock: Clock;
  /** The room's place on the bus. Without it, no other room hears this one. */
  port?: BusPort | undefined;
  /** Keeps the results of matches. */
  sink?: EventSink | undefined;
  /** The phase of a match that goes on; undefined if the module has set none. */
  phase?: Phase | undefined;
  counts?: BusCounts | undefined;
  /** Messages that the module may send in a second; BUS_MESSAGES_PER_SECOND_MAX. */
  messagesPerSecondMax: number;
  /** Most bytes that the module gets in one tick. */
  bytesMax: number;
  /** Returns the number of ticks that the room has made. */
  ticks(): number;
  log(level: LogLevel, message: string): void;
}

/**
 * The messages between a module and other rooms. They wait in the port until a tick, and the module gets them in memory that it
 * has given for them, so it sees a reply and a write like any other, and a recording contains both.
 */
export class RoomBus {
  readonly #options: RoomBusOptions;
  readonly #counts: BusCounts;
  readonly #messages: Allowance;
  readonly #results: Allowance;
  /** The number of each subscription, by its topic. */
  readonly #subscriptions = new Map<string, number>();
  /** Memory that the module has given for messages. */
  readonly #receives: { token: number; address: number }[] = [];
  #phase: Phase | undefined;
  #resultCount = 0;
  /** Messages that were dropped because of their rate since the last warning. */
  #refused = 0;
  #warnedAt: Milli = milli(Number.NEGATIVE_INFINITY);

  constructor(options: RoomBusOptions) {
    this.#options = options;
    this.#phase = options.phase;
    this.#counts = options.counts ?? new BusCounts();
    const now = options.clock.now();
    const perSecond = options.messagesPerSecondMax;
    this.#messages = new Allowance({ perSecond, atOnce: perSecond, now });
    this.#results = new Allowance({ perSecond: RESULTS_PER_SECOND, atOnce: RESULTS_AT_ONCE, now });
  }

  /** Phase of the match; undefined if the module has set none. */
  get phase(): Phase | undefined {
    return this.#phase;
  }

  /** Does what the module asks for. */
  request(request: BusRequest): void {
    switch (request.kind) {
      case 'emit':
        this.#emit(request.topic, request.bytes);
        break;
      case 'subscribe':
        this.#unsubscribe(request.subscription);
        this.#subscriptions.set(request.topic, request.subscription);
        this.#options.port?.subscribe(request.topic);
        break;
      case 'unsubscribe':
        this.#unsubscribe(request.subscription);
        break;
      case 'receive':
        if (this.#receives.length < RECEIVES_MAX) this.#receives.push(request);
        break;
      case 'phase':
        this.#phase = request.phase;
    }
  }

  /** Gives the module messages that it sees in its next tick, as many as it has memory for. */
  deliver(instance: Pick<Instance, 'write' | 'reply'>): void {
    const { port, bytesMax } = this.#options;
    let left = bytesMax;
    while (port && this.#receives.length > 0 && left > 0) {
      const message = port.take();
      if (!message) return;
      const { topic, origin, bytes } = message;
      const subscription = this.#subscriptions.get(topic);
      const receive = subscription === undefined ? undefined : this.#receives.shift();
      // A message may still be in the queue after its subscription has ended.
      if (subscription === undefined || receive === undefined) continue;
      left -= bytes.length;
      if (bytes.length > 0) instance.write(receive.address, bytes);
      const [low, high] = [Number(origin & 0xffff_ffffn), Number(origin >> 32n)];
      instance.reply([REPLY_MESSAGE, receive.token, subscription, low, high, bytes.length]);
      this.#counts.delivered++;
    }
  }

  /** Forgets what the module has asked for, because another one takes its place. The match goes on in its phase. */
  drop(): void {
    for (const topic of this.#subscriptions.keys()) this.#options.port?.unsubscribe(topic);
    this.#subscriptions.clear();
    this.#receives.length = 0;
  }

  close(): void {
    this.#options.port?.close();
  }

  #unsubscribe(subscription: number): void {
    for (const [topic, number] of this.#subscriptions)
      if (number === subscription) {
        this.#subscriptions.delete(topic);
        this.#options.port?.unsubscribe(topic);
      }
  }

  #emit(topic: string, bytes: Uint8Array): void {
    const { clock, port } = this.#options;
    const now = clock.now();
    const isResult = topic === RESULT_TOPIC;
    if (!(isResult ? this.#results : this.#messages).take(now)) {
      this.#refuse(topic, now);
      return;
    }
    this.#counts.emitted++;
    if (isResult) this.#record(bytes);
    port?.emit(topic, bytes);
  }

  /** Hands a result over to what keeps results. A failure there never reaches the match. */
  #record(bytes: Uint8Array): void {
    const { name, port, sink, ticks, log } = this.#options;
    if (!port || !sink) return;
    const { origin } = port;
    const id = `${origin.toString(16).padStart(16, '0')}-${this.#resultCount++}`;
    try {
      sink.record({ id, game: name, origin, tick: ticks(), bytes });
    } catch (error) {
      this.#counts.resultsLost++;
      log('error', `${name}: the result ${id} is lost: ${error instanceof Error ? error.message : error}`);
    }
  }

  #refuse(topic: string, now: Milli): void {
    const { name, messagesPerSecondMax, log } = this.#options;
    this.#counts.dropped.rate++;
    this.#refused++;
    if (now - this.#warnedAt < WARNING_MS) return;
    const most =
      topic === RESULT_TOPIC
        ? `${RESULTS_AT_ONCE} results at once and ${RESULTS_PER_SECOND} in a second after that`
        : `${messagesPerSecondMax} in a second (limit: BUS_MESSAGES_PER_SECOND_MAX)`;
    const { message } = new NearlightError(
      'NL_BUS_RATE',
      `${this.#refused} were dropped, the last one to the topic "${topic}"; a room may send ${most}. Send fewer, or join several into one`,
    );
    log('warn', `${name}: ${message}`);
    this.#refused = 0;
    this.#warnedAt = now;
  }
}
