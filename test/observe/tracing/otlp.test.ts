import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { must } from '../../../host/base/assert.ts';
import { readConfig } from '../../../host/base/config.ts';
import { Meters } from '../../../host/observe/meters.ts';
import { openTracing, type Tracing } from '../../../host/observe/tracing/tracing.ts';
import { startTraceReceiver, type TraceReceiver } from './receiver.ts';

const PARENT = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };

let meters: Meters;
let lines: string[];

beforeEach(() => {
  meters = new Meters();
  lines = [];
});

describe('a receiver of OTLP', () => {
  let receiver: TraceReceiver;
  beforeAll(async () => {
    receiver = await startTraceReceiver();
  });
  afterAll(() => receiver.close());

  async function send(work: (tracing: Tracing) => void): Promise<void> {
    const config = readConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: `${receiver.url}/`, TRACE_PERCENT: '0' });
    const tracing = openTracing({ config, log: (level, message) => lines.push(`${level} ${message}`), meters });
    work(tracing);
    await tracing.close();
  }

  test('gets the spans as protobuf, with their ids, times, kinds and errors', async () => {
    const before = BigInt(Date.now()) * 1_000_000n;
    await send(({ tracer }) => {
      const join = tracer.begin('join', {
        parent: PARENT,
        kind: 'server',
        attributes: { game: 'arena', n: 3, x: 0.5 },
      });
      const policy = join.child('policy');
      policy.fail('NL_POLICY');
      policy.end();
      join.end();
      tracer.begin('result', { kind: 'producer', isKept: true }).end();
    });
    expect(receiver.requests.at(-1)).toMatchObject({ path: '/v1/traces', contentType: 'application/x-protobuf' });
    expect(receiver.resource).toMatchObject({ 'service.name': 'nearlight', 'service.version': expect.any(String) });
    const [join, policy, result] = receiver.spans;
    expect(join).toMatchObject({ name: 'join', traceId: PARENT.traceId, parentId: PARENT.spanId, kind: 2, status: 0 });
    expect(join?.attributes).toEqual({ game: 'arena', n: 3, x: 0.5 });
    expect(policy).toMatchObject({ name: 'policy', parentId: join?.spanId, kind: 1, status: 2, failure: 'NL_POLICY' });
    expect(policy?.attributes).toEqual({ 'error.type': 'NL_POLICY' });
    expect(result).toMatchObject({ name: 'result', parentId: '', kind: 4 });
    const { startNanos, endNanos } = must(join, 'span');
    expect(startNanos).toBeGreaterThanOrEqual(before - 1_000_000n);
    expect(endNanos).toBeGreaterThanOrEqual(startNanos);
    expect(endNanos).toBeLessThan(BigInt(Date.now() + 1000) * 1_000_000n);
    expect(meters.traces).toMatchObject({ sent: 3, dropped: 0 });
  });

  test('that refuses them costs them, and is not asked again for the same ones', async () => {
    receiver.answer = 400;
    onTestFinished(() => {
      receiver.answer = 200;
    });
    const before = receiver.requests.length;
    await send(({ tracer }) => tracer.begin('room', { isKept: true }).end());
    expect(receiver.requests.length).toBe(before + 1);
    expect(meters.traces).toMatchObject({ sent: 0, dropped: 1 });
    expect(lines).toEqual([
      'warn the receiver of traces takes nothing, and traces are dropped: it answered with status 400',
    ]);
  });

  test.each([
    [
      'refuses one of two',
      { rejectedSpans: 1, errorMessage: 'a span\nis too old' },
      [1, 1],
      'refuses 1 of 2 spans, which are dropped: a span is too old',
    ],
    [
      'says only how many it refuses',
      { rejectedSpans: 2 },
      [0, 2],
      'refuses 2 of 2 spans, which are dropped: without a reason',
    ],
    [
      'refuses more than it got',
      { rejectedSpans: 99, errorMessage: 'no' },
      [0, 2],
      'refuses 2 of 2 spans, which are dropped: no',
    ],
    [
      'gives a number below 0',
      { rejectedSpans: -1, errorMessage: 'no' },
      [0, 2],
      'refuses 2 of 2 spans, which are dropped: no',
    ],
    ['only warns', { errorMessage: `use gzip${'.'.repeat(300)}` }, [2, 0], `warns: use gzip${'.'.repeat(192)}`],
  ])('that %s is believed within bounds', async (_, partial, [taken, dropped], said) => {
    receiver.partial = partial;
    onTestFinished(() => {
      receiver.partial = undefined;
    });
    await send(({ tracer }) => {
      const root = tracer.begin('room', { isKept: true });
      root.child('load').end();
      root.end();
    });
    expect(meters.traces).toMatchObject({ sent: taken, dropped });
    expect(lines).toEqual([`warn the receiver of traces ${said}`]);
  });

  test('that answers something else than OTLP has taken them, by its status', async () => {
    receiver.partial = Buffer.from('<html>');
    onTestFinished(() => {
      receiver.partial = undefined;
    });
    await send(({ tracer }) => tracer.begin('room', { isKept: true }).end());
    expect(meters.traces).toMatchObject({ sent: 1, dropped: 0 });
  });
});
