import { describe, expect, test } from 'vitest';
import { must } from '../../../host/base/assert.ts';
import { readCron } from '../../../host/fleet/scale/cron.ts';
import { decide, EMPTY_HISTORY, type History } from '../../../host/fleet/scale/decide.ts';
import type { ObservedServer } from '../../../host/fleet/scale/load.ts';
import type { Direction, ScalePolicy } from '../../../host/fleet/scale/policy.ts';
import { Random } from '../../random.ts';
import { loadOf, MINUTE_MS, NOON, policyOf, server } from './policy.ts';

/** Applies a policy again and again, and keeps what it has to remember. */
class Trial {
  now = NOON;
  current: number;
  history: History = EMPTY_HISTORY;
  readonly policy: ScalePolicy;

  constructor(change: Partial<ScalePolicy>, current = 10) {
    this.policy = policyOf({ buffer: { seats: 1, percent: 0 }, ...change });
    this.current = current;
  }

  /** Decides after some time. @param servers how many servers have players; undefined: nothing is known */
  after(ms: number, servers: number | undefined): number {
    this.now += ms;
    const full = Array.from({ length: servers ?? 0 }, () => server(9, { at: this.now }));
    const load = servers === undefined ? undefined : loadOf(full, this.now);
    const decision = decide(this.policy, { load, current: this.current, now: this.now, history: this.history });
    this.history = decision.history;
    this.current = decision.servers;
    return this.current;
  }
}

const HOLD: Direction = { stabiliseMs: 5 * MINUTE_MS, limits: [] };

describe('a decision', () => {
  test('the number of servers rises at once, and falls when it was too great for the whole window', () => {
    const trial = new Trial({ down: HOLD });
    expect(trial.after(0, 20)).toBe(20);
    expect(trial.after(MINUTE_MS, 10)).toBe(20);
    expect(trial.after(4 * MINUTE_MS, 10)).toBe(20);
    // Two more stay, because the number of players varies by chance.
    expect(trial.after(1, 10)).toBe(12);
  });

  test('it rises only when it was too small for the whole window, if the policy says so', () => {
    const trial = new Trial({ up: HOLD });
    expect(trial.after(0, 9)).toBe(10);
    expect(trial.after(MINUTE_MS, 20)).toBe(10);
    expect(trial.after(4 * MINUTE_MS, 30)).toBe(10);
    // The window has passed, and 20 was the least demand in it.
    expect(trial.after(MINUTE_MS, 30)).toBe(20);
  });

  test('one that begins does not remove servers before its window has passed', () => {
    const trial = new Trial({ down: HOLD });
    expect(trial.after(0, 2)).toBe(10);
    expect(trial.after(5 * MINUTE_MS - 1, 2)).toBe(10);
    expect(trial.after(1, 2)).toBe(3);
  });

  test('a limit lets a number of servers come in a time, or a percentage of those that there were', () => {
    const trial = new Trial({ up: { stabiliseMs: 0, limits: [{ servers: 4, percent: 50, periodMs: MINUTE_MS }] } });
    expect([trial.after(0, 100), trial.after(1000, 100), trial.after(MINUTE_MS - 1001, 100)]).toEqual([15, 15, 15]);
    expect(trial.after(1001, 100)).toBe(22);
  });

  test('a change that no one has made yet is not counted against the limit', () => {
    const trial = new Trial({ up: { stabiliseMs: 0, limits: [{ servers: 4, periodMs: MINUTE_MS }] } });
    for (let second = 0; second < 30; second++) {
      expect(trial.after(1000, 100)).toBe(14);
      trial.current = 10;
    }
    expect(trial.after(1000, 100)).toBe(14);
    expect(trial.after(1000, 100)).toBe(14);
  });

  test('each of several limits counts', () => {
    const limits = [
      { servers: 5, periodMs: 10_000 },
      { servers: 8, periodMs: MINUTE_MS },
    ];
    const trial = new Trial({ up: { stabiliseMs: 0, limits } });
    expect([trial.after(0, 100), trial.after(10_000, 100), trial.after(10_000, 100)]).toEqual([15, 15, 18]);
  });

  test('a limit of a percentage lets at least one server come or go', () => {
    const limits = [{ percent: 5, periodMs: MINUTE_MS }];
    const trial = new Trial({ down: { stabiliseMs: 0, limits }, up: { stabiliseMs: 0, limits } }, 3);
    expect(trial.after(0, 0)).toBe(2);
    expect(trial.after(1000, 9)).toBe(3);
  });

  test('without data the number stays, except for the schedule', () => {
    const schedule = [{ cron: must(readCron('30 12 * * *'), 'cron'), zone: 'UTC', minutes: 60, servers: 30 }];
    const trial = new Trial({ schedule });
    expect(trial.after(0, undefined)).toBe(10);
    expect(trial.after(30 * MINUTE_MS, undefined)).toBe(30);
    expect(trial.after(120 * MINUTE_MS, undefined)).toBe(30);
  });

  test('after a time without data the window begins again', () => {
    const trial = new Trial({ down: HOLD });
    trial.after(0, 10);
    for (let minute = 0; minute < 20; minute++) trial.after(MINUTE_MS, undefined);
    expect(trial.after(MINUTE_MS, 2)).toBe(10);
    expect(trial.after(4 * MINUTE_MS, 2)).toBe(10);
    expect(trial.after(1, 2)).toBe(3);
  });

  test('no server is removed while too many say nothing', () => {
    const decideWith = (unknown: number) => {
      const servers = [
        ...Array.from({ length: 100 - unknown }, () => server(0)),
        ...Array.from({ length: unknown }, () => server(0, { at: undefined })),
      ];
      const policy = policyOf({ unknownPercentMax: 5, max: 100 });
      const begun = { at: NOON - 1, least: 0, most: 0 };
      const history: History = { wishes: [begun], changes: [] };
      return decide(policy, { load: loadOf(servers), current: 100, now: NOON, history }).servers;
    };
    expect([decideWith(5), decideWith(6)]).toEqual([8, 100]);
  });

  test('after a clock was set back the window begins again', () => {
    const trial = new Trial({ down: HOLD });
    trial.after(0, 100);
    trial.now -= 24 * 60 * MINUTE_MS;
    expect(trial.after(0, 2)).toBe(100);
    for (let minute = 0; minute < 6; minute++) trial.after(MINUTE_MS, 2);
    expect(trial.current).toBe(3);
  });

  test('what it remembers stays small, however often it decides', () => {
    const trial = new Trial({ down: { stabiliseMs: 60 * MINUTE_MS, limits: [{ servers: 1, periodMs: MINUTE_MS }] } });
    for (let second = 0; second < 5000; second++) trial.after(1000, second % 7);
    expect(trial.history.wishes.length).toBeLessThan(140);
    expect(trial.history.changes.length).toBeLessThan(70);
  });
});

describe('for 2,000 random fleets and policies', () => {
  const random = new Random(13);
  const direction = (): Direction => ({
    stabiliseMs: random.pick([0, 0, 30_000, 5 * MINUTE_MS]),
    limits: random.percent(50)
      ? []
      : [{ servers: random.below(20), percent: random.below(100), periodMs: 1000 * (1 + random.below(120)) }],
  });
  const someServer = (now: number): ObservedServer => {
    const taken = random.pick([0, 0, random.below(11), 10]);
    return server(taken, {
      seats: { all: 10, taken, reserved: taken < 10 ? random.below(2) : 0 },
      at: random.percent(10) ? undefined : now - random.below(6000),
      measures: random.percent(80) ? { sessions: taken, frameP99Ms: random.below(80) } : {},
      state: random.pick(['ready', 'allocated', 'full', 'draining', 'ended', 'starting']),
    });
  };
  const cases = Array.from({ length: 2000 }, () => {
    const policy = policyOf({
      min: random.below(20),
      max: 20 + random.below(100),
      buffer: { seats: 1 + random.below(50), percent: random.below(60) },
      targets: random.percent(50) ? { sessions: 1 + random.below(10), frameP99Ms: 20 } : {},
      up: direction(),
      down: direction(),
      unknownPercentMax: random.below(101),
    });
    let now = NOON;
    let history: History = EMPTY_HISTORY;
    let current = random.below(100);
    for (let step = random.below(8); step > 0; step--) {
      const load = loadOf(
        Array.from({ length: random.below(100) }, () => someServer(now)),
        now,
      );
      ({ history, servers: current } = decide(policy, { load, current, now, history }));
      now += random.below(60_000);
    }
    const servers = Array.from({ length: random.below(100) }, () => someServer(now));
    return { policy, now, history, current, servers, load: loadOf(servers, now) };
  });

  test('a decision never removes a server with players or of which nothing is known', () => {
    let falls = 0;
    for (const { policy, now, history, current, load } of cases) {
      const { servers } = decide(policy, { load, current, now, history });
      if (servers >= current) continue;
      falls++;
      expect(servers).toBeGreaterThanOrEqual(load.occupied);
      expect(load.unknown * 100).toBeLessThanOrEqual(policy.unknownPercentMax * load.servers);
    }
    expect(falls).toBeGreaterThan(100);
  });

  test('without data no decision lowers the number, and none raises it beyond the schedule', () => {
    for (const { policy, now, history, current } of cases)
      expect(decide(policy, { load: undefined, current, now, history }).servers).toBe(current);
  });

  test('data that goes stale never makes a decision lower', () => {
    for (const { policy, now, history, current, servers, load } of cases) {
      const before = decide(policy, { load, current, now, history }).servers;
      const stale = servers.map((each) => (random.percent(50) ? { ...each, at: now - 3_600_000 } : each));
      expect(decide(policy, { load: loadOf(stale, now), current, now, history }).servers).toBeGreaterThanOrEqual(
        before,
      );
    }
  });

  test('a number within the least and the largest one leaves them only for players', () => {
    for (const { policy, now, history, load } of cases) {
      const current = policy.min + random.below(policy.max - policy.min + 1);
      const { servers } = decide(policy, { load, current, now, history });
      expect(servers).toBeGreaterThanOrEqual(Math.min(policy.min, current));
      expect(servers).toBeLessThanOrEqual(Math.max(policy.max, load.occupied));
    }
  });

  test('the same decision again is the same, because nothing else goes into it', () => {
    for (const { policy, now, history, current, load } of cases.slice(0, 200)) {
      const frozen = JSON.stringify(history);
      const [one, other] = [1, 2].map(() => decide(policy, { load, current, now, history }));
      expect(one).toEqual(other);
      expect(JSON.stringify(history)).toBe(frozen);
    }
  });
});
