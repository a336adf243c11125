import { expect, test } from 'vitest';
import type { PlayFacts } from '../../../host/edge/rules/facts.ts';
import { PlayWatch, type WatchedPlayer } from '../../../host/edge/rules/play-watch.ts';
import type { RiskResult } from '../../../host/edge/rules/rules.ts';
import { InputStatistics } from '../../../host/room/input-statistics.ts';
import { ManualClock } from '../../room/fake.ts';

const FLAGGED: RiskResult = { allow: true, code: 'conduct.odd', score: 0.5, flags: ['conduct.odd'] };
const REFUSED: RiskResult = { allow: false, code: 'conduct.odd', score: 0.9, flags: [] };
const FINE: RiskResult = { allow: true, code: 'ok', score: 0, flags: [] };

function start(results: RiskResult[]) {
  const asked: PlayFacts[] = [];
  const lines: string[] = [];
  const ended: string[] = [];
  const players: WatchedPlayer[] = [];
  const watch = new PlayWatch({
    rules: {
      async duringPlay(facts) {
        asked.push(facts);
        return results.shift() ?? FINE;
      },
    },
    players: () => players,
    intervalMs: 5000,
    log: (level, message) => lines.push(`${level} ${message}`),
  });
  const add = (name: string, session = {}) => {
    const statistics = new InputStatistics(new ManualClock());
    players.push({
      session,
      name,
      person: { role: 'player', address: '', seats: 2, players: 1 },
      take: () => statistics.take(),
      end: (code, message) => ended.push(`${name} ${code} ${message}`),
    });
    return statistics;
  };
  return { watch, asked, lines, ended, players, add };
}

test('each round asks about the input of every player since the round before', async () => {
  const { watch, asked, add } = start([]);
  const first = add('seat 0');
  add('seat 1');
  first.press('key');
  await watch.check();
  await watch.check();
  expect(asked.map(({ statistics }) => statistics.actions)).toEqual([1, 0, 0, 0]);
});

test('flags are counted by session, and reach the rule', async () => {
  const { watch, asked, add, players, lines } = start([FLAGGED, FLAGGED, FINE]);
  add('seat 0');
  for (let round = 0; round < 4; round++) await watch.check();
  expect(asked.map(({ flags }) => flags)).toEqual([0, 1, 2, 2]);
  expect(lines).toEqual(Array(2).fill('warn seat 0: flagged by a risk rule: conduct.odd, score 0.50'));
  players.length = 0;
  add('seat 0');
  await watch.check();
  expect(asked.at(-1)?.flags).toBe(0);
});

test('a refusal ends the session of that player alone', async () => {
  const { watch, add, ended, lines } = start([FINE, REFUSED]);
  add('seat 0');
  add('seat 1');
  await watch.check();
  expect(ended).toEqual(['seat 1 NL_RISK the host does not accept this way of playing (conduct.odd)']);
  expect(lines).toEqual(['warn seat 1: a risk rule ends the session: conduct.odd, score 0.90']);
});

test('a round that is on its way is not begun again, and ends when the watch is closed', async () => {
  const { watch, asked, add } = start([]);
  add('seat 0');
  add('seat 1');
  const rounds = [watch.check(), watch.check()];
  await watch.close();
  await Promise.all(rounds);
  expect(asked).toHaveLength(1);
});
