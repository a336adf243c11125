import type { Tracer } from '../../base/trace.ts';
import { type Dependency, reasonOf } from '../dependencies/dependency.ts';
import type { SendableEvent } from '../store/outbox.ts';
import { BATCH_TYPE, EVENT_TYPE, formatBatch, formatEvent } from './event.ts';
import { SendTraces } from './send-trace.ts';

/** The fate of events that were sent. */
export type Outcome =
  | { kind: 'accepted' }
  /** The sink will never accept them. */
  | { kind: 'refused'; reason: string }
  /** The sink may accept them later, at the earliest after `retryMs` if it said so. */
  | { kind: 'failed'; reason: string; retryMs?: number };

/** Sends events in their order. */
export type Send = (events: readonly SendableEvent[]) => Promise<Outcome>;

/** A place to which events are sent. */
export interface Sink {
  send: Send;
  close(): Promise<void>;
}

export interface HttpSinkOptions {
  url: string;
  /** Bearer token (RFC 6750); empty for none. */
  token: string;
  /** The sink. Its budget limits the time of a request. */
  dependency: Pick<Dependency, 'run'>;
  /** Traces requests. By default nothing is traced. */
  tracer?: Tracer | undefined;
}

/** Answers that say that a request will never succeed, whatever the sender and the line are like. */
const HOPELESS: ReadonlySet<number> = new Set([400, 409, 410, 413, 415, 422]);
/** A sink that asks for a longer pause than this is asked again after it. */
const RETRY_MS_MAX = 600_000;

interface Request {
  readonly first: SendableEvent;
  readonly signal: AbortSignal;
  readonly traceparent: string | undefined;
}

/** Makes a sink that posts events to an HTTP or HTTPS URL: one in structured mode, several in batched mode (CloudEvents 1.0.2). */
export function createHttpSink({ url, token, dependency, tracer }: HttpSinkOptions): Sink {
  const attributes = { 'http.request.method': 'POST', 'server.address': new URL(url).hostname };
  const traces = new SendTraces({ tracer, attributes, kind: 'client' });
  const post = async (events: readonly SendableEvent[], { first, signal, traceparent }: Request) => {
    const isBatch = events.length > 1;
    const response = await fetch(url, {
      method: 'POST',
      // A redirect could lead the events, and the token, to another host.
      redirect: 'manual',
      headers: {
        'content-type': `${isBatch ? BATCH_TYPE : EVENT_TYPE}; charset=utf-8`,
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
        ...(traceparent === undefined ? {} : { traceparent }),
      },
      body: isBatch ? formatBatch(events) : formatEvent(first),
      signal,
    });
    await response.body?.cancel();
    return outcomeOf(response);
  };
  const send: Send = async (events) => {
    const [first] = events;
    if (first === undefined) return { kind: 'accepted' };
    return sendThrough(dependency, (signal) =>
      traces.trace(events, (traceparent) => post(events, { first, signal, traceparent })),
    );
  };
  return { send, close: async () => {} };
}

/** An answer that counts as a failure of the sink. */
class SendFailure extends Error {
  readonly outcome: Outcome & { kind: 'failed' };

  constructor(outcome: SendFailure['outcome']) {
    super(outcome.reason);
    this.outcome = outcome;
  }
}

/**
 * Sends events through the breaker of the sink. Never throws.
 * @param options.msMax time limit in place of the one in the budget
 */
export async function sendThrough(
  dependency: Pick<Dependency, 'run'>,
  work: (signal: AbortSignal) => Promise<Outcome>,
  options: { msMax?: number } = {},
): Promise<Outcome> {
  const send = async (signal: AbortSignal): Promise<Outcome> => {
    const outcome = await work(signal);
    if (outcome.kind === 'failed') throw new SendFailure(outcome);
    return outcome;
  };
  try {
    return await dependency.run(send, options);
  } catch (error) {
    return error instanceof SendFailure ? error.outcome : { kind: 'failed', reason: reasonOf(error) };
  }
}

/** Makes a sink that sends events to several, and has accepted them when all have. A sink that has them already gets them again. */
export function createJointSink(sinks: readonly Sink[]): Sink {
  return {
    async send(events) {
      const outcomes = await Promise.all(sinks.map((sink) => sink.send(events)));
      return (
        outcomes.find(({ kind }) => kind === 'failed') ??
        outcomes.find(({ kind }) => kind === 'refused') ?? { kind: 'accepted' }
      );
    },
    async close() {
      await Promise.all(sinks.map((sink) => sink.close()));
    },
  };
}

function outcomeOf({ ok, status, headers }: Response): Outcome {
  // A proxy or a page for signing in that stands in for the sink has not kept the events.
  if (ok && /^text\/html\b/i.test(headers.get('content-type') ?? ''))
    return { kind: 'failed', reason: 'it answered with a page of HTML, which is not a sink of events' };
  if (ok) return { kind: 'accepted' };
  const reason = `it answered with status ${status}`;
  if (HOPELESS.has(status)) return { kind: 'refused', reason };
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  if (!(seconds >= 0)) return { kind: 'failed', reason };
  return { kind: 'failed', reason, retryMs: Math.min(seconds * 1000, RETRY_MS_MAX) };
}
