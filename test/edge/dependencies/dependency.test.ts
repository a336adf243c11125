import { expect, test } from 'vitest';
import { Dependency, DependencyError, type DependencyOptions } from '../../../host/edge/dependencies/dependency.ts';
import { Endpoint } from '../../../host/edge/dependencies/endpoint.ts';
import { DependencyMeter } from '../../../host/observe/dependency-meter.ts';
import { ManualClock, settle } from '../../room/fake.ts';

const BUDGET = { msMax: 500, concurrent: 2, queueMax: 3, retries: 1 };
/** The random part of pauses is at its least. */
const PAUSE_MS = 1000;

function begin(more: Partial<DependencyOptions> = {}) {
  const clock = new ManualClock();
  const meter = new DependencyMeter(clock);
  const lines: string[] = [];
  const log: DependencyOptions['log'] = (level, line) => void lines.push(`${level} ${line}`);
  const title = 'the service (SERVICE_URL)';
  const dependency = new Dependency({ title, budget: BUDGET, clock, log, meter, random: () => 0, ...more });
  const fail = () => dependency.run(() => Promise.reject(new Error('broken')));
  /** Opens the breaker. */
  const open = async () => {
    for (let n = 0; n < 20; n++) await expect(fail()).rejects.toThrow('broken');
    expect(dependency.state).toBe('open');
  };
  return { clock, meter, lines, dependency, fail, open };
}

/** Keeps the outcome of a call, so that it may fail before the test looks. */
function outcomeOf<T>(call: Promise<T>): Promise<T | unknown> {
  return call.catch((error: unknown) => error);
}

const never = () => new Promise<never>(() => {});

test('a call returns what the service answers, and is counted and timed', async () => {
  const { dependency, meter } = begin();
  expect(await dependency.run(async () => 7)).toBe(7);
  expect([meter.outcomes.ok, meter.time.count, meter.state]).toEqual([1, 1, 'closed']);
});

test('a call that is not answered ends at its time limit, and the service learns that no one waits', async () => {
  const { dependency, clock, meter } = begin();
  let signal: AbortSignal | undefined;
  const call = outcomeOf(
    dependency.run((given) => {
      signal = given;
      return never();
    }),
  );
  await clock.pass(499);
  expect([signal?.aborted, meter.outcomes.timeout]).toEqual([false, 0]);
  await clock.pass(1);
  expect(await call).toEqual(new DependencyError('timeout', 'timeout: no answer within 500 ms'));
  expect([signal?.aborted, meter.outcomes.timeout]).toEqual([true, 1]);
});

test('as many calls run and wait as the budget says, and one more is refused', async () => {
  const { dependency, meter } = begin();
  const ends: (() => void)[] = [];
  const calls = Array.from({ length: 5 }, (_, n) =>
    dependency.run(() => new Promise<number>((resolve) => ends.push(() => resolve(n)))),
  );
  await settle();
  expect(ends).toHaveLength(2);
  await expect(dependency.run(async () => 0)).rejects.toMatchObject({ outcome: 'full' });
  expect(meter.outcomes.full).toBe(1);
  for (let n = 0; n < 5; n++) {
    ends[n]?.();
    await settle();
  }
  expect(await Promise.all(calls)).toEqual([0, 1, 2, 3, 4]);
});

test('a call whose place comes after its time is not made', async () => {
  const clock = new ManualClock();
  const endpoint = new Endpoint({ clock, meter: { queued: 0, rejected: 0 } });
  endpoint.setRule({ perSecond: 1, excess: 'queue', queueMax: 1, queueMs: 60_000 });
  const { dependency } = begin({ clock, endpoint });
  await dependency.run(async () => 1);
  let isMade = false;
  const late = outcomeOf(
    dependency.run(async () => {
      isMade = true;
    }),
  );
  await clock.pass(500);
  expect(await late).toMatchObject({ outcome: 'timeout' });
  await clock.pass(500);
  expect(isMade).toBe(false);
  await clock.pass(1000);
  expect(await dependency.run(async () => 1)).toBe(1);
});

test('a call that may be made twice is repeated after a pause, and any other is not', async () => {
  const { dependency, clock, meter } = begin();
  let made = 0;
  const work = async () => {
    made++;
    if (made === 1) throw new Error('once');
    return made;
  };
  const call = dependency.run(work, { isIdempotent: true });
  await clock.pass(49);
  expect(made).toBe(1);
  await clock.pass(1);
  expect(await call).toBe(2);
  made = 0;
  await expect(dependency.run(work)).rejects.toThrow('once');
  expect([meter.outcomes.ok, meter.outcomes.failed, meter.repeats]).toEqual([1, 1, 1]);
});

test('a call that fails twice is not repeated again', async () => {
  const { dependency, clock } = begin();
  let made = 0;
  const call = outcomeOf(dependency.run(() => Promise.reject(new Error(`${++made}`)), { isIdempotent: true }));
  await clock.pass(400);
  expect(await call).toEqual(new Error('2'));
});

test('the breaker opens at the twentieth failure and lets no call through; then one call tries', async () => {
  const { dependency, clock, meter, lines, open, fail } = begin();
  await open();
  await expect(fail()).rejects.toMatchObject({ outcome: 'open' });
  await clock.pass(PAUSE_MS - 1);
  await expect(fail()).rejects.toMatchObject({ outcome: 'open' });
  await clock.pass(1);
  await expect(fail()).rejects.toThrow('broken');
  await expect(fail()).rejects.toMatchObject({ outcome: 'open' });
  await clock.pass(PAUSE_MS);
  expect(await dependency.run(async () => 1)).toBe(1);
  expect(dependency.state).toBe('closed');
  expect(meter.changes).toEqual({ closed: 1, 'half-open': 2, open: 2 });
  expect([meter.state, meter.outcomes]).toEqual(['closed', { ok: 1, failed: 21, timeout: 0, open: 3, full: 0 }]);
  expect(lines).toEqual([
    'warn the service (SERVICE_URL) is not asked for a moment: 20 of 20 calls in 10 s have failed, the last one with: broken',
    'debug the service (SERVICE_URL): a call tries whether it answers again',
    'debug the service (SERVICE_URL) is not asked for a moment: it still fails, the last one with: broken',
    'debug the service (SERVICE_URL): a call tries whether it answers again',
    'info the service (SERVICE_URL) answers again',
  ]);
});

test('the breaker stays closed at nineteen failures, and below a half of them', async () => {
  const { dependency, fail } = begin();
  for (let n = 0; n < 19; n++) await expect(fail()).rejects.toThrow('broken');
  expect(dependency.state).toBe('closed');
  for (let n = 0; n < 40; n++) await dependency.run(async () => n);
  for (let n = 0; n < 20; n++) await expect(fail()).rejects.toThrow('broken');
  expect(dependency.state).toBe('closed');
  await expect(fail()).rejects.toThrow('broken');
  await expect(fail()).rejects.toMatchObject({ outcome: 'open' });
});

test('a service that is silent opens the breaker as one that refuses does', async () => {
  const { dependency, clock } = begin({ budget: { ...BUDGET, concurrent: 20 } });
  const calls = Array.from({ length: 20 }, () => outcomeOf(dependency.run(never)));
  await clock.pass(500);
  await Promise.all(calls);
  expect(dependency.state).toBe('open');
});

test('while one call tries whether the service is back, the others wait for it and then go on', async () => {
  const { dependency, clock, open } = begin();
  await open();
  await clock.pass(PAUSE_MS);
  const { promise, resolve } = Promise.withResolvers<string>();
  const trying = dependency.run(() => promise);
  await settle();
  expect(dependency.state).toBe('half-open');
  const waiting = dependency.run(async () => 'second');
  resolve('first');
  expect(await Promise.all([trying, waiting])).toEqual(['first', 'second']);
});

test('a wall clock that is set back by an hour keeps no breaker open', async () => {
  const { dependency, clock, open } = begin();
  await open();
  const { now } = Date;
  Date.now = () => now() - 3_600_000;
  try {
    await clock.pass(PAUSE_MS);
    expect(await dependency.run(async () => 1)).toBe(1);
  } finally {
    Date.now = now;
  }
});

test('hosts whose breakers open together do not try together', async () => {
  const { dependency, clock, open } = begin({ random: () => 1 });
  await open();
  await clock.pass(2 * PAUSE_MS - 1);
  await expect(dependency.run(async () => 1)).rejects.toMatchObject({ outcome: 'open' });
  await clock.pass(1);
  expect(await dependency.run(async () => 1)).toBe(1);
});

test('a connection that is cut shows as open until it is back', () => {
  const { dependency, meter } = begin();
  dependency.setCut(true);
  expect([dependency.state, meter.state]).toEqual(['open', 'open']);
  dependency.setCut(true);
  dependency.setCut(false);
  expect([meter.state, meter.changes.open, meter.changes.closed]).toEqual(['closed', 1, 1]);
});

test('the recovery time is that from the first failure to the next success, also while the breaker is open', async () => {
  const { dependency, clock, meter, open, fail } = begin();
  await open();
  await clock.pass(500);
  await expect(fail()).rejects.toMatchObject({ outcome: 'open' });
  await clock.pass(500);
  expect(meter.outage.seconds).toBe(1);
  await dependency.run(async () => 1);
  await clock.pass(5000);
  expect([meter.state, meter.outage.seconds]).toEqual(['closed', 1]);
});

test('a call that the host has not made is neither a failure nor a success of the service', async () => {
  const { meter, clock } = begin();
  for (const outcome of ['open', 'full'] as const) meter.count(outcome);
  clock.jump(1000);
  expect(meter.outage.seconds).toBe(0);
  meter.count('timeout');
  clock.jump(1000);
  for (const outcome of ['open', 'full'] as const) meter.count(outcome);
  expect(meter.outage.seconds).toBe(1);
});

test('a rule limits the calls of a service in addition to its budget', async () => {
  const clock = new ManualClock();
  const endpoint = new Endpoint({ clock, meter: { queued: 0, rejected: 0 } });
  endpoint.setRule({ perSecond: 1, excess: 'reject', queueMax: 1, queueMs: 1 });
  const { dependency, meter } = begin({ clock, endpoint });
  await dependency.run(async () => 1);
  await expect(dependency.run(async () => 1)).rejects.toMatchObject({ outcome: 'full' });
  expect(meter.outcomes.full).toBe(1);
});
