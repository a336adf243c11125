import { expect, onTestFinished, test } from 'vitest';
import { readCheckpoint, readSeats, type SeatRecord, writeCheckpoint, writeSeats } from '../../host/play/checkpoint.ts';
import { Checkpoints } from '../../host/play/checkpoints.ts';
import type { Room, RoomSave, SavedMatch } from '../../host/room/room.ts';
import { openTestStore, temporaryFolder } from '../edge/store/stores.ts';
import { ManualClock } from '../room/fake.ts';

const MATCH: SavedMatch = { state: Uint8Array.of(1, 2, 3), ticks: 70, seats: [0, 2], phase: 'active' };
const DIGEST = 'x'.repeat(43);
const ORIGIN = 'o'.repeat(43);
const SEAT: SeatRecord = { seat: 2, digest: DIGEST, origin: ORIGIN, pass: '{"id":"a","role":"player"}' };

test('a checkpoint is read as it was written, with and without a phase and a state', () => {
  const others = [{ phase: undefined, seats: [], state: new Uint8Array(0) }, { origins: [null, ORIGIN] }];
  for (const match of [MATCH, ...others.map((other) => ({ ...MATCH, ...other }))])
    expect(readCheckpoint(writeCheckpoint(match))).toEqual(match);
});

/** Writes a checkpoint with another header. */
function withHeader(header: unknown, length?: number): Uint8Array {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = Buffer.alloc(4 + text.length);
  bytes.writeUInt32LE(length ?? text.length);
  text.copy(bytes, 4);
  return bytes;
}

test.each([
  ['nothing', new Uint8Array(0)],
  ['less than a length', new Uint8Array(3)],
  ['a length beyond the end', withHeader({ ticks: 1, seats: [] }, 25)],
  ['a length of 4 GiB', withHeader({ ticks: 1, seats: [] }, 2 ** 32 - 1)],
  ['no JSON', withHeader('{"ticks":1')],
  ['no UTF-8', Buffer.concat([withHeader('x').subarray(0, 4), Buffer.of(0xff)])],
  ['JSON of another form', withHeader('null')],
  ['a number of ticks below 0', withHeader({ ticks: -1, seats: [] })],
  ['a number of ticks that is not whole', withHeader({ ticks: 1.5, seats: [] })],
  ['no seats', withHeader({ ticks: 1 })],
  ['a seat below 0', withHeader({ ticks: 1, seats: [-1] })],
  ['a seat of 1024', withHeader({ ticks: 1, seats: [1024] })],
  ['a seat twice', withHeader({ ticks: 1, seats: [1, 1] })],
  ['fewer origins than seats', withHeader({ ticks: 1, seats: [1], origins: [] })],
  ['more origins than seats', withHeader({ ticks: 1, seats: [1], origins: [null, null] })],
  ['an origin that is too short', withHeader({ ticks: 1, seats: [1], origins: [ORIGIN.slice(1)] })],
  ['a phase that does not exist', withHeader({ ticks: 1, seats: [], phase: 'over' })],
])('%s is not a checkpoint', (_, bytes) => {
  expect(readCheckpoint(bytes)).toBeUndefined();
});

test('the largest number of a seat and of ticks is read', () => {
  const header = { ticks: Number.MAX_SAFE_INTEGER, seats: [1023] };
  expect(readCheckpoint(withHeader(header))).toMatchObject(header);
});

test('of seats, what is none is left out', () => {
  expect(readSeats(writeSeats([SEAT]))).toEqual([SEAT]);
  const wrong = [
    null,
    7,
    {},
    { ...SEAT, seat: 1024 },
    { ...SEAT, digest: DIGEST.slice(1) },
    { ...SEAT, pass: 1 },
    { ...SEAT, origin: 'o' },
  ];
  expect(readSeats(Buffer.from(JSON.stringify([...wrong, SEAT])))).toEqual([SEAT]);
  for (const text of ['', '{', '{}', 'null']) expect(readSeats(Buffer.from(text))).toEqual([]);
});

/** A room whose state the test sets. */
class FakeRoom {
  readonly name = 'arena';
  readonly stats = { ticks: 0 };
  isClosed = false;
  match: SavedMatch | undefined = MATCH;
  isWhole = true;
  saves = 0;
  /** Called while the room saves. */
  onSave: () => void = () => {};
  readonly #end = Promise.withResolvers<undefined>();
  readonly ended = this.#end.promise;

  async save(): Promise<RoomSave | undefined> {
    this.saves++;
    this.onSave();
    return this.match && { ...this.match, isWhole: this.isWhole };
  }

  close(): void {
    this.isClosed = true;
    this.#end.resolve(undefined);
  }
}

/** Opens the checkpoints of a process with a room. */
async function open(folder: string, { at = 1000 } = {}) {
  const { store } = await openTestStore({ folder });
  const clock = new ManualClock();
  const log: string[] = [];
  const checkpoints = new Checkpoints({
    store,
    clock,
    config: { checkpointSeconds: 5, resumeSecondsMax: 600 },
    log: (level, message) => log.push(`${level} ${message}`),
    now: () => at,
  });
  const room = new FakeRoom();
  onTestFinished(() => room.close());
  const watch = () => checkpoints.watch(room as unknown as Room);
  /** Closes the store, whose file stays. */
  const kill = () => store.close();
  return { checkpoints, room, watch, clock, log, kill, store };
}

test('every few seconds the state of a game that moves is kept, and the next process has it, once', async () => {
  const folder = temporaryFolder();
  const first = await open(folder);
  expect(await first.checkpoints.read('arena')).toBeUndefined();
  first.watch();
  await first.clock.pass(4999);
  expect(first.room.saves).toBe(0);
  first.room.stats.ticks = 70;
  await first.clock.pass(1);
  expect(first.room.saves).toBe(1);
  // The game's time stands still.
  await first.clock.pass(60_000);
  expect(first.room.saves).toBe(1);
  first.checkpoints.noteSeats([
    { ...SEAT, game: 'arena' },
    { ...SEAT, seat: 1, game: 'other' },
  ]);
  await expect.poll(async () => (await first.store.getSave({ id: 'seats/arena' })) !== undefined).toBe(true);
  const match = async () => Buffer.from((await first.store.getSave({ id: 'match/arena' }))?.state ?? []);
  await expect.poll(async () => (await match()).length).toBeGreaterThan(0);
  first.room.stats.ticks = 71;
  await first.clock.pass(5000);
  await expect.poll(async () => (await match()).includes(ORIGIN)).toBe(true);
  await first.kill();
  const second = await open(folder);
  expect(await second.checkpoints.read('arena')).toEqual({ ...MATCH, origins: [null, ORIGIN], records: [SEAT] });
  expect(second.checkpoints.recordOf({ game: 'arena', seat: 2 })).toEqual(SEAT);
  expect(second.checkpoints.recordOf({ game: 'arena', seat: 0 })).toBeUndefined();
  // The room ended, and this is another one.
  expect(await second.checkpoints.read('arena')).toBeUndefined();
});

test('a process that ends before its server has told of the seats leaves the players their seats', async () => {
  const folder = temporaryFolder();
  const first = await open(folder);
  first.watch();
  first.checkpoints.noteSeats([{ ...SEAT, game: 'arena' }]);
  await first.checkpoints.close();
  await first.kill();
  const second = await open(folder);
  expect(await second.checkpoints.read('arena')).toMatchObject({ records: [SEAT] });
  second.watch();
  await second.checkpoints.close();
  await second.kill();
  const third = await open(folder);
  expect(await third.checkpoints.read('arena')).toMatchObject({ ...MATCH, records: [SEAT] });
});

test('an orderly end keeps the state as it is then, and a room that ends by itself leaves nothing', async () => {
  const folder = temporaryFolder();
  const first = await open(folder);
  first.watch();
  await first.checkpoints.close();
  first.checkpoints.noteSeats([]);
  first.room.close();
  await first.kill();
  const second = await open(folder);
  expect(await second.checkpoints.read('arena')).toMatchObject(MATCH);
  second.watch();
  second.room.close();
  await expect.poll(async () => (await second.store.getSave({ id: 'match/arena' })) === undefined).toBe(true);
});

test.each([
  [1000 + 600_000, true],
  [1000 + 600_001, false],
  [1000 - 600_001, false],
])('a match that was kept at 1000 goes on at %i: %s', async (at, goesOn) => {
  const folder = temporaryFolder();
  const first = await open(folder);
  first.watch();
  await first.checkpoints.close();
  await first.kill();
  const second = await open(folder, { at: Math.max(0, at) });
  if (at < 0) return;
  expect((await second.checkpoints.read('arena')) !== undefined).toBe(goesOn);
  if (!goesOn) expect(second.log).toEqual([expect.stringContaining('too old to go on')]);
});

test('a game that saves no state is asked once, and a store that fails is said so', async () => {
  const { room, watch, clock, checkpoints, log, kill } = await open(temporaryFolder());
  room.match = undefined;
  watch();
  for (room.stats.ticks = 1; room.stats.ticks < 5; room.stats.ticks++) await clock.pass(5000);
  expect(room.saves).toBe(1);
  await kill();
  checkpoints.noteSeats([{ ...SEAT, game: 'arena' }]);
  await expect.poll(() => log).toEqual([expect.stringMatching(/^warn arena: the match is not kept: /)]);
  expect(await checkpoints.read('arena')).toBeUndefined();
});

test('what cannot be read is said so, and a new match begins', async () => {
  const { checkpoints, store, log } = await open(temporaryFolder());
  await store.putSave({ id: 'match/arena', game: 'arena', savedAt: 1000, state: Uint8Array.of(9) });
  expect(await checkpoints.read('arena')).toBeUndefined();
  expect(log).toEqual([expect.stringContaining('cannot be read')]);
});

test('a seat that another player got after the state was saved belongs to neither in the next process', async () => {
  const folder = temporaryFolder();
  const first = await open(folder);
  first.watch();
  const other = { ...SEAT, origin: 'p'.repeat(43), digest: 'y'.repeat(43) };
  first.checkpoints.noteSeats([{ ...SEAT, game: 'arena' }]);
  first.room.stats.ticks = 1;
  await first.clock.pass(5000);
  await expect.poll(async () => (await first.store.getSave({ id: 'match/arena' })) !== undefined).toBe(true);
  first.checkpoints.noteSeats([{ ...other, game: 'arena' }]);
  await expect.poll(async () => (await first.store.getSave({ id: 'seats/arena' }))?.state.includes(112)).toBe(true);
  await first.kill();
  const second = await open(folder);
  expect(await second.checkpoints.read('arena')).toMatchObject({ seats: MATCH.seats, records: [] });
  expect(second.checkpoints.recordOf({ game: 'arena', seat: 2 })).toBeUndefined();
  // A player who has moved here is given back by the move, and the page has this token.
  expect(second.checkpoints.lastDigest('arena', other.origin)).toBe(other.digest);
  expect(second.checkpoints.lastDigest('arena', SEAT.origin ?? '')).toBeUndefined();
});

test('a seat that changes hands while the state is saved belongs to neither', async () => {
  const folder = temporaryFolder();
  const first = await open(folder);
  first.watch();
  first.checkpoints.noteSeats([{ ...SEAT, game: 'arena' }]);
  first.room.onSave = () => first.checkpoints.noteSeats([{ ...SEAT, origin: 'p'.repeat(43), game: 'arena' }]);
  first.room.stats.ticks = 1;
  await first.clock.pass(5000);
  await expect.poll(async () => (await first.store.getSave({ id: 'match/arena' })) !== undefined).toBe(true);
  await first.kill();
  const second = await open(folder);
  expect(await second.checkpoints.read('arena')).toMatchObject({ origins: [null, null], records: [] });
});

test('a state that would lack a player is not kept, but another one soon', async () => {
  const { room, watch, clock, store } = await open(temporaryFolder());
  watch();
  room.isWhole = false;
  room.stats.ticks = 1;
  await clock.pass(5000);
  await clock.pass(100);
  expect(room.saves).toBe(3);
  expect(await store.getSave({ id: 'match/arena' })).toBeUndefined();
  room.isWhole = true;
  await clock.pass(50);
  await expect.poll(async () => (await store.getSave({ id: 'match/arena' })) !== undefined).toBe(true);
  await clock.pass(4999);
  expect(room.saves).toBe(4);
});

test('a move that waits for the state of a game waits until the store has one that began later', async () => {
  const { checkpoints, room, watch, clock, store } = await open(temporaryFolder());
  await checkpoints.after('arena');
  watch();
  const done: string[] = [];
  const wait = (name: string) => void checkpoints.after('arena').then(() => done.push(name));
  // The game's time stands still, and the state is kept although it does.
  await clock.pass(5000);
  await expect.poll(async () => (await store.getSave({ id: 'match/arena' })) !== undefined).toBe(true);
  wait('first');
  room.onSave = () => wait('second');
  await clock.pass(4999);
  expect(done).toEqual([]);
  await clock.pass(1);
  await expect.poll(() => done).toEqual(['first']);
  room.onSave = () => {};
  await clock.pass(5000);
  await expect.poll(() => done).toEqual(['first', 'second']);
  wait('third');
  room.close();
  await expect.poll(() => done).toEqual(['first', 'second', 'third']);
});

test('a move that waits for the state of a game waits on while the store fails, and not if the game saves none', async () => {
  const { checkpoints, room, watch, clock, kill, log } = await open(temporaryFolder());
  watch();
  let isDone = false;
  void checkpoints.after('arena').then(() => {
    isDone = true;
  });
  await kill();
  await clock.pass(5000);
  await expect.poll(() => log.length).toBe(1);
  expect(isDone).toBe(false);
  room.match = undefined;
  await clock.pass(5000);
  await expect.poll(() => isDone).toBe(true);
  await checkpoints.after('arena');
});
