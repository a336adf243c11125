import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { milli } from '../../host/base/time.ts';
import { DropReport, type GovernorLimits, InputGovernor } from '../../host/stream/governor.ts';
import { LIMITS } from './limits.ts';

function govern(limits: Partial<GovernorLimits> = {}) {
  const time = { ms: 0 };
  const room = { isFight: false, actions: 0, noteAction: () => void room.actions++ };
  const governor = new InputGovernor({
    limits: { ...LIMITS, ...limits },
    clock: { now: () => milli(time.ms) },
    situation: () => room,
  });
  /** Presses at a rate for some seconds. Returns how many presses counted. */
  const press = (perSecond: number, seconds: number): number => {
    let taken = 0;
    for (let count = 0; count < perSecond * seconds; count++, time.ms += 1000 / perSecond)
      if (governor.takePress()) taken++;
    return taken;
  };
  return { governor, time, room, press };
}

describe('presses', () => {
  test('a hundred presses at once count, and the next one does not', () => {
    const { governor, room } = govern();
    for (let count = 0; count < 100; count++) expect(governor.takePress()).toBe(true);
    expect([governor.takePress(), governor.dropped, room.actions]).toEqual([false, 1, 100]);
  });

  test.each([
    ['calm: 50 per second, weighted 30 to 70', false, 30],
    ['in a team fight: weighted 85 to 15', true, 85],
  ])('%s', (_, isFight, perSecond) => {
    const { room, press } = govern();
    room.isFight = isFight;
    press(1000, 10);
    const taken = press(1000, 100);
    expect(taken / 100).toBeGreaterThan(perSecond * 0.99);
    expect(taken / 100).toBeLessThan(perSecond * 1.01);
  });

  test('at equal weights, the rates are those of the settings', () => {
    const { press } = govern({ inputCalmPercent: 50, inputDropsMax: 1e9 });
    press(1000, 10);
    expect(press(1000, 10)).toBe(500);
  });

  test('the weights change with the situation at once, without giving or taking tokens', () => {
    const { governor, room, time, press } = govern();
    press(1000, 10);
    while (governor.takePress());
    room.isFight = true;
    expect(governor.takePress()).toBe(false);
    time.ms += 1000;
    expect(Array.from({ length: 90 }, () => governor.takePress()).filter((taken) => taken)).toHaveLength(85);
  });

  test('a page that is hidden has a tenth', () => {
    const { governor, press } = govern();
    governor.setWarm(true);
    press(1000, 10);
    expect(press(1000, 10)).toBe(30);
    governor.setWarm(false);
    expect(press(1000, 10)).toBe(300);
  });
});

describe('states', () => {
  test('those that come too soon wait, at most until the bucket has room', () => {
    const { governor, time } = govern();
    expect([1, 2, 3, 4].map(() => governor.takeState())).toEqual([0, 0, 0, 0]);
    // 30 per second, weighted with 70 of 50.
    expect(governor.takeState()).toBeCloseTo(1000 / 42, 5);
    time.ms += 1000 / 42 + 0.001;
    expect(governor.takeState()).toBe(0);
    expect(governor.takeState()).toBeGreaterThan(0);
    expect([governor.dropped, governor.isExcessive]).toEqual([0, false]);
  });
});

describe('pings', () => {
  test('twenty pings per second get an answer', () => {
    const { governor, time } = govern();
    let answered = 0;
    for (; time.ms < 10_000; time.ms++) if (governor.takePing()) answered++;
    expect(answered).toBeGreaterThanOrEqual(219);
    expect(answered).toBeLessThanOrEqual(220);
  });
});

describe('a page that sends too much', () => {
  test('is excessive when 500 presses more were dropped than are forgiven, and not before', () => {
    const { governor } = govern();
    for (let count = 0; count < 600; count++) governor.takePress();
    expect([governor.dropped, governor.isExcessive]).toEqual([500, false]);
    governor.takePress();
    expect([governor.dropped, governor.isExcessive]).toEqual([501, true]);
  });

  test('drops of 50 per second are forgiven for ever', () => {
    // Half of 100 presses per second is dropped in a team fight, or less.
    const { governor, room, press } = govern();
    room.isFight = true;
    press(130, 600);
    expect(governor.dropped).toBeGreaterThan(10_000);
    expect(governor.isExcessive).toBe(false);
  });

  test('messages above the rate are dropped, and end the connection in the same way', () => {
    const { governor } = govern();
    for (let count = 0; count < 4000; count++) expect(governor.takeMessage()).toBe(true);
    for (let count = 0; count < 500; count++) expect(governor.takeMessage()).toBe(false);
    expect([governor.dropped, governor.isExcessive]).toEqual([500, false]);
    governor.takeMessage();
    expect(governor.isExcessive).toBe(true);
  });
});

describe('the report of drops', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => vi.useRealTimers());

  test('comes at once for the first, and then every two seconds at most, with all that were dropped', () => {
    const reports: number[] = [];
    const report = new DropReport({ now: () => milli(Date.now()) }, (count) => reports.push(count));
    report.note();
    expect(reports).toEqual([1]);
    for (let count = 0; count < 7; count++) report.note();
    vi.advanceTimersByTime(1999);
    expect(reports).toEqual([1]);
    vi.advanceTimersByTime(1);
    expect(reports).toEqual([1, 7]);
    vi.advanceTimersByTime(10_000);
    expect(reports).toEqual([1, 7]);
    report.note();
    report.note();
    report.close();
    vi.advanceTimersByTime(10_000);
    expect(reports).toEqual([1, 7, 1]);
  });
});
