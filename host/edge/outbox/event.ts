import { NearlightError } from '../../base/errors.ts';
import { ID_BYTES_MAX, JSON_BYTES_MAX, ROWS_MAX, TIME_MAX } from '../store/bounds.ts';
import type { ReceivedEvent } from '../store/inbox.ts';
import type { SendableEvent } from '../store/outbox.ts';

// CloudEvents 1.0.2: "JSON Event Format" and "HTTP Protocol Binding", https://github.com/cloudevents/spec
export const EVENT_TYPE = 'application/cloudevents+json';
export const BATCH_TYPE = 'application/cloudevents-batch+json';
const SPEC_VERSION = '1.0';
const DATA_TYPE = 'application/json';
/** A timestamp (RFC 3339, 5.6). */
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/i;

/** Writes an event as JSON. */
export function formatEvent({ id, source, type, subject, time, data, traceparent }: SendableEvent): string {
  const attributes = {
    specversion: SPEC_VERSION,
    id,
    source,
    type,
    subject,
    time: new Date(time).toISOString(),
    datacontenttype: DATA_TYPE,
    // CloudEvents, "Distributed Tracing extension".
    ...(traceparent ? { traceparent } : {}),
  };
  // The data is JSON already.
  return `${JSON.stringify(attributes).slice(0, -1)},"data":${data}}`;
}

export function formatBatch(events: readonly SendableEvent[]): string {
  return `[${events.map(formatEvent).join(',')}]`;
}

/**
 * Reads the body of a request with one event or a batch of them.
 * @throws NearlightError NL_EVENT_TYPE for another content type, NL_EVENT for what is not an event or exceeds its bounds
 */
export function parseEvents(contentType: string | undefined, body: string): ReceivedEvent[] {
  const type = (contentType ?? '').split(';')[0]?.trim().toLowerCase();
  if (type !== EVENT_TYPE && type !== BATCH_TYPE)
    throw new NearlightError('NL_EVENT_TYPE', `it must be ${EVENT_TYPE} or ${BATCH_TYPE}`);
  const value = parse(body);
  if (type === EVENT_TYPE) return [readEvent(value)];
  if (!Array.isArray(value) || value.length > ROWS_MAX) refuse(`a batch is a list of at most ${ROWS_MAX} events`);
  return value.map(readEvent);
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return refuse('the body is not JSON');
  }
}

function readEvent(value: unknown): ReceivedEvent {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse('an event is an object');
  const event = value as Record<string, unknown>;
  if (event.specversion !== SPEC_VERSION) refuse(`specversion must be ${SPEC_VERSION}`);
  const type = event.datacontenttype ?? DATA_TYPE;
  if (type !== DATA_TYPE || event.data_base64 !== undefined) refuse(`datacontenttype must be ${DATA_TYPE}`);
  const data = JSON.stringify(event.data ?? null);
  if (Buffer.byteLength(data) > JSON_BYTES_MAX) refuse(`data has more than ${JSON_BYTES_MAX} bytes`);
  return {
    source: readText(event, 'source'),
    id: readText(event, 'id'),
    type: readText(event, 'type'),
    subject: readText(event, 'subject'),
    time: readTime(event.time),
    data,
  };
}

function readText(event: Record<string, unknown>, name: string): string {
  const value = event[name];
  if (typeof value !== 'string' || value === '' || Buffer.byteLength(value) > ID_BYTES_MAX)
    return refuse(`${name} must be a text of 1 to ${ID_BYTES_MAX} bytes`);
  return value;
}

function readTime(value: unknown): number {
  const time = typeof value === 'string' && TIMESTAMP.test(value) ? Date.parse(value) : Number.NaN;
  if (!(time >= 0 && time <= TIME_MAX)) return refuse('time must be a timestamp of RFC 3339 from 1970 on');
  return time;
}

function refuse(detail: string): never {
  throw new NearlightError('NL_EVENT', detail);
}
