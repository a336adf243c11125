import { createHash } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { readConfig } from '../../host/base/config.ts';
import type { Notice } from '../../host/base/protocol.ts';
import { Meters } from '../../host/observe/meters.ts';
import { movePeers, openMoves } from '../../host/play/moves.ts';
import { MovingSeats } from '../../host/play/moving-seats.ts';
import type { Room } from '../../host/room/room.ts';
import type { Kept } from '../../host/stream/transfers.ts';
import { openTestStore } from '../edge/store/stores.ts';
import { eventually } from '../wait.ts';

const KEY = 'k'.repeat(32);
const STATE = Uint8Array.of(7, 8);
const digestOf = (token: string) => createHash('sha256').update(token).digest('base64url');

test.each<[string, Record<string, string>, string]>([
  ['hosts without a name for this one', { MOVE_PEERS: 'west=http://a/|http://b/' }, 'MOVE_NAME'],
  ['a name without a secret', { MOVE_NAME: 'east' }, 'MOVE_KEY'],
  ['a secret that is too short', { MOVE_NAME: 'east', MOVE_KEY: KEY.slice(1) }, '32 characters'],
  [
    'this host among the others',
    { MOVE_NAME: 'west', MOVE_KEY: KEY, MOVE_PEERS: 'west=http://a/|http://b/' },
    'names this host',
  ],
])('settings with %s are refused, without the secret in the message', (_, env, text) => {
  const call = () => movePeers(readConfig(env));
  expect(call).toThrow(text);
  expect(call).not.toThrow('kkk');
});

test('settings that fit are read, and none are needed for moves within the host', () => {
  const env = { MOVE_NAME: 'east', MOVE_KEY: KEY, MOVE_PEERS: 'west=http://a/|http://b/' };
  expect(movePeers(readConfig(env))).toEqual([{ name: 'west', url: 'http://a/', pages: 'http://b/' }]);
  expect(movePeers(readConfig({}))).toEqual([]);
});

/** Makes the seats of a host, whose rooms and connections note what happens to them. */
function fakeSeats({ peers = movePeers(readConfig({})), accepts = true } = {}) {
  const calls: string[] = [];
  const notices: Notice[] = [];
  const moves = (game: string) => ({
    depart: async (_id: string, seat: number) => {
      calls.push(`${game} depart ${seat}`);
      return STATE;
    },
    restore: async () => {
      calls.push(`${game} restore`);
      return accepts;
    },
    release: async (_id: string, notice: Notice) => {
      calls.push(`${game} release`);
      notices.push(notice);
      return accepts;
    },
    redirect: async (_id: string, seat: number) => {
      calls.push(`${game} redirect ${seat}`);
      return true;
    },
    arrive: async (seat: number, state: Uint8Array) => {
      calls.push(`${game} arrive ${seat} ${state.join()}`);
      return true;
    },
    has: () => false,
  });
  const rooms = ['one', 'two'].map((name) => ({ name, moves: moves(name) as unknown as Room['moves'] }));
  const state: { kept: Kept['state']; isKnown: boolean; digests: string[] } = {
    kept: 'waiting',
    isKnown: false,
    digests: [],
  };
  const transfers = {
    rightTo: (game: string, seat: number) => (game === 'one' && seat === 0 ? { digest: digestOf('page') } : undefined),
    keep: async (game: string, { digest }: { digest: string }): Promise<Kept> => {
      calls.push(`${game} keep`);
      state.digests.push(digest);
      return {
        seat: 3,
        isKnown: state.isKnown,
        get state() {
          return state.kept;
        },
        cancel: () => calls.push(`${game} cancel`),
      };
    },
    cancel: ({ digest }: { digest: string }) => void calls.push(`cancel ${digest}`),
  };
  const saved = Promise.withResolvers<void>();
  const checkpoints = {
    after: () => saved.promise,
    lastDigest: (_: string, origin: string) => (origin === digestOf('first') ? digestOf('last') : undefined),
  };
  const seats = new MovingSeats({ rooms: () => rooms, transfers, peers, returnMsMax: 30_000, checkpoints });
  return { seats, calls, notices, state, saved };
}

test('a player moves between two games of a host, over a store and without a network', async () => {
  const { store } = await openTestStore();
  const { seats, calls, notices, state, saved } = fakeSeats();
  const meters = new Meters();
  const moves = await openMoves({
    config: readConfig({ MOVE_STEP_MS_MAX: '10000' }),
    store,
    seats,
    meters,
    log: () => {},
  });
  onTestFinished(() => moves.close());
  expect(moves.port).toBeUndefined();
  const result = await moves.start({ from: { game: 'one', seat: 0 }, to: { host: '', game: 'two' } });
  expect(result).toMatchObject({ outcome: 'committed' });
  expect(calls).toEqual(['two keep', 'one depart 0', 'two arrive 3 7,8', 'one release']);
  const [notice] = notices;
  expect(notice).toEqual({ kind: 'moved', game: 'two', token: expect.any(String), holdMs: 30_000 });
  expect(state.digests).toEqual([digestOf((notice as { token: string }).token)]);
  state.kept = 'taken';
  await eventually(() => expect(meters.movesOpen).toEqual({ departures: 0, arrivals: 1 }));
  saved.resolve();
  await eventually(() => expect(meters.movesOpen).toEqual({ departures: 0, arrivals: 0 }));
});

test('seats are reserved and filled once, and the page gets the URL of the other host', async () => {
  const env = { MOVE_NAME: 'east', MOVE_KEY: KEY, MOVE_PEERS: 'west=http://a/|http://b/play' };
  const { seats, calls, notices } = fakeSeats({ peers: movePeers(readConfig(env)) });
  const holder = { digest: digestOf('t') };
  expect([await seats.reserve('a', 'two', holder), await seats.reserve('a', 'two', holder)]).toEqual([3, 3]);
  expect([await seats.arrive('a', STATE), await seats.arrive('a', STATE), await seats.arrive('b', STATE)]).toEqual([
    true,
    true,
    false,
  ]);
  expect(seats.reservation('a')).toBe('waiting');
  await seats.vacate('a');
  expect(seats.reservation('a')).toBe('gone');
  expect(calls).toEqual(['two keep', 'two arrive 3 7,8', 'two cancel']);
  await seats.release('c', { game: 'one', seat: 0 }, { host: 'west', game: 'two', token: 't' });
  expect(notices).toEqual([{ kind: 'moved', url: 'http://b/play/whep', game: 'two', token: 't', holdMs: 30_000 }]);
});

test('after a restart, a player without a room gets a seat and the state back, or is sent on', async () => {
  const { seats, calls } = fakeSeats({ accepts: false });
  const place = { game: 'one', seat: 0 };
  const holder = { digest: digestOf('page') };
  await seats.restore('a', place);
  expect(calls.splice(0)).toEqual(['one restore']);
  await seats.restore('a', place, { holder, player: STATE });
  expect(calls.splice(0)).toEqual(['one restore', 'one keep', 'one arrive 3 7,8']);
  await seats.release('b', place, { host: '', game: 'two', token: 't' }, holder);
  expect(calls.splice(0)).toEqual(['one release', 'one keep', 'one redirect 3']);
});

test('after a restart, a seat is kept for the last token of a page that has returned, and the match is not given an older state', async () => {
  const { seats, calls, state } = fakeSeats();
  state.isKnown = true;
  await seats.reserve('a', 'two', { digest: digestOf('first') });
  expect(state.digests).toEqual([digestOf('last')]);
  expect([await seats.arrive('a', STATE), seats.isKept('a')]).toEqual([true, true]);
  expect(calls).toEqual(['two keep']);
});

test('a player who is put back after a restart gets the seat of the stay, whose token has changed since', async () => {
  const { seats, state } = fakeSeats({ accepts: false });
  const holder = { digest: digestOf('second'), origin: digestOf('first') };
  await seats.restore('a', { game: 'one', seat: 0 }, { holder, player: STATE });
  expect(state.digests).toEqual([digestOf('last')]);
});

test('a move that is undone after a restart gives up the seat that a match which goes on has kept', async () => {
  const { seats, calls } = fakeSeats();
  await seats.vacate('a', { game: 'two', holder: { digest: 'd' } });
  await seats.vacate('b');
  expect(calls).toEqual(['cancel d']);
});

test('a reservation whose move is finished is forgotten, and the seat stays', async () => {
  const { seats, calls } = fakeSeats();
  await seats.reserve('a', 'two', { digest: digestOf('t') });
  await seats.arrive('a', STATE);
  seats.forget('a');
  expect([seats.reservation('a'), seats.isKept('a'), calls]).toEqual(['gone', true, ['two keep', 'two arrive 3 7,8']]);
});

test('the state of a player who has arrived is kept elsewhere until the store has the match with the player', async () => {
  const { seats, saved } = fakeSeats();
  expect(seats.isKept('a')).toBe(true);
  await seats.reserve('a', 'two', { digest: digestOf('t') });
  await seats.arrive('a', STATE);
  expect(seats.isKept('a')).toBe(false);
  saved.resolve();
  await eventually(() => expect(seats.isKept('a')).toBe(true));
});
