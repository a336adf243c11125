import { describe, expect, test } from 'vitest';
import { readPolicies } from '../../../host/fleet/scale/policies.ts';
import { at } from '../../at.ts';
import { JOINS_BY_HOUR, joinsPerSecond } from '../../bench/fleet/diurnal.ts';
import { MIDNIGHT, World } from '../../bench/fleet/world.ts';

const PLAYERS_PER_DAY = 1_000_000;

/** Simulates a day and a half of one game, from noon on. */
function simulate(more: object = {}, players = PLAYERS_PER_DAY) {
  const [policy] = readPolicies(JSON.stringify([{ game: 'arena', min: 20, max: 10_000, ...more }]));
  if (!policy) throw new Error('there is no policy');
  const world = new World({
    games: [{ policy, playersPerDay: players, servers: Math.ceil(players / 400) }],
    nodes: 500,
    podsPerNode: 20,
    fromHour: 12,
    hours: 36,
    stepMs: 15_000,
  });
  const game = at(world.games, 0);
  return { ...world.run(), tally: game.tally };
}

describe('the curve of joins', () => {
  test('it is least at 5:00 and greatest from 20:00 to 22:00, and adds up to the players of a day', () => {
    expect(JOINS_BY_HOUR).toHaveLength(24);
    expect(JOINS_BY_HOUR.indexOf(Math.min(...JOINS_BY_HOUR))).toBe(5);
    expect([at(JOINS_BY_HOUR, 20), at(JOINS_BY_HOUR, 21)]).toEqual([1, 1]);
    let sum = 0;
    for (let second = 0; second < 86_400; second += 10)
      sum += 10 * joinsPerSecond(PLAYERS_PER_DAY, MIDNIGHT + second * 1000);
    expect(sum).toBeGreaterThan(0.999 * PLAYERS_PER_DAY);
    expect(sum).toBeLessThan(1.001 * PLAYERS_PER_DAY);
  });
});

describe('a day and a half with a million players a day and an evening peak', () => {
  const { rows, tally } = simulate();

  test('no player is scaled away, and none waits, because a seat is always free', () => {
    expect(tally.joined).toBeGreaterThan(1.4 * PLAYERS_PER_DAY);
    expect(tally.playersMax).toBeGreaterThan(25_000);
    expect([tally.removed, tally.waited]).toEqual([0, 0]);
    expect(tally.freeSeatsMin).toBeGreaterThan(0);
  });

  test('the number of servers does not flap: it falls only after it has risen for the last time for ten minutes', () => {
    expect(tally.reversals).toBe(0);
    expect(tally.changes).toBeGreaterThan(10);
  });

  test('the fleet follows the curve down, and costs less than one for the peak', () => {
    const at5 = rows.find(({ hour }) => hour >= 30);
    expect(at5?.servers).toBeLessThan(0.5 * tally.serversMax);
    process.stdout.write(
      `a day and a half: ${(tally.serverMs / 3.6e6).toFixed(0)} server hours, ${(tally.serverMs / tally.oracleMs).toFixed(2)} times those of an oracle, ${(tally.serverMs / (tally.serversMax * 36 * 3.6e6)).toFixed(2)} times those of a fleet for the peak\n`,
    );
    expect(tally.serverMs).toBeLessThan(2 * tally.oracleMs);
    expect(tally.serverMs).toBeLessThan(0.8 * tally.serversMax * 36 * 3.6e6);
  });
});

describe('the test of the curve can fail', () => {
  test('a policy without a buffer to speak of makes players wait', () => {
    const { tally } = simulate({ buffer: { seats: 1 } }, 50_000);
    expect(tally.waited).toBeGreaterThan(0);
    expect(tally.freeSeatsMin).toBe(0);
  });
});
