import { afterEach, expect, test } from 'vitest';
import { Rule } from '../../../host/edge/rules/rule.ts';
import type { NamedDecision } from '../../../host/edge/rules/rules.ts';
import { RISK_OK, RiskRules } from '../../../host/edge/rules/rules.ts';
import * as contract from '../../../renderer/contract/rule.ts';
import { ManualClock } from '../../room/fake.ts';
import { answer, PLAYERS, ready } from './modules.ts';

interface Scripted {
  name: string;
  verdict?: number;
  reason?: string;
  score?: number;
  occasions?: number;
  onFailure?: 'open' | 'closed';
}

const open: RiskRules[] = [];
afterEach(() => Promise.all(open.splice(0).map((rules) => rules.close())));

/** Opens rules that always give the same answer, except that they fail for PLAYERS.broken. `seen` collects their facts. */
async function start(scripts: Scripted[]) {
  const clock = new ManualClock();
  const decisions: NamedDecision[] = [];
  const seen: DataView[] = [];
  const rules: Rule[] = [];
  for (const { name, occasions = 3, onFailure = 'closed', ...given } of scripts) {
    const engine = {
      load: async () => ({
        ready: Uint32Array.from(ready({ occasions })),
        ended: new Promise<undefined>(() => {}),
        close: async () => {},
        async decide(_address: number, facts: Uint8Array) {
          const record = new DataView(facts.buffer);
          if (record.getFloat64(contract.FACTS_TIME, true) > 0) seen.push(record);
          const isBroken = record.getUint32(contract.FACTS_PLAYERS, true) === PLAYERS.broken;
          return Uint32Array.from(isBroken ? [] : answer(given));
        },
      }),
    };
    rules.push(await Rule.open(new Uint8Array(), { name, engine, clock, onFailure, log: () => {} }));
  }
  const risk = new RiskRules({
    rules,
    clock,
    secret: new Uint8Array(32),
    wallClock: () => 1000,
    onDecision: (decision) => decisions.push(decision),
  });
  open.push(risk);
  return { risk, decisions, seen, clock };
}

const person = { role: 'player', address: '1', seats: 4, players: 1 } as const;
const statistics = {
  seconds: 5,
  actions: 0,
  actionsPeak: 0,
  pauseMeanMs: 0,
  pauseDeviationMs: 0,
  turns: 0,
  impossibleTurns: 0,
  reactions: [],
};

test('without rules, everyone may join', async () => {
  const { risk } = await start([]);
  expect(await risk.atJoin(person)).toEqual({ allow: true, code: RISK_OK, score: 0, flags: [] });
  expect(risk.watchesPlay).toBe(false);
});

test('the first rule that refuses gives the code, and the highest score counts', async () => {
  const { risk, decisions } = await start([
    { name: 'a', score: 0.25 },
    { name: 'b', verdict: 1, reason: 'odd', score: 0.5 },
    { name: 'c', verdict: 2, reason: 'too-fast', score: 0.75 },
    { name: 'd', verdict: 2, reason: 'too-far', score: 0 },
  ]);
  expect(await risk.atJoin(person)).toEqual({ allow: false, code: 'c.too-fast', score: 0.75, flags: ['b.odd'] });
  expect(decisions.map(({ rule, verdict }) => `${rule} ${verdict}`)).toEqual([
    'a allow',
    'b flag',
    'c refuse',
    'd refuse',
  ]);
});

test('a flag lets the player join', async () => {
  const { risk } = await start([{ name: 'b', verdict: 1, reason: 'odd', score: 0.5 }]);
  expect(await risk.atJoin(person)).toEqual({ allow: true, code: 'b.odd', score: 0.5, flags: ['b.odd'] });
});

test('only rules for the occasion decide', async () => {
  const { risk, decisions } = await start([
    { name: 'join', occasions: contract.OCCASION_JOIN },
    { name: 'play', occasions: contract.OCCASION_PLAY },
  ]);
  await risk.atJoin(person);
  expect(decisions.map(({ rule }) => rule)).toEqual(['join']);
  await risk.duringPlay({ ...person, statistics, flags: 0 });
  expect(decisions.map(({ rule }) => rule)).toEqual(['join', 'play']);
  expect(risk.watchesPlay).toBe(true);
});

test('a closed rule that fails refuses a join, and ends no session', async () => {
  const { risk, decisions } = await start([{ name: 'a' }]);
  const failing = { ...person, players: PLAYERS.broken };
  expect(await risk.atJoin(failing)).toMatchObject({ allow: false, code: 'a.rule-failed' });
  expect(await risk.duringPlay({ ...failing, statistics, flags: 0 })).toMatchObject({ allow: true, code: RISK_OK });
  expect(decisions.every(({ failure }) => failure?.code === 'NL_RULE')).toBe(true);
});

test('an open rule that fails lets a player join', async () => {
  const { risk } = await start([{ name: 'a', onFailure: 'open' }]);
  expect(await risk.atJoin({ ...person, players: PLAYERS.broken })).toMatchObject({ allow: true, code: RISK_OK });
});

test('of joins at the same time, each sees those before it, and refusals count for the address', async () => {
  const { risk, seen } = await start([{ name: 'a', verdict: 2, reason: 'no' }]);
  await Promise.all([risk.atJoin(person), risk.atJoin(person), risk.atJoin({ ...person, address: '2' })]);
  risk.noteRefusal({ address: '1' });
  await risk.atJoin(person);
  const read = (at: number) => seen.map((record) => record.getUint32(at, true));
  expect(read(contract.FACTS_ADDRESS_JOINS)).toEqual([0, 1, 0, 2]);
  expect(read(contract.FACTS_NODE_JOINS)).toEqual([0, 1, 2, 3]);
  expect(read(contract.FACTS_ADDRESS_REFUSALS)).toEqual([0, 0, 0, 3]);
});

test('a failure of a rule does not count as a refusal of the address', async () => {
  const { risk, seen } = await start([{ name: 'a' }]);
  await risk.atJoin({ ...person, players: PLAYERS.broken });
  await risk.atJoin(person);
  expect(seen.at(-1)?.getUint32(contract.FACTS_ADDRESS_REFUSALS, true)).toBe(0);
});
