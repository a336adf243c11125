import { beforeEach, describe, expect, test } from 'vitest';
import {
  ACCOUNT_LENGTH_MAX,
  GAME_LENGTH_MAX,
  type MoveMessage,
  PLAYER_LENGTH_MAX,
  parseAnswer,
  parseMessage,
  TEXT_LENGTH_MAX,
  VERSION_MAX,
} from '../../../host/edge/saga/message.ts';
import type { Decision } from '../../../host/edge/saga/states.ts';
import { PLAYER_BYTES_MAX } from '../../../renderer/contract/abi.ts';
import { digestOf, GAME, SEATS, World } from './world.ts';

const id = 'i'.repeat(22);
const trace = `${'0'.repeat(31)}1`;
const holder = { digest: digestOf('a') };
const reserve = { kind: 'reserve', id, version: 1, trace, game: GAME, holder } as const;
const importing = { kind: 'import', id, version: 2, trace, player: 'AQID' } as const;
const commit = { kind: 'commit', id, version: 3, trace } as const;
const cancel = { kind: 'cancel', id, version: 3, trace } as const;

describe('the check of a message', () => {
  test.each<[string, MoveMessage]>([
    ['a reservation', reserve],
    ['a reservation with an account', { ...reserve, holder: { ...holder, account: { id: 'u', role: '' } } }],
    [
      'the longest names',
      {
        ...reserve,
        game: 'g'.repeat(GAME_LENGTH_MAX),
        holder: { ...holder, account: { id: 'i'.repeat(ACCOUNT_LENGTH_MAX), role: 'r'.repeat(ACCOUNT_LENGTH_MAX) } },
      },
    ],
    ['a state', importing],
    ['an empty state', { ...importing, player: '' }],
    ['the largest state', { ...importing, player: Buffer.alloc(PLAYER_BYTES_MAX).toString('base64') }],
    ['a decision', commit],
    ['a cancellation of the last version', { ...cancel, version: VERSION_MAX }],
    ['a question', { ...commit, kind: 'ask' }],
  ])('takes %s', (_, message) => {
    expect(parseMessage(JSON.parse(JSON.stringify(message)))).toEqual(message);
  });

  test.each<[string, unknown]>([
    ['nothing', null],
    ['a list', []],
    ['an unknown kind', { ...commit, kind: 'decide' }],
    ['an id that is too short', { ...commit, id: id.slice(1) }],
    ['an id that is too long', { ...commit, id: `${id}i` }],
    ['version 0', { ...commit, version: 0 }],
    ['a version that is too high', { ...commit, version: VERSION_MAX + 1 }],
    ['a version that is not whole', { ...commit, version: 1.5 }],
    ['no trace', { ...commit, trace: undefined }],
    ['a trace of zeros', { ...commit, trace: '0'.repeat(32) }],
    ['no game', { ...reserve, game: '' }],
    ['a name of a game that is too long', { ...reserve, game: 'g'.repeat(GAME_LENGTH_MAX + 1) }],
    ['no holder', { ...reserve, holder: undefined }],
    ['a digest that is too long', { ...reserve, holder: { digest: `${holder.digest}A` } }],
    ['an account without an id', { ...reserve, holder: { ...holder, account: { id: '', role: 'player' } } }],
    [
      'an account that is too long',
      { ...reserve, holder: { ...holder, account: { id: 'i'.repeat(ACCOUNT_LENGTH_MAX + 1), role: '' } } },
    ],
    [
      'a role that is too long',
      { ...reserve, holder: { ...holder, account: { id: 'i', role: 'r'.repeat(ACCOUNT_LENGTH_MAX + 1) } } },
    ],
    [
      'a state that is one byte too large',
      { ...importing, player: Buffer.alloc(PLAYER_BYTES_MAX + 1).toString('base64') },
    ],
    ['a state that is longer than any', { ...importing, player: 'A'.repeat(PLAYER_LENGTH_MAX + 4) }],
    ['a state that is not base64', { ...importing, player: 'A*==' }],
    ['a state in bytes', { ...importing, player: [1, 2] }],
  ])('refuses %s', (_, message) => {
    expect(() => parseMessage(message)).toThrow('NL_MOVE_MESSAGE');
  });
});

describe('the check of an answer', () => {
  test.each<[string, unknown, object]>([
    ['a seat', { ok: true, seat: 63, more: 1 }, { ok: true, seat: 63 }],
    ['a decision', { ok: true, decision: 'committed' }, { ok: true, decision: 'committed' satisfies Decision }],
    ['a refusal', { ok: false, code: 'NL_ROOM_FULL', message: 'm' }, { ok: false, code: 'NL_ROOM_FULL', message: 'm' }],
    [
      'a code of another version',
      { ok: false, code: 'NL_NEW', message: 'm' },
      { ok: false, code: 'NL_MOVE', message: 'm' },
    ],
    [
      'a name of all objects as the code',
      { ok: false, code: 'toString', message: 'm' },
      { ok: false, code: 'NL_MOVE', message: 'm' },
    ],
    [
      'the longest text',
      { ok: false, code: 'NL_MOVE', message: 'm'.repeat(TEXT_LENGTH_MAX) },
      { message: 'm'.repeat(TEXT_LENGTH_MAX) },
    ],
  ])('takes %s', (_, answer, expected) => {
    expect(parseAnswer(answer)).toMatchObject(expected);
    expect(parseAnswer(answer)).not.toHaveProperty('more');
  });

  test.each<[string, unknown]>([
    ['neither yes nor no', { ok: 1 }],
    ['a seat that no room has', { ok: true, seat: 64 }],
    ['an unknown decision', { ok: true, decision: 'perhaps' }],
    ['a text that is too long', { ok: false, code: 'NL_MOVE', message: 'm'.repeat(TEXT_LENGTH_MAX + 1) }],
  ])('refuses %s', (_, answer) => {
    expect(() => parseAnswer(answer)).toThrow('NL_MOVE_MESSAGE');
  });
});

describe('a target whose source lies', () => {
  let world: World;
  const tell = (message: MoveMessage, from = 'east') => world.west.life.target.handle(message, from);
  const refused = expect.objectContaining({ ok: false });

  beforeEach(async () => {
    world = await World.open();
  });

  test('takes each message once, and answers a repetition in the same way', async () => {
    for (const message of [reserve, reserve, importing, importing, commit, commit])
      expect(await tell(message)).toMatchObject({ ok: true });
    expect(world.west.seats.players).toEqual([Uint8Array.of(1, 2, 3)]);
    expect(world.west.meters.moves.arrived).toBe(1);
  });

  test('refuses messages out of their order, of a wrong version, and of another host', async () => {
    expect(await tell(importing)).toEqual(refused);
    expect(await tell(commit)).toEqual(refused);
    expect(await tell({ ...reserve, version: 2 })).toEqual(refused);
    await tell(reserve);
    expect(await tell({ ...commit, version: 2 })).toEqual(refused);
    expect(await tell({ ...importing, version: 3 })).toEqual(refused);
    expect(await tell(importing, 'north')).toEqual(refused);
    expect(await tell({ ...commit, kind: 'ask' })).toEqual(refused);
    await tell(importing);
    expect(await tell({ ...importing, player: 'AQIE' })).toEqual(refused);
    expect(await tell({ ...commit, version: 4 })).toEqual(refused);
    expect(await tell(commit)).toEqual({ ok: true });
    expect(await tell({ ...cancel, version: 4 })).toEqual(refused);
    expect(world.west.seats.players).toEqual([Uint8Array.of(1, 2, 3)]);
  });

  test('knows a cancellation that comes before what it cancels', async () => {
    expect(await tell({ ...cancel, version: 2 })).toEqual({ ok: true });
    expect(await tell({ ...cancel, version: 2 })).toEqual({ ok: true });
    expect(await tell(reserve)).toEqual(refused);
    expect(world.west.seats.seats.every((seat) => seat === undefined)).toBe(true);
  });

  test('keeps no seat for a player whom the room has no seat for, or whose state the game cannot use', async () => {
    for (let seat = 0; seat < SEATS; seat++) world.west.seats.join(Uint8Array.of(seat));
    expect(await tell(reserve)).toMatchObject({ ok: false, code: 'NL_ROOM_FULL' });
    world.west.seats.seats[0] = undefined;
    world.west.seats.isWilling = false;
    const other = { id: 'j'.repeat(22) };
    expect(await tell({ ...reserve, ...other })).toMatchObject({ ok: true });
    expect(await tell({ ...importing, ...other })).toMatchObject({ ok: false, code: 'NL_MOVE' });
    expect(world.west.seats.seats[0]).toBeUndefined();
  });
});

test('a source answers only the target of a move, and leads it alone', async () => {
  const world = await World.open();
  const { seat } = world.east.seats.join(Uint8Array.of(1));
  const to = { host: 'west', game: GAME };
  const { id: moved } = await world.drive(world.east.life.source.start({ from: { game: GAME, seat }, to }));
  const ask = { kind: 'ask', id: moved, version: 1, trace } as const;
  const { source } = world.east.life;
  expect(await source.answer(ask, 'west')).toEqual({ ok: true, decision: 'committed' });
  expect(await source.answer(ask, 'north')).toMatchObject({ ok: false, code: 'NL_MOVE_MESSAGE' });
  expect(await source.answer({ ...ask, id }, 'west')).toEqual({ ok: true, decision: 'cancelled' });
  expect(await source.answer({ ...commit, id: moved }, 'west')).toMatchObject({ ok: false });
});

test('a move is not begun for a seat without a player, to an unknown host, to the same game, or twice', async () => {
  const world = await World.open();
  const { source } = world.east.life;
  const { seat } = world.east.seats.join(Uint8Array.of(1));
  const from = { game: GAME, seat };
  const west = { host: 'west', game: GAME };
  await expect(source.start({ from: { game: GAME, seat: 3 }, to: west })).rejects.toThrow('NL_MOVE');
  await expect(source.start({ from, to: { host: 'north', game: GAME } })).rejects.toThrow('no host "north"');
  await expect(source.start({ from, to: west, trace: 'x' })).rejects.toThrow('trace');
  const first = source.start({ from, to: west });
  await expect(source.start({ from, to: west })).rejects.toThrow('is being moved');
  expect(await world.drive(first)).toMatchObject({ outcome: 'committed' });
  expect(world.east.meters.moves).toMatchObject({ refused: 4, committed: 1 });
});
