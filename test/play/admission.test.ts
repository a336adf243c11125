import { expect, test } from 'vitest';
import type { PersonFacts } from '../../host/edge/rules/facts.ts';
import { joinRules, ticketsIn } from '../../host/play/admission.ts';
import { openTestStore, temporaryFolder } from '../edge/store/stores.ts';

test('the key of join tickets and the tickets that were used outlive the host', async () => {
  const folder = temporaryFolder();
  const { store: first } = await openTestStore({ folder });
  const before = ticketsIn(first);
  const key = Buffer.from(await before.key()).toString('hex');
  const expiresAt = Date.now() + 60_000;
  expect(await before.use('a', expiresAt)).toBe(true);
  await first.close();
  const { store: second } = await openTestStore({ folder });
  const after = ticketsIn(second);
  expect(Buffer.from(await after.key()).toString('hex')).toBe(key);
  expect([await after.use('a', expiresAt), await after.use('b', expiresAt)]).toEqual([false, true]);
  await second.close();
});

test('a risk rule gets the facts of a join, and its refusal names it', async () => {
  const people: PersonFacts[] = [];
  const atJoin = async (person: PersonFacts) => {
    people.push(person);
    return { allow: person.role === 'player', code: 'velocity.7', score: 1, flags: [] };
  };
  const rules = joinRules({ rules: { atJoin } });
  const game = { id: 'arena', status: 'waiting', player_count: 3 } as const;
  const input = { user: { id: 'ada', role: 'player' }, game, client: '192.0.2.1', at: 0, seats: 10 };
  expect(await rules.assess({ ...input, action: 'join' })).toEqual({ allowed: true });
  expect(await rules.assess({ ...input, action: 'watch', user: { id: '', role: '' } })).toEqual({
    allowed: false,
    rule: 'velocity.7',
  });
  const facts = { address: '192.0.2.1', seats: 10, players: 3 };
  expect(people).toEqual([
    { ...facts, role: 'player', account: 'ada' },
    { ...facts, role: 'spectator' },
  ]);
});
