import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { readConfig } from '../../host/base/config.ts';
import { Meters } from '../../host/observe/meters.ts';
import { openTracing, type Tracing } from '../../host/observe/tracing/tracing.ts';
import { startHost } from '../../host/play/host.ts';
import { ownModulePath } from '../../host/play/project.ts';
import { Peer } from '../stream/peer.ts';
import { eventually } from '../wait.ts';
import { type Backend, type Collector, type PassedSpan, startBackend, startCollector } from './collector.ts';

const PAGE = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };

let backend: Backend;
let collector: Collector;
let meters: Meters;
let lines: string[];

beforeAll(async () => {
  backend = await startBackend();
  collector = await startCollector(backend);
});
afterAll(async () => {
  await collector?.close();
  await backend?.close();
});
beforeEach(() => {
  backend.spans.length = 0;
  backend.status = 200;
  meters = new Meters();
  lines = [];
});

function open(url: string, settings: Record<string, string> = {}): Tracing {
  const config = readConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: url, TRACE_PERCENT: '100', ...settings });
  return openTracing({ config, log: (level, message) => lines.push(`${level} ${message}`), meters });
}

/** Sends a trace, and waits until it is known whether it has arrived. */
async function sendOne(tracing: Tracing, name: string): Promise<void> {
  const { traces } = meters;
  const before = traces.sent + traces.dropped;
  tracing.tracer.begin(name).end();
  await eventually(() => expect(traces.sent + traces.dropped).toBe(before + 1));
}

const attributesOf = ({ attributes }: Pick<PassedSpan, 'attributes'>) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));

test('the collector understands ids, parents, kinds, times, attributes and errors', async () => {
  const tracing = open(collector.url);
  const before = BigInt(Date.now()) * 1_000_000n;
  const join = tracing.tracer.begin('join', {
    parent: PAGE,
    kind: 'server',
    attributes: { 'nearlight.game': 'arena', count: 3, share: 0.5, known: true },
  });
  const policy = join.child('policy');
  policy.fail('NL_POLICY');
  policy.end();
  join.end();
  tracing.tracer.begin('send', { kind: 'client' }).end();
  tracing.tracer.begin('result', { kind: 'producer' }).end();
  await tracing.close();
  expect(meters.traces).toMatchObject({ sent: 4, dropped: 0 });
  const [first, second, third, fourth] = backend.spans;
  expect(first).toMatchObject({ name: 'join', traceId: PAGE.traceId, parentSpanId: PAGE.spanId, kind: 2 });
  expect(attributesOf(must(first, 'span'))).toEqual({
    'nearlight.game': 'arena',
    count: '3',
    share: 0.5,
    known: true,
  });
  expect(second).toMatchObject({ name: 'policy', traceId: PAGE.traceId, parentSpanId: first?.spanId, kind: 1 });
  expect(second?.status).toEqual({ code: 2, message: 'NL_POLICY' });
  expect([third?.kind, fourth?.kind]).toEqual([3, 4]);
  const [start, end] = [must(first, 'span').startTimeUnixNano, must(first, 'span').endTimeUnixNano].map(BigInt);
  expect(must(start, 'start')).toBeGreaterThanOrEqual(before - 1_000_000n);
  expect(must(end, 'end')).toBeGreaterThanOrEqual(must(start, 'start'));
  expect(attributesOf({ attributes: backend.resource })).toMatchObject({
    'service.name': 'nearlight',
    'service.version': expect.any(String),
  });
});

test('a join at a host arrives as a trace of the page, with a span for each step', async () => {
  const config = readConfig({
    PORT: '0',
    OPERATOR_PORT: '0',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    TRACE_PERCENT: '100',
  });
  const host = await startHost({ modules: [ownModulePath('cube')], config, log: () => {} });
  onTestFinished(() => host.close());
  const peer = new Peer();
  onTestFinished(() => peer.close());
  const trace = `00-${PAGE.traceId}-${PAGE.spanId}-01`;
  await peer.join(host.servers.players.url, { query: '?size=320x180&fps=30', trace });
  const join = await eventually(() =>
    must(
      backend.spans.find(({ name, traceId }) => name === 'join' && traceId === PAGE.traceId),
      'join',
    ),
  );
  expect(join.parentSpanId).toBe(PAGE.spanId);
  const parts = backend.spans.filter(({ parentSpanId }) => parentSpanId === join.spanId).map(({ name }) => name);
  expect(parts).toEqual(expect.arrayContaining(['address', 'seat', 'connect']));
  expect(backend.spans.map(({ name }) => name)).toContain('room');
});

describe('the cost is bounded', () => {
  test.each([
    ['for good', 400, /takes nothing.*it answered with status [45]\d\d/],
    ['for now', 503, /takes nothing/],
  ])('if the collector refuses spans %s', async (_, status, message) => {
    const tracing = open(collector.url);
    backend.status = status;
    await sendOne(tracing, 'refused');
    expect(meters.traces).toMatchObject({ sent: 0, dropped: 1 });
    expect(lines).toEqual([expect.stringMatching(message)]);
    backend.status = 200;
    await sendOne(tracing, 'taken');
    await tracing.close();
    expect(meters.traces).toMatchObject({ sent: 1, dropped: 1 });
    expect(lines.at(-1)).toBe('info the receiver of traces answers again');
    expect(backend.spans.map(({ name }) => name)).toEqual(['taken']);
  });

  test('if the collector has no memory left', async () => {
    const small = await startCollector(backend, { memoryMebibytes: 1 });
    onTestFinished(() => small.close());
    // The collector looks after its memory every 100 ms.
    await eventually(async () => {
      const answer = await fetch(`${small.url}/v1/traces`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [{ name: 'probe' }] }] }] }),
      });
      expect(answer.status).toBeGreaterThanOrEqual(429);
    });
    backend.spans.length = 0;
    const tracing = open(small.url);
    await sendOne(tracing, 'refused');
    await tracing.close();
    expect(meters.traces).toMatchObject({ sent: 0, dropped: 1 });
    expect(backend.spans).toEqual([]);
  });

  test('if the collector is away: spans are dropped, and later ones arrive when it is back', async () => {
    const tracing = open(collector.url);
    await collector.kill();
    await sendOne(tracing, 'lost');
    expect(lines).toEqual([expect.stringMatching(/^warn the receiver of traces takes nothing.*ECONNREFUSED/)]);
    await collector.start();
    await sendOne(tracing, 'after');
    await tracing.close();
    expect(meters.traces).toMatchObject({ sent: 1, dropped: 1 });
    expect(backend.spans.map(({ name }) => name)).toEqual(['after']);
  });

  test('if the collector hangs: at most TRACE_SPANS_MAX spans wait, and work goes on as fast', async () => {
    const tracing = open(collector.url, { TRACE_SPANS_MAX: '1000' });
    await sendOne(tracing, 'before');
    collector.signal('SIGSTOP');
    onTestFinished(() => collector.signal('SIGCONT'));
    const heapBefore = heapBytes();
    for (let n = 0; n < 50_000; n++) {
      const join = tracing.tracer.begin('join');
      join.child('token').end();
      join.end();
      // Lets the queue try to send.
      if (n % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const { traces } = meters;
    // A request may be on its way in addition to the spans that wait.
    expect(traces.dropped).toBeGreaterThanOrEqual(100_000 - 1000 - 512);
    expect(heapBytes() - heapBefore).toBeLessThan(32 * 2 ** 20);
    collector.signal('SIGCONT');
    await tracing.close();
    expect(traces.sent + traces.dropped).toBe(100_001);
    expect(traces.sent).toBeGreaterThan(1);
    expect(backend.spans.length).toBeGreaterThanOrEqual(traces.sent);
  });
});

/** Bytes of the heap in use, without what may be collected. */
function heapBytes(): number {
  must(globalThis.gc, 'option --expose-gc')();
  return process.memoryUsage().heapUsed;
}
