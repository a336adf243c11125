import type { SendableEvent } from '../store/outbox.ts';
import { BATCH_TYPE, EVENT_TYPE, formatBatch, formatEvent } from './event.ts';

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
  /** Time limit for a request. */
  timeoutMs: number;
}

/** Answers that say that a request will never succeed, whatever the sender and the line are like. */
const HOPELESS: ReadonlySet<number> = new Set([400, 409, 410, 413, 415, 422]);
/** A sink that asks for a longer pause than this is asked again after it. */
const RETRY_MS_MAX = 600_000;

/** Makes a sink that posts events to an HTTP or HTTPS URL: one in structured mode, several in batched mode (CloudEvents 1.0.2). */
export function createHttpSink({ url, token, timeoutMs }: HttpSinkOptions): Sink {
  const send: Send = async (events) => {
    const [first] = events;
    if (first === undefined) return { kind: 'accepted' };
    const isBatch = events.length > 1;
    try {
      const response = await fetch(url, {
        method: 'POST',
        // A redirect could lead the events, and the token, to another host.
        redirect: 'manual',
        headers: {
          'content-type': `${isBatch ? BATCH_TYPE : EVENT_TYPE}; charset=utf-8`,
          ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
        },
        body: isBatch ? formatBatch(events) : formatEvent(first),
        signal: AbortSignal.timeout(timeoutMs),
      });
      await response.body?.cancel();
      return outcomeOf(response);
    } catch (error) {
      return { kind: 'failed', reason: causeOf(error) };
    }
  };
  return { send, close: async () => {} };
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
  if (ok) return { kind: 'accepted' };
  const reason = `it answered with status ${status}`;
  if (HOPELESS.has(status)) return { kind: 'refused', reason };
  const seconds = Number(headers.get('retry-after') ?? Number.NaN);
  if (!(seconds >= 0)) return { kind: 'failed', reason };
  return { kind: 'failed', reason, retryMs: Math.min(seconds * 1000, RETRY_MS_MAX) };
}

/** fetch() says only "fetch failed", and the reason in the cause. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || error.cause.name : error.message;
}
