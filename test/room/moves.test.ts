import { afterEach, expect, test } from 'vitest';
import type { Notice } from '../../host/base/protocol.ts';
import { closeStages, count, join, request, type Stage, stage } from './stage.ts';

afterEach(closeStages);

const MOVED: Notice = { kind: 'moved', game: 'other', token: 't', holdMs: 30_000 };
/** The state that the stand-in of a module exports. */
const STATE = Uint8Array.of(4, 5);

/** Runs a call of the room, which is made between two ticks. */
async function run<T>(on: Stage, call: Promise<T>): Promise<T> {
  await on.clock.pass(20);
  return call;
}

/** Calls of the module about players, since the last look. */
function calls({ instance }: Stage): string[] {
  return instance.calls.splice(0).filter((call) => !/^(tick|render)/.test(call));
}

test('a player who departs leaves the game, keeps the seat, and sees no more pictures', async () => {
  const on = stage();
  await join(on);
  await on.clock.pass(100);
  calls(on);
  expect(await run(on, on.room.moves.depart('a', 0))).toEqual(STATE);
  expect(calls(on)).toEqual(['export 0', 'leave 0']);
  expect([on.room.players, on.room.playing.length]).toEqual([1, 0]);
  const [view] = on.views;
  const frames = view?.frames;
  await on.clock.pass(200);
  expect([view?.frames, count(on.instance.calls, 'render')]).toEqual([frames, 0]);
});

test('what a room saves is not whole while it is open where a player goes on', async () => {
  const on = stage();
  await join(on);
  await join(on);
  const isWhole = async () => (await run(on, on.room.save()))?.isWhole;
  expect(await isWhole()).toBe(true);
  await run(on, on.room.moves.depart('a', 0));
  expect(await isWhole()).toBe(false);
  await run(on, on.room.moves.restore('a'));
  expect(await isWhole()).toBe(true);
  await run(on, on.room.moves.depart('b', 1));
  expect(await isWhole()).toBe(false);
  await run(on, on.room.moves.release('b', MOVED));
  expect(await isWhole()).toBe(true);
});

test('a departure is repeated without an effect, and another one of the same player is refused', async () => {
  const on = stage();
  await join(on);
  await run(on, on.room.moves.depart('a', 0));
  calls(on);
  expect(await run(on, on.room.moves.depart('a', 0))).toEqual(STATE);
  expect(await run(on, on.room.moves.depart('b', 0))).toBeUndefined();
  expect(await run(on, on.room.moves.depart('c', 1))).toBeUndefined();
  expect(calls(on)).toEqual([]);
});

test('what a player holds who has departed does not reach the game', async () => {
  const on = stage();
  const { player } = await join(on);
  await join(on);
  const pressed: number[] = [];
  on.instance.onTick = (records) =>
    pressed.push(new Uint8Array(records.buffer, 4, 60).reduce((sum, byte) => sum + byte, 0));
  player.input.key(4, true, 1);
  await on.clock.pass(20);
  const before = pressed.at(-1) ?? 0;
  expect(before).toBeGreaterThan(0);
  await run(on, on.room.moves.depart('a', 0));
  await on.clock.pass(20);
  expect(pressed.at(-1)).toBe(0);
});

test('a player who is put back joins with the same state and sees pictures again, once for each move', async () => {
  const on = stage();
  const { connection } = await join(on);
  await run(on, on.room.moves.depart('a', 0));
  calls(on);
  expect(await run(on, on.room.moves.restore('a'))).toBe(true);
  expect(calls(on)).toEqual(['join 0', 'import 0 4 5']);
  const frames = on.views[0]?.frames ?? 0;
  await on.clock.pass(200);
  expect(on.views[0]?.frames).toBeGreaterThan(frames);
  expect(await run(on, on.room.moves.restore('a'))).toBe(true);
  expect(await run(on, on.room.moves.restore('b'))).toBe(false);
  expect([calls(on), connection.notices]).toEqual([[], []]);
});

test('the page of a player who has moved is sent on, also if it was away, and its seat is free when it leaves', async () => {
  const on = stage();
  const { player, connection } = await join(on);
  await run(on, on.room.moves.depart('a', 0));
  player.onLost();
  expect(await run(on, on.room.moves.release('a', MOVED))).toBe(true);
  expect(connection.notices).toEqual([]);
  calls(on);
  const back = player.return(request);
  const notices: string[] = [];
  back.onConnected({ ...connection, notify: ({ kind }) => void notices.push(kind) });
  await on.clock.pass(20);
  expect([notices, calls(on)]).toEqual([['moved'], []]);
  expect(await run(on, on.room.moves.restore('a'))).toBe(true);
});

test('a page that does not follow its player is let go after 10 s', async () => {
  const on = stage();
  const { player, connection } = await join(on);
  await run(on, on.room.moves.depart('a', 0));
  await run(on, on.room.moves.release('a', MOVED));
  await on.clock.pass(9900);
  expect(connection.notices).toEqual(['moved']);
  await on.clock.pass(200);
  expect(connection.notices).toEqual(['moved', 'NL_MOVED']);
  player.onClosed('host');
  await on.clock.pass(20);
  expect([on.room.players, count(on.instance.calls, 'leave')]).toEqual([0, 1]);
});

test('a player arrives with a state before the page has come, and joins once', async () => {
  const on = stage();
  const player = on.room.accept(request);
  expect(await run(on, on.room.moves.arrive(0, STATE))).toBe(true);
  expect(calls(on)).toEqual(['join 0', 'import 0 4 5']);
  player.onConnected((await join(stage())).connection);
  await on.clock.pass(100);
  expect([calls(on), on.views[0]?.frames ?? 0]).toEqual([[], expect.toSatisfy((frames: number) => frames > 0)]);
  expect(await run(on, on.room.moves.arrive(1, STATE))).toBe(false);
});

test('a state that the module cannot use is an answer, not a fault', async () => {
  const on = stage();
  on.room.accept(request);
  expect(await run(on, on.room.moves.arrive(0, new Uint8Array()))).toBe(false);
  expect(on.room.isClosed).toBe(false);
});

test('a page that comes for a player whom the room has lost is sent on', async () => {
  const on = stage();
  const player = on.room.accept(request);
  expect(await run(on, on.room.moves.redirect('a', 0, MOVED))).toBe(true);
  const { connection } = await join(stage());
  connection.notices.length = 0;
  player.onConnected(connection);
  await on.clock.pass(20);
  expect([connection.notices, calls(on)]).toEqual([['moved'], []]);
});

test('a player whom a match that goes on still has, and who has moved, leaves it, and the page is sent on', async () => {
  const on = stage();
  const { connection } = await join(on);
  calls(on);
  expect(await run(on, on.room.moves.redirect('a', 0, MOVED))).toBe(true);
  expect([connection.notices, calls(on), on.room.playing]).toEqual([['moved'], ['leave 0'], []]);
});

test('a room that ends answers all of it', async () => {
  const on = stage();
  await join(on);
  await on.room.close();
  const { moves } = on.room;
  expect(
    await Promise.all([moves.depart('a', 0), moves.restore('a'), moves.release('a', MOVED), moves.arrive(0, STATE)]),
  ).toEqual([undefined, false, false, false]);
});
