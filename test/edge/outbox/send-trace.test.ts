import { beforeEach, expect, test } from 'vitest';
import { must } from '../../../host/base/assert.ts';
import { readConfig } from '../../../host/base/config.ts';
import { NO_TRACER, readTraceparent, writeTraceparent } from '../../../host/base/trace.ts';
import { SendTraces } from '../../../host/edge/outbox/send-trace.ts';
import type { SendableEvent } from '../../../host/edge/store/outbox.ts';
import { Meters } from '../../../host/observe/meters.ts';
import type { EndedSpan } from '../../../host/observe/tracing/span.ts';
import { openTracing, type Tracing } from '../../../host/observe/tracing/tracing.ts';
import { eventOf } from '../store/events.ts';

const RESULTS = ['4bf92f3577b34da6a3ce929d0e0e4736', '5bf92f3577b34da6a3ce929d0e0e4736'].map((traceId) => ({
  traceId,
  spanId: '00f067aa0ba902b7',
}));
/** Two results, and an event that was not traced. */
const EVENTS: SendableEvent[] = ['a', 'b', 'c'].map((id, index) => {
  const ids = RESULTS[index];
  return { ...eventOf(id), sequence: index, source: 's', traceparent: ids ? writeTraceparent(ids) : null };
});

let tracing: Tracing;
let sent: EndedSpan[];
let traces: SendTraces;

beforeEach(() => {
  sent = [];
  tracing = openTracing({
    config: readConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318', TRACE_PERCENT: '0' }),
    log: () => {},
    meters: new Meters(),
    open: async () => ({ send: async (spans) => void sent.push(...spans), close: async () => {} }),
  });
  traces = new SendTraces({ tracer: tracing.tracer, kind: 'client', attributes: { 'server.address': 'centre' } });
});

test('each traced event has a span in its own trace, and the request has the first one', async () => {
  let given: string | undefined;
  const outcome = { kind: 'refused', reason: 'it answered with status 400' } as const;
  expect(
    await traces.trace(EVENTS, async (traceparent) => {
      given = traceparent;
      return outcome;
    }),
  ).toBe(outcome);
  await tracing.close();
  expect(sent.map(({ traceId, parentId, name }) => [traceId, parentId, name])).toEqual(
    RESULTS.map(({ traceId, spanId }) => [traceId, spanId, 'send']),
  );
  const [first] = sent;
  expect(first).toMatchObject({ kind: 'client', hasRemoteParent: true, failure: 'refused' });
  expect(first?.attributes).toEqual({
    'server.address': 'centre',
    'messaging.operation.type': 'send',
    'messaging.batch.message_count': 3,
    'cloudevents.event_type': 'test.happened',
    'nearlight.reason': 'it answered with status 400',
  });
  expect(readTraceparent(given)).toEqual({ traceId: first?.traceId, spanId: first?.spanId });
});

test('a sink that is away keeps the traces of its first failure, and later ones only as a share', async () => {
  const [event] = EVENTS;
  const fail = () => traces.trace([must(event, 'event')], async () => ({ kind: 'failed' as const, reason: 'cut' }));
  const reject = () => traces.trace([must(event, 'event')], () => Promise.reject(new TypeError('fetch failed')));
  await fail();
  await fail();
  await expect(reject()).rejects.toThrow('fetch failed');
  await traces.trace([must(event, 'event')], async () => ({ kind: 'accepted' as const }));
  await expect(reject()).rejects.toThrow('fetch failed');
  await tracing.close();
  expect(sent.map(({ failure, attributes }) => [failure, attributes['nearlight.reason']])).toEqual([
    ['failed', 'cut'],
    ['failed', 'TypeError'],
  ]);
});

test('a long reason is cut', async () => {
  for (const length of [200, 201])
    await traces.trace(EVENTS.slice(0, 1), async () => ({ kind: 'refused' as const, reason: 'x'.repeat(length) }));
  await tracing.close();
  expect(sent.map(({ attributes }) => String(attributes['nearlight.reason']).length)).toEqual([200, 200]);
});

test('events without a trace, and a host that traces nothing, send no traceparent', async () => {
  const given: unknown[] = [];
  const note = async (traceparent: string | undefined) => {
    given.push(traceparent);
    return { kind: 'accepted' as const };
  };
  await traces.trace(EVENTS.slice(2), note);
  await new SendTraces({ kind: 'client', attributes: {} }).trace(EVENTS, note);
  await new SendTraces({ tracer: NO_TRACER, kind: 'client', attributes: {} }).trace(EVENTS, note);
  await tracing.close();
  expect([given, sent]).toEqual([[undefined, undefined, undefined], []]);
});
