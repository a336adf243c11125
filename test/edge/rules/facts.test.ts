import { expect, test } from 'vitest';
import { FactsWriter, type PersonFacts } from '../../../host/edge/rules/facts.ts';
import * as rule from '../../../renderer/contract/rule.ts';

const secret = new Uint8Array(32).fill(7);
const writer = new FactsWriter({ secret, wallClock: () => 1_700_000_000_500 });
const person: PersonFacts = {
  role: 'player',
  account: 'a@b',
  address: '203.0.113.7',
  region: 'DE',
  seats: 10,
  players: 3,
};
const counts = { account: 1, address: 2, addressRefusals: 3, node: 2 ** 33 };

const view = (bytes: Uint8Array) => new DataView(bytes.buffer);
const key = (facts: PersonFacts, at: number, from = writer) => view(from.join(facts, counts)).getBigUint64(at, true);
const regionOf = (region: string) =>
  String.fromCharCode(...writer.join({ ...person, region }, counts).subarray(rule.FACTS_REGION, rule.FACTS_REGION + 8));

test('the record of a join has every field in its place', () => {
  const bytes = writer.join(person, counts);
  const record = view(bytes);
  const word = (at: number) => record.getUint32(at, true);
  expect(bytes.length).toBe(rule.FACTS_BYTES);
  expect(record.getFloat64(rule.FACTS_TIME, true)).toBe(1_700_000_000.5);
  expect([word(rule.FACTS_VERSION), word(rule.FACTS_OCCASION), word(rule.FACTS_ROLE)]).toEqual([1, 1, 1]);
  expect([word(rule.FACTS_SEATS), word(rule.FACTS_PLAYERS)]).toEqual([10, 3]);
  expect(word(rule.FACTS_ACCOUNT_JOINS)).toBe(1);
  expect(word(rule.FACTS_ADDRESS_JOINS)).toBe(2);
  expect(word(rule.FACTS_ADDRESS_REFUSALS)).toBe(3);
  expect(word(rule.FACTS_NODE_JOINS)).toBe(2 ** 32 - 1);
  expect(regionOf('DE')).toBe('DE\0\0\0\0\0\0');
});

test('the record of a player has every figure in its place', () => {
  const reactions = Array.from({ length: rule.REACTION_BUCKETS }, (_, n) => n + 1);
  const statistics = {
    seconds: 5,
    actions: 60,
    actionsPeak: 14,
    pauseMeanMs: 80.5,
    pauseDeviationMs: 12.25,
    turns: 9,
    impossibleTurns: 4,
    reactions,
  };
  const record = view(writer.play({ ...person, statistics, flags: 2 }));
  const words = [rule.FACTS_OCCASION, rule.FACTS_FLAGS, rule.FACTS_ACTIONS, rule.FACTS_ACTIONS_PEAK, rule.FACTS_TURNS];
  expect(words.map((at) => record.getUint32(at, true))).toEqual([2, 2, 60, 14, 9]);
  expect(record.getUint32(rule.FACTS_IMPOSSIBLE_TURNS, true)).toBe(4);
  const floats = [rule.FACTS_SECONDS, rule.FACTS_PAUSE_MEAN, rule.FACTS_PAUSE_DEVIATION];
  expect(floats.map((at) => record.getFloat32(at, true))).toEqual([5, 80.5, 12.25]);
  expect(reactions.map((_, n) => record.getUint32(rule.FACTS_REACTIONS + 4 * n, true))).toEqual(reactions);
});

test('a rule can tell accounts and addresses apart, and learns neither', () => {
  const other = new FactsWriter({ secret: new Uint8Array(32), wallClock: () => 0 });
  const account = key(person, rule.FACTS_ACCOUNT);
  expect(key(person, rule.FACTS_ACCOUNT)).toBe(account);
  expect(key({ ...person, account: 'a@c' }, rule.FACTS_ACCOUNT)).not.toBe(account);
  expect(key(person, rule.FACTS_ACCOUNT, other)).not.toBe(account);
  expect(key({ ...person, account: undefined }, rule.FACTS_ACCOUNT)).toBe(0n);
  // The same text as an account and as an address gives different numbers.
  expect(key({ ...person, address: 'a@b' }, rule.FACTS_ADDRESS)).not.toBe(account);
  expect(key({ ...person, address: '203.0.113.8' }, rule.FACTS_ADDRESS)).not.toBe(key(person, rule.FACTS_ADDRESS));
  const text = Buffer.from(writer.join(person, counts)).toString('latin1');
  expect(text).not.toContain('a@b');
  expect(text).not.toContain('203.0.113.7');
});

test('a region of eight characters fits, and one that is longer or no code is unknown', () => {
  expect(regionOf('US-CA-12')).toBe('US-CA-12');
  for (const region of ['US-CA-123', 'de', 'D\0', '']) expect(regionOf(region)).toBe('\0'.repeat(8));
});
