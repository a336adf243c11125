import type { Package } from '../../../host/edge/policy/decide.ts';

/** An input of a policy, which may lack anything, and what the policy says to it. */
export interface PolicyCase {
  name: Package;
  input: object;
  allow: boolean;
}

const user = (role: string) => ({ user: { id: 'ada', role } });
const game = (status: string, players: number) => ({ game: { id: 'arena', status, player_count: players } });

/** Both sides of every condition of the policies that come along. */
export const CASES: readonly PolicyCase[] = [
  { name: 'gaming', input: { ...user('player'), ...game('waiting', 0) }, allow: true },
  { name: 'gaming', input: { ...user('player'), ...game('waiting', 9) }, allow: true },
  { name: 'gaming', input: { ...user('player'), ...game('waiting', 10) }, allow: false },
  { name: 'gaming', input: { ...user('player'), ...game('waiting', 11) }, allow: false },
  { name: 'gaming', input: { ...user('player'), ...game('active', 0) }, allow: false },
  { name: 'gaming', input: { ...user('player'), ...game('ended', 0) }, allow: false },
  { name: 'gaming', input: { ...user('spectator'), ...game('waiting', 0) }, allow: false },
  { name: 'gaming', input: { ...user(''), ...game('waiting', 0) }, allow: false },
  { name: 'gaming', input: { ...user('Player'), ...game('waiting', 0) }, allow: false },
  { name: 'gaming', input: game('waiting', 0), allow: false },
  { name: 'gaming', input: user('player'), allow: false },
  { name: 'gaming', input: {}, allow: false },
  { name: 'game', input: { ...user('player'), ...game('active', 0) }, allow: true },
  { name: 'game', input: { ...user('player'), ...game('active', 64) }, allow: true },
  { name: 'game', input: { ...user('player'), ...game('waiting', 0) }, allow: false },
  { name: 'game', input: { ...user('player'), ...game('ended', 0) }, allow: false },
  { name: 'game', input: { ...user('spectator'), ...game('active', 0) }, allow: false },
  { name: 'game', input: { ...user('player') }, allow: false },
  { name: 'game', input: game('active', 0), allow: false },
  { name: 'game', input: {}, allow: false },
];
