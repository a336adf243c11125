import type { EventSink, MatchResult } from '../base/bus.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import { type Config, readDuration, settings } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import { type Faults, skewedClock } from '../base/faults.ts';
import type { Log } from '../base/log.ts';
import { milli } from '../base/time.ts';
import { NO_TRACER, type Tracer, writeTraceparent } from '../base/trace.ts';
import { codeOf, inSpan } from '../base/trace-context.ts';
import { createDependencies, type Dependencies } from '../edge/dependencies/dependencies.ts';
import { faultySinkCalls } from '../edge/faults/sink.ts';
import { faultyStore } from '../edge/faults/store.ts';
import { JetStreamSink } from '../edge/outbox/jetstream.ts';
import { Sender } from '../edge/outbox/sender.ts';
import { createHttpSink, createJointSink, type Sink } from '../edge/outbox/sink.ts';
import type { Protection } from '../edge/protection/protection.ts';
import { sessionEngine } from '../edge/sessions/engine.ts';
import { GIVEN_UP } from '../edge/store/operation.ts';
import type { OutboxCounts } from '../edge/store/outbox.ts';
import { type EdgeStore, openStore } from '../edge/store/store.ts';
import type { Engine } from '../engine/engine.ts';
import type { EdgeFigures } from '../observe/edge.ts';
import type { Meters } from '../observe/meters.ts';
import { describeResult } from './result.ts';

/** Pause between two looks after the store: what has expired, whether a full disk has room, how many events wait. */
const TEND_MS = 2000;
const DAY_MS = 24 * 3_600_000;

export type EdgeConfig = Pick<
  Config,
  | 'storeDir'
  | 'storeBytesMax'
  | 'storeDaysMax'
  | 'localStorage'
  | 'offlineMode'
  | 'syncInterval'
  | 'sinkUrl'
  | 'sinkToken'
  | 'sinkSubject'
  | 'natsUrl'
  | 'sinkBatchMax'
  | 'sinkEventsPerSecondMax'
  | 'sinkMsMax'
  | 'issuerMsMax'
  | 'opaMsMax'
>;

export interface EdgeOptions {
  config: EdgeConfig;
  log: Log;
  meters: Meters;
  /** The sink. By default the store has its own. */
  dependencies?: Pick<Dependencies, 'centre'>;
  /** Traces results and their way to the sink. By default nothing is traced. */
  tracer?: Tracer;
  clock?: Clock;
  /** Whether other processes have sessions in the store, which may run longer than this one. */
  isShared?: boolean;
  /** Milliseconds since 1970. */
  now?(): number;
  /** Protection from pressure, and injected faults. Without it, there are neither. */
  resilience?: { readonly faults: Faults; readonly protection: Protection } | undefined;
}

/** A host's store, and its sender of events. */
export interface Edge extends EventSink {
  readonly store: EdgeStore;
  /** Wraps an engine so that the store has the sessions of a game. */
  keepSessions(engine: Engine, game: string): Engine;
  figures(): EdgeFigures;
  /** Returns why the host should take no new players; undefined if it should. */
  problem(): NearlightError | undefined;
  /** Counts, expires and looks for room, as happens by itself every few seconds. */
  tend(): Promise<void>;
  /** Finishes what is on its way. Events that wait stay in the store. */
  close(): Promise<void>;
}

/**
 * Opens the store and begins to send its events, if the settings ask for a store.
 * @throws NearlightError NL_SETTING if there is a sink but no store, or a subject but no NATS server, and NL_STORE as openStore
 */
export async function openEdge(options: EdgeOptions): Promise<Edge | undefined> {
  const { config, log, meters, now = Date.now, clock = systemClock, resilience } = options;
  if (config.sinkSubject !== '' && config.natsUrl === '')
    throw new NearlightError('NL_SETTING', 'SINK_SUBJECT needs a NATS server; set NATS_URL as well');
  if (config.storeDir === '') {
    const sink = config.sinkUrl === '' ? config.sinkSubject && 'SINK_SUBJECT' : 'SINK_URL';
    if (sink === '') return undefined;
    throw new NearlightError('NL_SETTING', `${sink} needs a store for the events that wait; set STORE_DIR as well`);
  }
  const opened = await openStore({
    folder: config.localStorage ? config.storeDir : undefined,
    bytesMax: config.storeBytesMax,
    log,
    onCommit: (ms) => meters.storeCommit.add(ms),
  });
  const store = resilience ? faultyStore(opened, { faults: resilience.faults, clock }) : opened;
  resilience?.protection.onChange('results', (isHigh) => opened.setStrict(isHigh));
  try {
    const lost = options.isShared ? 0 : await store.endLostSessions({ at: now() });
    if (lost > 0) log('warn', `${lost} sessions were not ended by an earlier process, and are kept as lost`);
    const skewed = resilience ? { ...options, now: skewedClock(resilience.faults, now) } : options;
    return new EdgeService(store, skewed);
  } catch (error) {
    await store.close();
    throw error;
  }
}

class EdgeService implements Edge {
  readonly store: EdgeStore;
  readonly #options: EdgeOptions;
  readonly #sink: Sink | undefined;
  readonly #sender: Sender | undefined;
  readonly #closing = Promise.withResolvers<void>();
  readonly #tending: Promise<void>;
  #counts: OutboxCounts = { waiting: 0, oldestAt: undefined, refused: 0, local: 0 };
  #isClosed = false;

  constructor(store: EdgeStore, options: EdgeOptions) {
    this.store = store;
    this.#options = options;
    this.#sink = openSink(options);
    this.#sender = this.#sink && createSender(store, this.#sink, options);
    this.#sender?.start();
    this.#tending = this.#keepTending();
  }

  keepSessions(engine: Engine, game: string): Engine {
    const { log, now } = this.#options;
    return sessionEngine(engine, { store: this.store, game, log, ...(now ? { now } : {}) });
  }

  /** Keeps the result of a match with an event for the centre. */
  record(result: MatchResult): void {
    const { log, tracer = NO_TRACER, now = Date.now, resilience } = this.#options;
    resilience?.protection.count('results');
    const { game } = result;
    const span = tracer.begin('result', { kind: 'producer', attributes: { 'nearlight.game': game } });
    const { ids } = span;
    inSpan(span, () =>
      this.store
        .addResult({ ...describeResult(result, now()), ...(ids ? { traceparent: writeTraceparent(ids) } : {}) })
        .catch((error: Error) => {
          span.fail(codeOf(error));
          log('error', `${game}: the result of a match is not kept: ${error.message}`);
        })
        .finally(() => span.end()),
    );
  }

  figures(): EdgeFigures {
    const { waiting, oldestAt, refused, local } = this.#counts;
    const { now = Date.now } = this.#options;
    const { givenUp, held, damaged, salvaged } = this.store.figures;
    const { sent = 0, failures = 0 } = this.#sender?.figures ?? {};
    return {
      waiting,
      oldestSeconds: oldestAt === undefined ? 0 : Math.max(0, now() - oldestAt) / 1000,
      refused,
      local,
      sent,
      failures,
      outageSeconds: this.#sender?.outageSeconds ?? 0,
      held,
      damaged,
      salvaged,
      givenUp: Object.fromEntries([
        ...GIVEN_UP.map(({ table }, index) => [table, index < givenUp]),
        ['state', givenUp > GIVEN_UP.length],
      ]),
    };
  }

  problem(): NearlightError | undefined {
    if (this.#options.config.offlineMode || !this.#sender?.figures.isCut) return undefined;
    return new NearlightError('NL_OFFLINE', 'the event sink does not answer, and OFFLINE_MODE=false asks for it');
  }

  async tend(): Promise<void> {
    const { config, now = Date.now } = this.#options;
    const time = now();
    await this.store.tend();
    await this.store.expire({ now: time, keptFrom: Math.max(0, time - config.storeDaysMax * DAY_MS) });
    this.#counts = await this.store.countOutbox({});
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#closing.resolve();
    await this.#sender?.close();
    await this.#sink?.close();
    await this.#tending;
    await this.store.close();
  }

  async #keepTending(): Promise<void> {
    const { clock = systemClock, log } = this.#options;
    while (!this.#isClosed) {
      await this.tend().catch((error: Error) => log('debug', `the store was not tended: ${error.message}`));
      await Promise.race([clock.until(milli(clock.now() + TEND_MS)), this.#closing.promise]);
    }
  }
}

/** Makes the sink that the settings name: over HTTP, to JetStream, or both. It suffers injected faults. */
function openSink(options: EdgeOptions): Sink | undefined {
  const { clock = systemClock, resilience, tracer } = options;
  const { sinkUrl, sinkToken: token, sinkSubject: subject, natsUrl, sinkMsMax: timeoutMs } = options.config;
  const { centre } = options.dependencies ?? createDependencies(options);
  const dependency = resilience ? faultySinkCalls(centre, { faults: resilience.faults, clock }) : centre;
  const sinks: Sink[] = [];
  if (sinkUrl !== '') sinks.push(createHttpSink({ url: sinkUrl, token, dependency, tracer }));
  if (subject !== '') sinks.push(new JetStreamSink({ url: natsUrl, subject, timeoutMs, dependency, tracer }));
  return sinks.length > 1 ? createJointSink(sinks) : sinks[0];
}

function createSender(store: EdgeStore, sink: Sink, { config, log, clock = systemClock }: EdgeOptions): Sender {
  return new Sender({
    store,
    send: (events) => sink.send(events),
    clock,
    log,
    intervalMs: readDuration(config.syncInterval) ?? readDuration(settings.syncInterval.default) ?? 0,
    batchMax: config.sinkBatchMax,
    eventsPerSecondMax: config.sinkEventsPerSecondMax,
  });
}
