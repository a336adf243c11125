import { describe, expect, test } from 'vitest';
import { readPolicies } from '../../../host/fleet/scale/policies.ts';
import { at } from '../../at.ts';

const read = (...policies: unknown[]) => readPolicies(JSON.stringify(policies));

describe('policies', () => {
  test('everything but the game has a default', () => {
    expect(read({ game: 'arena' })).toEqual([
      {
        namespace: 'nearlight',
        game: 'arena',
        min: 1,
        max: 1000,
        seatsPerServer: 10,
        buffer: { seats: 20, percent: 25 },
        targets: {},
        schedule: [],
        up: { stabiliseMs: 0, limits: [{ servers: 20, percent: 100, periodMs: 60_000 }] },
        down: { stabiliseMs: 600_000, limits: [{ servers: 2, percent: 15, periodMs: 300_000 }] },
        tolerancePercent: 10,
        staleMs: 15_000,
        unknownPercentMax: 5,
      },
    ]);
  });

  test('each field can be given', () => {
    const policy = at(
      read({
        namespace: 'games',
        game: 'model',
        min: 0,
        max: 7,
        seatsPerServer: 4,
        buffer: { seats: 3 },
        targets: { sessions: 3, frameP99Ms: 33.3 },
        schedule: [{ from: '0 18 * * 1-5', zone: 'Europe/Berlin', minutes: 300, servers: 5 }],
        up: { stabiliseSeconds: 30, limits: [] },
        down: { stabiliseSeconds: 60 },
        staleSeconds: 9,
        unknownPercentMax: 0,
      }),
      0,
    );
    expect(policy).toMatchObject({
      namespace: 'games',
      min: 0,
      max: 7,
      seatsPerServer: 4,
      buffer: { seats: 3, percent: 0 },
      targets: { sessions: 3, frameP99Ms: 33.3 },
      schedule: [{ zone: 'Europe/Berlin', minutes: 300, servers: 5 }],
      up: { stabiliseMs: 30_000, limits: [] },
      down: { stabiliseMs: 60_000, limits: [{ percent: 15 }] },
      staleMs: 9000,
      unknownPercentMax: 0,
    });
  });

  test('a limit must allow a change that the controller makes', () => {
    for (const change of [
      { down: { limits: [{ percent: 11, periodSeconds: 60 }] } },
      { up: { limits: [{ servers: 101, periodSeconds: 60 }] } },
      { max: 9, down: { limits: [{ servers: 1, periodSeconds: 60 }] } },
      { tolerancePercent: 0, down: { limits: [{ servers: 1, periodSeconds: 60 }] } },
    ])
      expect(read({ game: 'arena', ...change })).toHaveLength(1);
  });

  test.each([
    ['{}', 'not a list'],
    ['[1', 'not JSON'],
    ['[7]', 'policy 1 is not an object'],
    [`"${'x'.repeat(1_000_000)}"`, 'characters'],
    [JSON.stringify([{ game: 'a' }, { game: 'a' }]), 'two policies for nearlight/a'],
    [JSON.stringify(Array.from({ length: 257 }, (_, n) => ({ game: `g${n}` }))), 'at most 256'],
  ])('%.20s... is refused: %s', (text, why) => {
    expect(() => readPolicies(text)).toThrow(why);
    expect(() => readPolicies(text)).toThrow('NL_SETTING');
  });

  test.each([
    [{}, 'game is not a name'],
    [{ game: 'Arena' }, 'game is not a name'],
    [{ namespace: '../x' }, 'namespace is not a name'],
    [{ mim: 1 }, 'no field mim'],
    [{ min: -1 }, 'min is not a whole number from 0 to 1000000'],
    [{ min: 1.5 }, 'min'],
    [{ max: 0 }, 'max is not a whole number from 1 to 1000000'],
    [{ max: 1_000_001 }, 'max'],
    [{ min: 9, max: 8 }, 'min is 9, and max is 8'],
    [{ seatsPerServer: 0 }, 'seatsPerServer'],
    [{ buffer: { seats: 0, percent: 50 } }, 'buffer.seats is 0'],
    [{ buffer: { percent: 50 } }, 'buffer.seats is 0'],
    [{ buffer: { seats: 1, percent: 1001 } }, 'buffer.percent'],
    [{ targets: { moonPhase: 1 } }, 'no field moonPhase'],
    [{ targets: { sessions: 0 } }, 'targets.sessions is not a number above 0'],
    [{ targets: { throttledRatio: 1.01 } }, 'at most 1'],
    [{ schedule: [{ from: '0 25 * * *', minutes: 1, servers: 1 }] }, 'schedule, line 1.from is not a line of cron'],
    [{ schedule: [{ from: '* * * * *', zone: 'Moon', minutes: 1, servers: 1 }] }, 'zone is not a time zone'],
    [{ schedule: [{ from: '* * * * *', minutes: 0, servers: 1 }] }, 'minutes'],
    [{ schedule: [{ from: '* * * * *', minutes: 1441, servers: 1 }] }, 'minutes'],
    [{ schedule: [{ from: '* * * * *', minutes: 1440, servers: 0 }] }, 'servers'],
    [{ up: { stabiliseSeconds: 3601 } }, 'up.stabiliseSeconds'],
    [{ down: { limits: [{ servers: 1 }] } }, 'down.limits, line 1.periodSeconds'],
    [{ down: { limits: Array(9).fill({ servers: 1, periodSeconds: 1 }) } }, 'at most 8'],
    [{ staleSeconds: 0 }, 'staleSeconds'],
    [{ down: { limits: [{ percent: 10, periodSeconds: 60 }] } }, 'down has a limit of 0 servers and 10 %'],
    [{ up: { limits: [{ servers: 100, periodSeconds: 60 }] } }, 'no change of up to 10 %'],
    [{ tolerancePercent: 101 }, 'tolerancePercent'],
    [{ unknownPercentMax: 101 }, 'unknownPercentMax'],
  ])('%j is refused: %s', (change, why) => {
    const policy = Object.keys(change).length === 0 ? {} : { game: 'arena', ...change };
    expect(() => read(policy)).toThrow(why);
  });
});
