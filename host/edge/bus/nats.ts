import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import type { BusCounts, BusMessage } from '../../base/bus.ts';
import { systemClock } from '../../base/clock.ts';
import { textOf } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Milli } from '../../base/time.ts';
import type { Dependency } from '../dependencies/dependency.ts';
import { type NatsServers, readServers } from '../nats-servers.ts';
import { decodeMessage, encodeMessage, subjectOf } from './frame.ts';
import type { BusLink } from './process.ts';

/** Bytes that may be on their way to a server. A server that does not keep up gets no more. */
const PENDING_BYTES_MAX = 2 ** 20;
/** After so many bytes, the server is asked whether it has got them. */
const FLUSH_BYTES = 64 * 2 ** 10;
/** A connection on which the server answers nothing for three such intervals is given up. */
const PING_MS = 3000;
const CONNECT_MS_MAX = 5000;
/** The pause between two attempts to connect grows from the first of these to the second with the time without a connection. */
const PAUSE_MS_MIN = 250;
const PAUSE_MS_MAX = 8000;

export interface NatsLinkOptions {
  /** URLs of servers of one NATS system, separated by commas, optionally with a user and a password. */
  url: string;
  counts: BusCounts;
  log: Log;
  /** The servers. Its budget limits the time of an attempt to connect. */
  dependency: Pick<Dependency, 'run' | 'setCut'>;
  /** Takes each message that comes. */
  receive(game: string, message: BusMessage): void;
  /** Returns a random number from 0 to 1, by which hosts do not all connect at once. */
  random?(): number;
}

/**
 * Carries messages over NATS. While there is no connection, messages to other hosts are dropped and counted, and the link
 * connects again for as long as it takes. No room waits for it.
 */
export class NatsLink implements BusLink {
  readonly #options: NatsLinkOptions;
  readonly #servers: NatsServers;
  readonly #topics = new Map<string, { game: string; topic: string; subscription: Subscription | undefined }>();
  #connection: NatsConnection | undefined;
  #isUp = false;
  #pendingBytes = 0;
  /** When the link was last up, or was made. */
  #downSince: Milli = systemClock.now();
  /** Whether the log says that there is no connection. */
  #isNoted = false;
  #isFlushing = false;
  #closed = false;
  /** Ends the pause between two attempts to connect. */
  #wake: () => void = () => {};
  readonly #running: Promise<void>;

  constructor(options: NatsLinkOptions) {
    this.#options = options;
    this.#servers = readServers(options.url);
    this.#running = this.#run();
  }

  /** Whether there is a connection now. */
  get isUp(): boolean {
    return this.#isUp;
  }

  listen(game: string, topic: string): void {
    const entry = { game, topic, subscription: undefined };
    this.#topics.set(subjectOf(game, topic), entry);
    this.#subscribe(entry);
  }

  ignore(game: string, topic: string): void {
    const subject = subjectOf(game, topic);
    const entry = this.#topics.get(subject);
    this.#topics.delete(subject);
    entry?.subscription?.unsubscribe();
  }

  publish(game: string, message: BusMessage): void {
    const { dropped } = this.#options.counts;
    const connection = this.#connection;
    if (!connection || !this.#isUp) {
      dropped.offline++;
      return;
    }
    const frame = encodeMessage(message);
    if (this.#pendingBytes + frame.length > PENDING_BYTES_MAX) {
      dropped.slow++;
      return;
    }
    try {
      connection.publish(subjectOf(game, message.topic), frame);
      this.#pendingBytes += frame.length;
    } catch {
      // The connection is closing, or the server takes only smaller messages.
      dropped.offline++;
    }
    if (this.#pendingBytes >= FLUSH_BYTES && !this.#isFlushing) void this.#flush(connection);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#isUp = false;
    this.#wake();
    await this.#connection?.close();
    await this.#running;
  }

  /** Connects, and connects again whenever the library has given up. */
  async #run(): Promise<void> {
    const { log } = this.#options;
    while (!this.#closed) {
      try {
        const connection = await this.#options.dependency.run((signal) => this.#connect(signal));
        if (this.#closed) await connection.close();
        else await this.#use(connection);
      } catch (error) {
        if (!this.#isNoted) log('warn', `${this.#where} cannot be reached and is tried again: ${textOf(error)}`);
        this.#isNoted = true;
      }
      this.#connection = undefined;
      this.#setUp(false);
      if (!this.#closed) await this.#pause();
    }
  }

  /** Loads the library only here, because most hosts do not need it. */
  async #connect(signal: AbortSignal): Promise<NatsConnection> {
    const { connect } = await import('@nats-io/transport-node');
    const connection = await connect({
      ...this.#servers,
      name: 'nearlight',
      noEcho: true,
      timeout: CONNECT_MS_MAX,
      pingInterval: PING_MS,
      maxPingOut: 2,
      maxReconnectAttempts: -1,
      ignoreAuthErrorAbort: true,
      reconnectDelayHandler: () => this.#pauseMs(),
    });
    // No one waits for a connection that comes too late.
    if (signal.aborted) void connection.close();
    return connection;
  }

  /** Uses a connection until it is closed. */
  async #use(connection: NatsConnection): Promise<void> {
    const { log } = this.#options;
    this.#connection = connection;
    for (const entry of this.#topics.values()) this.#subscribe(entry);
    this.#setUp(true);
    log('info', `${this.#where}: connected`);
    for await (const status of connection.status()) {
      if (status.type === 'disconnect') {
        this.#setUp(false);
        this.#isNoted = true;
        log('warn', `${this.#where}: the connection is lost; rooms hear only those of this host until it is back`);
      } else if (status.type === 'reconnect') {
        this.#setUp(true);
        log('info', `${this.#where}: connected again`);
      } else if (status.type === 'error') log('warn', `${this.#where}: ${textOf(status.error)}`);
    }
    for (const entry of this.#topics.values()) entry.subscription = undefined;
  }

  #setUp(isUp: boolean): void {
    const { outage } = this.#options.counts;
    if (isUp) outage.succeed();
    else outage.fail();
    if (this.#isUp && !isUp) this.#downSince = systemClock.now();
    this.#isUp = isUp && !this.#closed;
    this.#pendingBytes = 0;
    if (isUp) this.#isNoted = false;
    if (!this.#closed) this.#options.dependency.setCut(!isUp);
  }

  #subscribe(entry: { game: string; topic: string; subscription: Subscription | undefined }): void {
    const { game, topic } = entry;
    const { counts, receive } = this.#options;
    const callback = (error: Error | null, message: Msg): void => {
      if (error) return;
      const decoded = decodeMessage(topic, message.data);
      if (decoded) receive(game, decoded);
      else counts.dropped.malformed++;
    };
    if (this.#connection && !this.#connection.isClosed())
      entry.subscription = this.#connection.subscribe(subjectOf(game, topic), { callback });
  }

  /** Asks the server whether it has got everything that was sent so far. */
  async #flush(connection: NatsConnection): Promise<void> {
    const sent = this.#pendingBytes;
    this.#isFlushing = true;
    const flushed = connection.flush();
    // A server that does not keep up counts as slow. How many bytes are on their way follows from its answer alone.
    this.#options.dependency.run(() => flushed).catch(() => {});
    try {
      await flushed;
      this.#pendingBytes = Math.max(0, this.#pendingBytes - sent);
    } catch {
      // The connection was lost, which the loop in #use notices.
    }
    this.#isFlushing = false;
  }

  #pauseMs(): number {
    const { random = Math.random } = this.#options;
    const downMs = systemClock.now() - this.#downSince;
    const most = Math.min(Math.max(PAUSE_MS_MIN, downMs / 2), PAUSE_MS_MAX);
    return most * (0.5 + random() / 2);
  }

  async #pause(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.#pauseMs());
    this.#wake = resolve;
    await promise;
    clearTimeout(timer);
  }

  get #where(): string {
    return `NATS at ${this.#servers.servers.join(', ')}`;
  }
}
