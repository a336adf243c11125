import { describe, expect, test } from 'vitest';
import { must } from '../../../host/base/assert.ts';
import type { MeasureName } from '../../../host/base/measures.ts';
import { readCron } from '../../../host/fleet/scale/cron.ts';
import { demandOf } from '../../../host/fleet/scale/demand.ts';
import { addUp, type ObservedServer } from '../../../host/fleet/scale/load.ts';
import type { ScalePolicy } from '../../../host/fleet/scale/policy.ts';
import { loadOf, NOON, policyOf, server } from './policy.ts';

function demand(change: Partial<ScalePolicy>, servers: ObservedServer[], now = NOON) {
  return demandOf(policyOf(change), loadOf(servers, now), now);
}

function many(count: number, make: () => ObservedServer): ObservedServer[] {
  return Array.from({ length: count }, make);
}

describe('the demand', () => {
  test('seats: the used ones and the buffer, which is a number or a percentage', () => {
    const servers = [...many(4, () => server(10)), server(0)];
    expect(demand({ buffer: { seats: 10, percent: 0 } }, servers)).toEqual({ servers: 5, reason: 'seats' });
    expect(demand({ buffer: { seats: 11, percent: 0 } }, servers).servers).toBe(6);
    expect(demand({ buffer: { seats: 1, percent: 25 } }, servers).servers).toBe(5);
    expect(demand({ buffer: { seats: 1, percent: 26 } }, servers).servers).toBe(6);
  });

  test('seats: those who wait need some too', () => {
    const full = many(2, () => server(10, { measures: { queue: 7 } }));
    expect(demand({ buffer: { seats: 1, percent: 0 } }, full).servers).toBe(4);
  });

  test('seats: those who wait for one anywhere need some, too', () => {
    const load = addUp([server(10)], { now: NOON, staleMs: 4000, waiting: 25 });
    expect(demandOf(policyOf({ buffer: { seats: 1, percent: 0 } }), load, NOON).servers).toBe(4);
  });

  test('seats: before a server has said how many it has, the policy does', () => {
    expect(demand({ buffer: { seats: 30, percent: 0 }, seatsPerServer: 16 }, []).servers).toBe(2);
  });

  test('seats: a draining server is one more', () => {
    const servers = [server(10), server(3, { state: 'draining' })];
    expect(demand({ buffer: { seats: 10, percent: 0 } }, servers).servers).toBe(3);
  });

  test.each(['sessions', 'gpuMsPerSecond', 'connectionsPerSecond'] as MeasureName[])(
    '%s: the sum is shared by as many servers as the target says',
    (name) => {
      const servers = many(4, () => server(1, { measures: { [name]: 9 } }));
      expect(demand({ targets: { [name]: 6 } }, servers)).toEqual({ servers: 6, reason: name });
      expect(demand({ targets: { [name]: 5 } }, servers)).toEqual({ servers: 8, reason: name });
    },
  );

  test.each(['frameP99Ms', 'throttledRatio', 'cpuPressureRatio', 'rttP95Ms', 'retransmissionRatio'] as MeasureName[])(
    '%s: the mean of the servers with players says how many more those who come need',
    (name) => {
      const servers = [...many(4, () => server(1, { measures: { [name]: 0.75 } })), ...many(4, () => server(0))];
      expect(demand({ targets: { [name]: 0.5 } }, servers)).toEqual({ servers: 6, reason: name });
      // More empty servers change nothing, so the demand cannot feed itself.
      const grown = [...servers, ...many(90, () => server(0))];
      expect(demand({ targets: { [name]: 0.5 } }, grown)).toEqual({ servers: 6, reason: name });
    },
  );

  test('the greatest demand wins', () => {
    const servers = many(4, () => server(5, { measures: { sessions: 5, frameP99Ms: 40 } }));
    const targets = { sessions: 4, frameP99Ms: 20 };
    expect(demand({ targets }, servers)).toEqual({ servers: 8, reason: 'frameP99Ms' });
    expect(demand({ targets: { ...targets, sessions: 2 } }, servers)).toEqual({ servers: 10, reason: 'sessions' });
    expect(demand({ targets, min: 9 }, servers)).toEqual({ servers: 9, reason: 'min' });
    const schedule = [{ cron: must(readCron('0 12 * * *'), 'cron'), zone: 'UTC', minutes: 60, servers: 12 }];
    expect(demand({ targets, schedule }, servers)).toEqual({ servers: 12, reason: 'schedule' });
    expect(demand({ targets, schedule, max: 11 }, servers)).toEqual({ servers: 11, reason: 'max' });
  });

  test('servers with players stay, whatever the largest number is', () => {
    expect(demand({ max: 2 }, [...many(4, () => server(1)), server(0)])).toEqual({ servers: 4, reason: 'players' });
  });

  test('a server without a fresh report counts as full, and as busy as before or as its target', () => {
    const silent = (sessions?: number) => server(0, { at: NOON - 60_000, measures: { sessions } });
    expect(demand({ buffer: { seats: 1, percent: 0 } }, [silent(), silent()]).servers).toBe(3);
    const targets = { sessions: 5 };
    const buffer = { seats: 1, percent: 0 };
    expect(demand({ targets, buffer, seatsPerServer: 1000 }, [silent(25)]).servers).toBe(5);
    expect(demand({ targets, buffer }, [silent(1), silent(1)]).servers).toBe(3);
    const never = server(0, { at: undefined });
    expect(
      demand({ targets: { frameP99Ms: 20 }, buffer }, [never, server(1, { measures: { frameP99Ms: 60 } })]),
    ).toEqual({
      servers: 4,
      reason: 'frameP99Ms',
    });
  });
});
