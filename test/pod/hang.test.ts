import { expect, test } from 'vitest';
import { HangDetector, type HangReason, type Look } from '../../host/pod/hang.ts';

const LIMIT_MS = 5000;

/** A look at a process one second after the previous one. It has run for `ranMs` and waited `waitedMs` since it started. */
function look(state: string, [ranMs, waitedMs]: [number, number], change: Partial<Look> = {}): Look {
  return { elapsedMs: 1000, outcome: 'silent', thread: { state, scheduled: { ranMs, waitedMs } }, ...change };
}

/** Looks once a second until the process counts as hung. Returns how many looks that took, and the reason. */
function watch(lookAt: (second: number) => Look, most = 1000): [number, HangReason] | undefined {
  const detector = new HangDetector(LIMIT_MS);
  for (let second = 1; second <= most; second++) {
    const reason = detector.note(lookAt(second));
    if (reason) return [second, reason];
  }
  return undefined;
}

test.each<[string, (second: number) => Look, HangReason]>([
  ['is stopped', () => look('T', [100, 0]), 'stopped'],
  ['is stopped by a debugger', () => look('t', [100, 0]), 'stopped'],
  ['computes without end', (second) => look('R', [1000 * second, 0]), 'busy'],
  ['waits for something', () => look('S', [100, 0]), 'blocked'],
  ['waits in the kernel', () => look('D', [100, 0]), 'blocked'],
])('a process that %s hangs after the limit, and not before', (_, lookAt, reason) => {
  expect(watch(lookAt)).toEqual([6, reason]);
});

test('a process that answers in time does not hang, however often it is silent in between', () => {
  expect(watch((second) => look('S', [1, 0], { outcome: second % 5 === 0 ? 'answered' : 'silent' }))).toBeUndefined();
});

test('after an answer the time counts from zero', () => {
  expect(watch((second) => look('S', [1, 0], { outcome: second === 5 ? 'answered' : 'silent' }))?.[0]).toBe(11);
});

test('time without a processor does not count: a process that gets half of one hangs after twice the limit', () => {
  expect(watch((second) => look('R', [500 * second, 500 * second]))?.[0]).toBeGreaterThanOrEqual(10);
});

test('a process that gets no processor at all, as under a CPU limit, has a minute', () => {
  expect(watch(() => look('R', [100, 0]))?.[0]).toBe(61);
});

test('time in which the watcher itself was held up does not count', () => {
  const detector = new HangDetector(LIMIT_MS);
  for (let second = 0; second < 3; second++)
    expect(detector.note(look('S', [1, 0], { elapsedMs: 600_000 }))).toBeUndefined();
  expect(detector.note(look('S', [1, 0], { outcome: 'answered' }))).toBeUndefined();
  expect(detector.silentMs).toBe(0);
});

test('a process that starts or ends slowly, and accepts no connections, has a minute', () => {
  expect(watch(() => look('S', [1, 0], { outcome: 'unreachable' }))?.[0]).toBe(61);
});

test('without figures of the scheduler, all time counts', () => {
  expect(watch(() => ({ elapsedMs: 1000, outcome: 'silent', thread: { state: 'R', scheduled: undefined } }))?.[0]).toBe(
    6,
  );
});
