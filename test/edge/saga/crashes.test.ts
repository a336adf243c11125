import { beforeEach, describe, expect, test } from 'vitest';
import { MEANING } from '../../../host/edge/saga/states.ts';
import type { Node, RoomsFate } from './hosts.ts';
import { type FakeSeats, GAME, World } from './world.ts';

const STATE = Uint8Array.of(0, 255, 10, 13, 34, 92, 1);
const TO = { host: 'west', game: GAME };
let world: World;

beforeEach(async () => {
  world = await World.open();
});

/** Begins to move a player from east to west. */
function begin() {
  const { seat, token } = world.east.seats.join(STATE);
  const done = world.east.life.source.start({ from: { game: GAME, seat }, to: TO });
  done.catch(() => {});
  return { done, seat, token };
}

/**
 * Crashes a host at one point of a move, starts it again, and waits until nothing is left to do.
 * @param isFresh whether both hosts make checkpoints until the crash; otherwise the last ones are from before the move
 * @returns the point, and the states that were on the disk then; undefined if the move has fewer points
 */
async function walk(
  point: number,
  fate: RoomsFate,
  isFresh = false,
): Promise<{ label: string; states: string[] } | undefined> {
  let reached: string | undefined;
  let states: string[] = [];
  let count = 0;
  const crash = Promise.withResolvers<Node<FakeSeats>>();
  world.onPoint = (life, label) => {
    if (isFresh) for (const { seats } of [world.east, world.west]) seats.checkpoint();
    // A crash before a call is the same as one after the host's call before it.
    if (count > 0 && label.startsWith('before')) return;
    if (count++ !== point) return;
    life.isOver = true;
    reached = label;
    states = world.east.written.map(({ state }) => state);
    crash.resolve(label.split(' ')[1] === 'east' ? world.east : world.west);
  };
  for (const { seats } of [world.east, world.west]) seats.keepsMatches = fate === 'go on';
  const { done } = begin();
  world.east.seats.checkpoint();
  const first = await world.drive(Promise.race([done.catch(() => undefined), crash.promise]));
  world.onPoint = () => {};
  if (reached === undefined) return undefined;
  const node = await crash.promise;
  if (first === node) await world.rest();
  await node.crash(fate);
  await world.settle().catch((error: Error) => Promise.reject(new Error(`${reached}: ${error.message}`)));
  return { label: reached, states };
}

/** Checks that exactly one host has the player, with the same state, and that it is the one which the disk of east names. */
function expectOneOwner(context: string, wasLostWithRoom: boolean): void {
  const { east, west } = world;
  const last = east.written.at(-1);
  const owner = last === undefined ? 'source' : MEANING[last.state].owner;
  const [mine, other] = owner === 'source' ? [east, west] : [west, east];
  expect(other.seats.players, `${context}: the other host`).toEqual([]);
  expect(mine.seats.players, `${context}: the owner, ${mine.name}`).toEqual(wasLostWithRoom ? [] : [STATE]);
  const departed = east.seats.seats.filter((seat) => seat?.departed && !seat.sentTo);
  expect(departed, `${context}: players between the games`).toEqual([]);
}

describe.each([
  { flow: 'a move', isWilling: true },
  { flow: 'a move that is undone', isWilling: false },
])('$flow', ({ isWilling }) => {
  test.each([
    { rooms: 'rooms that live on', fate: 'live on' },
    { rooms: 'rooms that end with their host', fate: 'end' },
    { rooms: 'rooms that go on from a checkpoint before the move', fate: 'go on' },
    { rooms: 'rooms that go on from a checkpoint during the move', fate: 'go on', isFresh: true },
  ] as const)('has one owner after a crash at each point, with $rooms', async ({ fate, ...more }) => {
    const reached: string[] = [];
    for (let point = 0; ; point++) {
      world.clear();
      world.west.seats.isWilling = isWilling;
      const crashed = await walk(point, fate, 'isFresh' in more);
      if (!crashed) break;
      const { label, states } = crashed;
      reached.push(label);
      // Before the state is on the disk, and after the player is back, a crash of the room costs it, as if there were no move.
      const isInRoom = !states.includes('executing') || states.includes('compensated');
      const isLost = fate === 'end' && label.includes('east') && isInRoom;
      expectOneOwner(`${label} (${states.join(', ')})`, isLost);
    }
    const counts = (word: string) => reached.filter((label) => label.includes(word)).length;
    expect(reached.length).toBeGreaterThanOrEqual(isWilling ? 14 : 15);
    for (const word of ['east putSaga', 'west putSaga', 'east ask', 'east depart', 'west reserve', 'west arrive'])
      expect(counts(word), word).toBeGreaterThanOrEqual(1);
    expect(counts(isWilling ? 'east release' : 'east restore')).toBe(1);
  });
});

test('a player who has arrived is not lost with the room before a checkpoint of the target has the player', async () => {
  const { east, west } = world;
  west.seats.keepsMatches = true;
  await world.drive(begin().done);
  await world.follow();
  const tend = () => world.drive(Promise.all([east.life.source.tend(), west.life.target.tend()]));
  await world.clock.pass(1000);
  await tend();
  expect([east.meters.movesOpen, west.meters.movesOpen]).toEqual([
    { departures: 0, arrivals: 0 },
    { departures: 0, arrivals: 1 },
  ]);
  await west.crash('go on');
  await world.follow();
  expect(west.seats.players).toEqual([STATE]);
  west.seats.checkpoint();
  await tend();
  expect(west.meters.movesOpen.arrivals).toBe(0);
  await west.crash('go on');
  expect(west.seats.players).toEqual([STATE]);
});

test('a move that is undone leaves no player at the target, whose match goes on with one', async () => {
  const { east, west } = world;
  const { done } = begin();
  const crash = Promise.withResolvers<void>();
  world.onPoint = (life, label) => {
    if (label !== 'after west arrive') return;
    west.seats.checkpoint();
    world.onPoint = () => {};
    life.isOver = true;
    crash.resolve();
  };
  await world.drive(crash.promise);
  expect(await world.drive(done)).toMatchObject({ outcome: 'compensated' });
  expect(west.seats.players).toEqual([STATE]);
  await west.crash('go on');
  await world.settle();
  expect([east.seats.players, west.seats.players]).toEqual([[STATE], []]);
});

test('a player who was put back is not given the old state by a crash after the next checkpoint, though the target has heard nothing', async () => {
  const { east, west } = world;
  east.seats.keepsMatches = true;
  world.fate = ({ kind }) => (kind === 'reserve' ? 'arrives' : 'is lost');
  const { done, seat } = begin();
  expect(await world.drive(done)).toMatchObject({ outcome: 'compensated' });
  const again = () => world.drive(east.life.source.start({ from: { game: GAME, seat }, to: TO }));
  await expect(again()).rejects.toThrow('has just come back');
  await east.crash('go on');
  expect(east.seats.players).toEqual([STATE]);
  east.seats.checkpoint();
  await world.drive(east.life.source.tend());
  // The player plays on.
  const newer = Uint8Array.of(9);
  Object.assign(east.seats.seats[seat] ?? {}, { player: newer });
  east.seats.checkpoint();
  await east.crash('go on');
  expect(east.seats.players).toEqual([newer]);
  world.fate = () => 'arrives';
  expect(await again()).toMatchObject({ outcome: 'committed' });
  await world.settle();
  await east.crash('go on');
  expect([east.seats.players, west.seats.players]).toEqual([[], [newer]]);
});
