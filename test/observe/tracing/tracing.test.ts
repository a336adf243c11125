import { beforeEach, describe, expect, test } from 'vitest';
import { must } from '../../../host/base/assert.ts';
import { readConfig } from '../../../host/base/config.ts';
import { milli } from '../../../host/base/time.ts';
import { NO_SPAN, NO_TRACER } from '../../../host/base/trace.ts';
import { currentSpan, inSpan, traced } from '../../../host/base/trace-context.ts';
import { Meters } from '../../../host/observe/meters.ts';
import { FRAMES_MAX } from '../../../host/observe/tracing/frames.ts';
import { type EndedSpan, SPANS_PER_TRACE_MAX } from '../../../host/observe/tracing/span.ts';
import { OPEN_MAX, openTracing, type Tracing, type TracingOptions } from '../../../host/observe/tracing/tracing.ts';
import { ManualClock } from '../../room/fake.ts';

/** The trace id of the example in W3C Trace Context; its last 14 digits are 0xa3ce929d0e0e47. */
const PARENT = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };
const START = 1_900_000_000_000;

let clock: ManualClock;
let meters: Meters;
let sent: EndedSpan[];
let lines: string[];

beforeEach(() => {
  clock = new ManualClock();
  meters = new Meters();
  sent = [];
  lines = [];
});

/** Opens tracing with an exporter that keeps the spans. */
function open(settings: Record<string, string> = {}, more: Partial<TracingOptions> = {}): Tracing {
  const config = readConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318', TRACE_PERCENT: '0', ...settings });
  const exporter = {
    send: async (spans: readonly EndedSpan[]) => void sent.push(...spans),
    close: async () => {},
  };
  return openTracing({
    config,
    log: (level, message) => lines.push(`${level} ${message}`),
    meters,
    open: async () => exporter,
    clock,
    now: () => START + clock.now(),
    ...more,
  });
}

test('without OTEL_EXPORTER_OTLP_ENDPOINT nothing is traced, and nothing is opened', async () => {
  const tracing = open({ OTEL_EXPORTER_OTLP_ENDPOINT: '' }, { open: () => Promise.reject(new Error('opened')) });
  expect(tracing.tracer).toBe(NO_TRACER);
  const span = tracing.tracer.begin('join', { isKept: true });
  expect(span).toBe(NO_SPAN);
  expect(span.child('token')).toBe(NO_SPAN);
  span.fail('NL_TOKEN');
  span.end();
  expect(tracing.taps.of('arena').isOpen).toBe(false);
  expect(() => tracing.taps.ask({ room: undefined, frames: 1 })).toThrow('start it with OTEL_EXPORTER_OTLP_ENDPOINT');
  await tracing.close();
  expect(meters.traces).toEqual({ kept: 0, leftOut: 0, untraced: 0, sent: 0, dropped: 0 });
});

describe('a trace', () => {
  test('has the times of its work, the ids of the page, and one span for each part', async () => {
    const tracing = open();
    const join = tracing.tracer.begin('join', { parent: PARENT, kind: 'server', isKept: true, attributes: { a: 1 } });
    clock.jump(5);
    const token = join.child('token');
    clock.jump(2.5);
    token.end();
    join.set('b', 'text');
    clock.jump(1);
    join.end();
    join.set('c', true);
    join.fail('too late');
    await tracing.close();
    const [root, part] = sent;
    expect(root).toMatchObject({
      name: 'join',
      kind: 'server',
      ...{ traceId: PARENT.traceId, parentId: PARENT.spanId },
    });
    expect(root).toMatchObject({ hasRemoteParent: true, startedAt: START, endedAt: START + 8.5, failure: undefined });
    expect(root?.attributes).toEqual({ a: 1, b: 'text' });
    expect(part).toMatchObject({
      name: 'token',
      traceId: PARENT.traceId,
      parentId: root?.spanId,
      hasRemoteParent: false,
    });
    expect(part).toMatchObject({ startedAt: START + 5, endedAt: START + 7.5 });
  });

  test('ends with its root: parts that are still open end too, and nothing can be added', async () => {
    const tracing = open();
    const room = tracing.tracer.begin('room', { isKept: true });
    const load = room.child('load');
    expect(room.ids?.traceId).toMatch(/^[\da-f]{32}$/);
    clock.jump(3);
    room.end();
    expect(room.ids).toBeUndefined();
    expect(load.ids).toBeUndefined();
    expect(room.child('late')).toBe(NO_SPAN);
    await tracing.close();
    expect(sent.map(({ name, endedAt }) => [name, endedAt])).toEqual([
      ['room', START + 3],
      ['load', START + 3],
    ]);
  });

  test(`has at most ${SPANS_PER_TRACE_MAX} spans, and says how many are left out`, async () => {
    const tracing = open();
    for (const parts of [SPANS_PER_TRACE_MAX - 1, SPANS_PER_TRACE_MAX]) {
      const root = tracing.tracer.begin(`${parts}`, { isKept: true });
      for (let part = 0; part < parts; part++) root.child('part').end();
      root.end();
    }
    await tracing.close();
    const roots = sent.filter(({ name }) => name !== 'part');
    expect(roots.map(({ attributes }) => attributes)).toEqual([{}, { 'nearlight.spans_left_out': 1 }]);
    expect(sent).toHaveLength(2 * SPANS_PER_TRACE_MAX);
  });
});

describe('a trace is kept', () => {
  async function outcome(settings: Record<string, string>, work: (tracing: Tracing) => void): Promise<boolean> {
    const tracing = open(settings);
    work(tracing);
    await tracing.close();
    expect(meters.traces.kept + meters.traces.leftOut).toBe(1);
    return meters.traces.kept === 1 && sent.length > 0;
  }

  test.each([
    ['if it fails', true, 'NL_TOKEN'],
    ['not if it succeeds', false, undefined],
  ])('%s', async (_, isKept, failure) => {
    const work = ({ tracer }: Tracing) => {
      const span = tracer.begin('join');
      if (failure !== undefined) span.fail(failure);
      span.end();
    };
    expect(await outcome({}, work)).toBe(isKept);
  });

  test('if a part of it fails', async () => {
    const work = ({ tracer }: Tracing) => {
      const span = tracer.begin('join');
      span.child('policy').fail('NL_POLICY_DOWN');
      span.end();
    };
    expect(await outcome({}, work)).toBe(true);
  });

  test.each([
    [1000, false],
    [1001, true],
  ])('if it takes too long: of 1000 ms it took %i', async (ms, isKept) => {
    const work = ({ tracer }: Tracing) => {
      const span = tracer.begin('join', { slowMs: 1000 });
      clock.jump(ms);
      span.end();
    };
    expect(await outcome({}, work)).toBe(isKept);
  });

  // 0xce929d0e0e4736 / 16^14 is 0.80692.
  test.each([
    ['80', false],
    ['81', true],
    ['100', true],
  ])('for a share of the trace ids: %s percent', async (percent, isKept) => {
    const work = ({ tracer }: Tracing) => tracer.begin('join', { parent: PARENT }).end();
    expect(await outcome({ TRACE_PERCENT: percent }, work)).toBe(isKept);
  });
});

describe('the cost of traces is bounded', () => {
  test(`at most ${OPEN_MAX} traces are open`, async () => {
    const tracing = open();
    const spans = Array.from({ length: OPEN_MAX + 1 }, () => tracing.tracer.begin('join'));
    expect(spans.filter((span) => span === NO_SPAN)).toHaveLength(1);
    expect(meters.traces.untraced).toBe(1);
    must(spans[0], 'span').end();
    expect(tracing.tracer.begin('join')).not.toBe(NO_SPAN);
    await tracing.close();
  });

  test('a receiver that does not answer costs the oldest spans beyond the limit, and each drop is counted', async () => {
    const answer = Promise.withResolvers<void>();
    const send = async (spans: readonly EndedSpan[]) => {
      await answer.promise;
      sent.push(...spans);
      return undefined;
    };
    const tracing = open({ TRACE_SPANS_MAX: '64' }, { open: async () => ({ send, close: async () => {} }) });
    for (let n = 0; n < 65; n++) tracing.tracer.begin(`${n}`, { isKept: true }).end();
    expect(meters.traces).toMatchObject({ kept: 65, dropped: 1, sent: 0 });
    answer.resolve();
    await tracing.close();
    expect(meters.traces).toMatchObject({ dropped: 1, sent: 64 });
    expect(sent.map(({ name }) => name)).toEqual(Array.from({ length: 64 }, (_, n) => `${n + 1}`));
  });

  test('spans that the receiver refuses are dropped and counted; the log says once that it is down, and once that it is back', async () => {
    let isDown = true;
    const send = async (spans: readonly EndedSpan[]) => {
      if (isDown) throw new Error('no route');
      sent.push(...spans);
      return undefined;
    };
    const tracing = open({}, { open: async () => ({ send, close: async () => {} }) });
    for (const down of [true, true, false]) {
      isDown = down;
      const before = meters.traces.dropped + meters.traces.sent;
      tracing.tracer.begin('room', { isKept: true }).end();
      await clock.pass(1000);
      expect(meters.traces.dropped + meters.traces.sent).toBe(before + 1);
    }
    await tracing.close();
    expect(meters.traces).toMatchObject({ dropped: 2, sent: 1 });
    expect(lines).toEqual([
      'warn the receiver of traces takes nothing, and traces are dropped: no route',
      'info the receiver of traces answers again',
    ]);
    tracing.tracer.begin('late', { isKept: true }).end();
    expect(meters.traces.dropped).toBe(3);
  });
});

test('spans that the receiver does not take are counted as dropped, and the log says so once', async () => {
  const rejections = [{ spans: 1, reason: 'too old' }, { spans: 1, reason: 'too old' }, undefined];
  const more = [{ spans: 0, reason: 'use gzip' }];
  const answers = [...rejections, ...more];
  const send = async () => answers.shift();
  const tracing = open({}, { open: async () => ({ send, close: async () => {} }) });
  for (let n = 0; n < 4; n++) {
    const root = tracing.tracer.begin('room', { isKept: true });
    root.child('load').end();
    root.end();
    await clock.pass(1000);
  }
  await tracing.close();
  expect(meters.traces).toMatchObject({ kept: 4, sent: 6, dropped: 2 });
  expect(lines).toEqual([
    'warn the receiver of traces refuses 1 of 2 spans, which are dropped: too old',
    'warn the receiver of traces warns: use gzip',
  ]);
});

test('a host that closes does not wait for each request to a receiver that is away', async () => {
  let requests = 0;
  const send = async () => {
    requests++;
    throw new Error('no route');
  };
  const tracing = open({ TRACE_SPANS_MAX: '4096' }, { open: async () => ({ send, close: async () => {} }) });
  for (let n = 0; n < 2000; n++) tracing.tracer.begin('join', { isKept: true }).end();
  await tracing.close();
  expect(requests).toBe(1);
  expect(meters.traces).toMatchObject({ kept: 2000, sent: 0, dropped: 2000 });
});

describe('pictures on demand', () => {
  const stages = { wait: 4, tick: 1, turn: 2, draw: 3, readback: 5, encode: 6, send: 0.5 };
  const frame = (endedAt: number) => ({ endedAt: milli(endedAt), stages, attributes: { 'nearlight.bytes': 9 } });

  test('the next N pictures of a room are traced, each with its stages one after the other', async () => {
    const tracing = open();
    const tap = tracing.taps.of('arena');
    tap.add(frame(100));
    expect(tap.isOpen).toBe(false);
    expect(tracing.taps.ask({ room: undefined, frames: 2 })).toEqual({ room: 'arena', frames: 2 });
    // A room that is opened again has the same tap.
    const again = tracing.taps.of('arena');
    for (let n = 0; n < 3; n++) if (again.isOpen) again.add(frame(100 + n));
    await tracing.close();
    const roots = sent.filter(({ name }) => name === 'frame');
    expect(roots.map(({ startedAt, endedAt }) => [startedAt - START, endedAt - START])).toEqual([
      [78.5, 100],
      [79.5, 101],
    ]);
    const parts = sent.filter(({ parentId }) => parentId === roots[0]?.spanId);
    expect(parts.map(({ name, startedAt, endedAt }) => [name, startedAt - START, endedAt - START])).toEqual([
      ['wait', 78.5, 82.5],
      ['tick', 82.5, 83.5],
      ['turn', 83.5, 85.5],
      ['draw', 85.5, 88.5],
      ['readback', 88.5, 93.5],
      ['encode', 93.5, 99.5],
      ['send', 99.5, 100],
    ]);
    expect(roots[0]?.attributes).toEqual({ 'nearlight.game': 'arena', 'nearlight.bytes': 9 });
  });

  test.each([0, 1.5, FRAMES_MAX + 1, Number.NaN])('%d pictures are refused', (frames) => {
    const tracing = open();
    tracing.taps.of('arena');
    expect(() => tracing.taps.ask({ room: 'arena', frames })).toThrow(`from 1 to ${FRAMES_MAX}`);
    expect(tracing.taps.ask({ room: 'arena', frames: FRAMES_MAX }).frames).toBe(FRAMES_MAX);
    expect(tracing.taps.ask({ room: 'arena', frames: 1 }).frames).toBe(1);
  });

  test('an unknown room is refused with the names of those that are there', () => {
    const tracing = open();
    tracing.taps.of('arena');
    expect(() => tracing.taps.ask({ room: 'chess', frames: 1 })).toThrow('there is no such room; there is arena');
  });
});

describe('the present span', () => {
  test('is that of the code that awaits, and a part that fails has the code', async () => {
    const tracing = open();
    const join = tracing.tracer.begin('join');
    const failing = inSpan(join, () =>
      traced('policy', async () => {
        await clock.until(milli(clock.now() + 1));
        expect(currentSpan().ids?.traceId).toBe(join.ids?.traceId);
        expect(currentSpan()).not.toBe(join);
        throw new TypeError('no');
      }),
    );
    expect(currentSpan()).toBe(NO_SPAN);
    await Promise.all([clock.pass(1), expect(failing).rejects.toThrow(TypeError)]);
    join.end();
    await tracing.close();
    expect(sent.map(({ name, failure }) => [name, failure])).toEqual([
      ['join', undefined],
      ['policy', 'TypeError'],
    ]);
  });
});
