import type { JetStreamClient } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { textOf } from '../../base/errors.ts';
import type { Tracer } from '../../base/trace.ts';
import type { Dependency } from '../dependencies/dependency.ts';
import { readServers } from '../nats-servers.ts';
import type { SendableEvent } from '../store/outbox.ts';
import { EVENT_TYPE, formatEvent } from './event.ts';
import { SendTraces } from './send-trace.ts';
import { type Outcome, type Sink, sendThrough } from './sink.ts';

export interface JetStreamSinkOptions {
  /** URLs of the servers, as in NATS_URL. With a leaf node, those of the leaf. */
  url: string;
  /** First part of the subjects; the type of the event follows. A stream must take them. */
  subject: string;
  /** Time limit for a connection, and for the acknowledgement of an event. */
  timeoutMs: number;
  /** The sink. */
  dependency: Pick<Dependency, 'run'>;
  /** Traces the publishing of each event. By default nothing is traced. */
  tracer?: Tracer | undefined;
}

/**
 * Answers of a stream that say that it will never take a message: it is larger than the stream's limit, or the stream is sealed.
 * Codes of nats-server's errors.json.
 */
const HOPELESS: ReadonlySet<number> = new Set([10054, 10109]);

/**
 * Publishes events to a stream of NATS JetStream, in structured mode of CloudEvents' NATS protocol binding 1.0.2. Nats-Msg-Id holds
 * source and id, so a stream that gets an event again within its duplicate window keeps it once. Later copies have the same id.
 * Each event is published when the one before it, of the same subject, is acknowledged.
 */
export class JetStreamSink implements Sink {
  readonly #options: JetStreamSinkOptions;
  readonly #traces: SendTraces;
  #connection: NatsConnection | undefined;
  #client: JetStreamClient | undefined;
  #isClosed = false;

  constructor(options: JetStreamSinkOptions) {
    this.#options = options;
    const { tracer, subject } = options;
    const attributes = { 'messaging.system': 'nats', 'messaging.destination.name': subject };
    this.#traces = new SendTraces({ tracer, attributes, kind: 'producer' });
  }

  send(events: readonly SendableEvent[]): Promise<Outcome> {
    const { dependency, timeoutMs } = this.#options;
    // The connection and each event have a time limit of their own.
    return sendThrough(dependency, () => this.#send(events), { msMax: timeoutMs * (2 + events.length) });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#connection?.close();
  }

  async #send(events: readonly SendableEvent[]): Promise<Outcome> {
    const client = await this.#connect();
    const outcomes = await Promise.all(
      [...Map.groupBy(events, ({ subject }) => subject).values()].map((related) => this.#publish(client, related)),
    );
    return outcomes.find(({ kind }) => kind !== 'accepted') ?? { kind: 'accepted' };
  }

  /** Publishes the events of one subject in their order, up to the first one that is not accepted. */
  async #publish(client: JetStreamClient, events: readonly SendableEvent[]): Promise<Outcome> {
    for (const event of events) {
      const outcome = await this.#traces.trace([event], (traceparent) => this.#publishOne(client, event, traceparent));
      if (outcome.kind !== 'accepted') return outcome;
    }
    return { kind: 'accepted' };
  }

  async #publishOne(client: JetStreamClient, event: SendableEvent, traceparent: string | undefined): Promise<Outcome> {
    const { headers } = await import('@nats-io/transport-node');
    const fields = headers();
    fields.set('content-type', EVENT_TYPE);
    if (traceparent !== undefined) fields.set('traceparent', traceparent);
    try {
      await client.publish(this.#subjectOf(event), formatEvent(event), {
        msgID: `${event.source}/${event.id}`,
        timeout: this.#options.timeoutMs,
        headers: fields,
      });
      return { kind: 'accepted' };
    } catch (error) {
      return this.#outcomeOf(error, event);
    }
  }

  /** Characters that have a meaning in subjects, and those that must not be in them, become underscores. */
  #subjectOf({ type }: SendableEvent): string {
    return `${this.#options.subject}.${type.replace(/[^A-Za-z0-9_.-]|^\.|\.$|\.(?=\.)/g, '_')}`;
  }

  #outcomeOf(error: unknown, event: SendableEvent): Outcome {
    const { code, name } = error as { code?: unknown; name?: unknown };
    const reason = textOf(error);
    if (typeof code === 'number' && HOPELESS.has(code)) return { kind: 'refused', reason };
    if (name === 'InvalidArgumentError') return { kind: 'refused', reason };
    if (name === 'JetStreamNotEnabled')
      return { kind: 'failed', reason: `no stream takes ${this.#subjectOf(event)}, or the line to its server is cut` };
    return { kind: 'failed', reason };
  }

  /** Loads the libraries only here, because most hosts do not need them. */
  async #connect(): Promise<JetStreamClient> {
    if (this.#client && this.#connection?.isClosed() === false) return this.#client;
    const { url, timeoutMs } = this.#options;
    const [{ connect }, { jetstream }] = await Promise.all([
      import('@nats-io/transport-node'),
      import('@nats-io/jetstream'),
    ]);
    const connection = await connect({
      ...readServers(url),
      name: 'nearlight events',
      timeout: timeoutMs,
      // The sender pauses and tries again. Messages that were published without a connection would come late.
      reconnect: false,
      ignoreAuthErrorAbort: true,
    });
    if (this.#isClosed) {
      await connection.close();
      throw new Error('the host is closing');
    }
    this.#connection = connection;
    this.#client = jetstream(connection, { timeout: timeoutMs });
    return this.#client;
  }
}
