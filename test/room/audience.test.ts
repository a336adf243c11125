import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { GameAction } from '../../host/base/actions.ts';
import { must } from '../../host/base/assert.ts';
import { NearlightError } from '../../host/base/errors.ts';
import type { Notice } from '../../host/base/protocol.ts';
import { micro } from '../../host/base/time.ts';
import type { CommandReplay } from '../../host/gpu/replay.ts';
import { Audience } from '../../host/room/audience.ts';
import { Room } from '../../host/room/room.ts';
import type { PlayerView } from '../../host/room/view.ts';
import { emptyStats, type Player, type PlayerConnection } from '../../host/stream/player.ts';
import { INPUT_KEYS, INPUT_MOVEMENT } from '../../renderer/contract/abi.ts';
import { at } from '../at.ts';
import { FakeInstance, ManualClock, settle } from './fake.ts';

const HOLD_MS = 5000;
const request = { width: 640, height: 360, fps: 60 };
const pointer = { x: 0, y: 0, totalDy: 0, totalWheelX: 0, totalWheelY: 0, locked: false };
const killed = new NearlightError('NL_GUEST_KILLED', 'signal 9');

let audience: Audience;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  audience = new Audience(HOLD_MS);
});

afterEach(async () => {
  await audience.close();
  vi.useRealTimers();
});

/** Makes a room whose parts the test can observe. `connections` are those for which the room created views. */
function makeRoom(name: string, seats = 4, actions: readonly GameAction[] = [], resumed: number[] = []) {
  const clock = new ManualClock();
  const instance = new FakeInstance(seats);
  const connections: PlayerConnection[] = [];
  const room = new Room({
    name,
    clock,
    instance,
    actions,
    replay: { start() {}, observe() {}, destroy() {} } as unknown as CommandReplay,
    config: { maxPlayers: seats, tickRate: 100, seed: 1, spectatorsMax: 1 },
    ...(resumed.length > 0 ? { resumed: { seats: resumed } } : {}),
    createView: async (_, connection) => {
      connections.push(connection);
      return { ready: false, stats: { dropped: 0 }, close: async () => {} } as unknown as PlayerView;
    },
    log: () => {},
  });
  return { room, clock, instance, connections };
}

/** A page's connection that records the notices and frames for the page. */
class Page implements PlayerConnection {
  readonly codec = 'h264';
  readonly notices: Notice[] = [];
  readonly sent: number[] = [];
  readonly stats = emptyStats();
  readonly ready = true;
  #player: Player | undefined;

  /** The player whom the page was given. */
  get player(): Player {
    return must(this.#player, 'seat');
  }
  set player(player: Player) {
    this.#player = player;
  }
  limitBitrate(): void {}
  sendFrame(unit: Uint8Array): boolean {
    this.sent.push(...unit);
    return true;
  }
  notify(notice: Notice): void {
    this.notices.push(notice);
  }
  async end(code: string, message: string, retry: boolean): Promise<void> {
    this.notices.push({ kind: 'ended', code, message, retry });
    this.player.onClosed('host');
  }
  get last(): Notice | undefined {
    return this.notices.at(-1);
  }
}

async function join({ connected = true } = {}): Promise<Page> {
  const page = new Page();
  page.player = await audience.accept(undefined, request);
  if (connected) page.player.onConnected(page);
  await settle();
  return page;
}

async function fail(instance: FakeInstance): Promise<void> {
  instance.end(killed);
  await settle();
}

const info = { rtpTimestamp: 0, keyframe: true, inputSequence: 0, inputToSendUs: micro(0) };

test('players wait between two games and get seats in the next one; the old game cannot send them frames', async () => {
  const first = makeRoom('first');
  audience.show(first.room, true);
  const [one, two] = [await join(), await join()];
  await first.clock.pass(20);
  await fail(first.instance);
  for (const page of [one, two])
    expect(page.notices).toEqual([
      { kind: 'paused', code: 'NL_GUEST_KILLED', message: 'The guest process was killed from outside: signal 9' },
    ]);
  expect(audience.rooms).toEqual([]);
  one.player.onClosed('page');
  expect(two.player.actions).toBeUndefined();
  const actions = [{ names: { en: 'Jump' }, keys: ['Space'], buttons: [] }];
  const next = makeRoom('next', 2, actions);
  audience.show(next.room, true);
  await settle();
  expect(two.last).toEqual({ kind: 'joined', seat: 0, seats: 2, ...request, game: 'next', actions });
  expect(next.instance.calls).toContain('join 0');
  expect(at(next.connections, 0).sendFrame(Uint8Array.of(2), info)).toBe(true);
  expect(at(first.connections, 1).sendFrame(Uint8Array.of(1), info)).toBe(false);
  expect(two.sent).toEqual([2]);
  two.player.onClosed('page');
  await next.clock.pass(20);
  expect([next.room.players, audience.size]).toEqual([0, 0]);
});

test('the next game starts with no key held and without earlier movement', async () => {
  const first = makeRoom('first');
  audience.show(first.room, true);
  const page = await join();
  page.player.input.key(26, true, 1);
  page.player.input.pointer({ ...pointer, totalDx: 1600, axes: [1, 0, 0, 0] }, 2);
  await fail(first.instance);
  page.player.input.pointer({ ...pointer, totalDx: 3200, axes: [1, 0, 0, 0] }, 3);
  const next = makeRoom('next');
  const seen: number[][] = [];
  next.instance.onTick = (records) =>
    seen.push([records.getFloat32(INPUT_MOVEMENT, true), records.getUint32(INPUT_KEYS, true)]);
  audience.show(next.room, true);
  await next.clock.pass(10);
  page.player.input.pointer({ ...pointer, totalDx: 3232, axes: [0, 0, 0, 0] }, 4);
  await next.clock.pass(10);
  expect(seen.map(([moved]) => moved)).toEqual([0, 0, 2]);
  expect(seen.every(([, keys]) => keys === 0)).toBe(true);
});

test('spectators wait between two games like players, and see the next one over the same connection', async () => {
  const first = makeRoom('first');
  audience.show(first.room, true);
  const player = await join();
  const page = new Page();
  page.player = (await audience.watch(undefined, request))();
  page.player.onConnected(page);
  await settle();
  await fail(first.instance);
  expect(page.last).toMatchObject({ kind: 'paused', code: 'NL_GUEST_KILLED' });
  const next = makeRoom('next', 2);
  audience.show(next.room, true);
  await next.clock.pass(20);
  expect(page.last).toMatchObject({ kind: 'joined', seat: -1, game: 'next' });
  expect(next.room.status()).toMatchObject({ players: 1, spectators: 1 });
  for (const connection of next.connections) connection.sendFrame(Uint8Array.of(2), info);
  expect([page.sent, player.sent]).toEqual([[2], [2]]);
  for (const each of [page, player]) each.player.onClosed('page');
  await next.clock.pass(20);
  expect([next.room.status(), audience.size]).toMatchObject([{ players: 0, spectators: 0 }, 0]);
});

test('in a match that goes on, players have their seats of before, newcomers the next ones, and those who left have none', async () => {
  const first = makeRoom('arena');
  expect(audience.show(first.room, true)).toEqual([]);
  const [gone, one, away, late] = [await join(), await join(), await join(), await join()];
  away.player.onLost();
  await fail(first.instance);
  gone.player.onClosed('page');
  // The match was kept before the last one came.
  const next = makeRoom('arena', 4, [], [0, 1, 2]);
  const absent = audience.show(next.room, true);
  await settle();
  expect([one.last, late.last]).toMatchObject([
    { kind: 'joined', seat: 1 },
    { kind: 'joined', seat: 3 },
  ]);
  expect([away.player.seat, absent.map(({ seat }) => seat)]).toEqual([2, [0]]);
  await next.clock.pass(20);
  // Each joins the module once. The two who are connected get pictures.
  expect(next.instance.calls.filter((call) => /^(join|leave)/.test(call)).sort()).toEqual([
    'join 0',
    'join 1',
    'join 2',
    'join 3',
  ]);
  expect(next.connections).toHaveLength(2);
  for (const player of absent) player.onClosed('page');
  await next.clock.pass(20);
  expect([next.room.players, audience.size]).toEqual([3, 3]);
  expect(next.instance.calls).toContain('leave 0');
  const again = new Page();
  again.player = away.player.return(request);
  again.player.onConnected(again);
  await next.clock.pass(20);
  expect([again.player.seat, next.connections.length]).toEqual([2, 3]);
});

test('players of a game that has failed learn when the next one is expected, and wait for that long and a while longer', async () => {
  const restartMs = 15_000;
  audience = new Audience(HOLD_MS, () => restartMs);
  const { room, instance } = makeRoom('first');
  audience.show(room, true);
  const page = await join();
  await fail(instance);
  expect(page.last).toMatchObject({ kind: 'paused', code: 'NL_GUEST_KILLED', afterMs: restartMs });
  await expect(audience.accept(undefined, request)).rejects.toThrow('it starts again in about 15 s');
  await vi.advanceTimersByTimeAsync(restartMs + HOLD_MS - 1);
  expect(page.last).toMatchObject({ kind: 'paused' });
  await vi.advanceTimersByTimeAsync(1);
  expect(page.last).toMatchObject({ kind: 'ended', code: 'NL_GUEST_KILLED' });
});

test('a game that was asked to end has another one in its place soon, however late one that fails would come', async () => {
  audience = new Audience(HOLD_MS, () => 15_000);
  const { room } = makeRoom('first');
  audience.show(room, true);
  const page = await join();
  await room.close('NL_ROOM_ENDED');
  expect(page.last).toEqual({ kind: 'paused', code: 'NL_ROOM_ENDED', message: 'The game has ended' });
  await expect(audience.accept(undefined, request)).rejects.toThrow('it is being replaced');
  await vi.advanceTimersByTimeAsync(HOLD_MS);
  expect(page.last).toMatchObject({ kind: 'ended' });
});

test('a player of an earlier process takes the seat of a match that goes on, and keeps it in the next game', async () => {
  const first = makeRoom('arena', 4, [], [2]);
  const [absent] = audience.show(first.room, true);
  const page = new Page();
  page.player = must(absent, 'player').return(request);
  page.player.onConnected(page);
  await settle();
  expect([page.player.seat, page.player.width, first.connections.length]).toEqual([2, request.width, 1]);
  await fail(first.instance);
  audience.show(makeRoom('arena').room, true);
  expect(page.last).toMatchObject({ kind: 'joined', seat: 0 });
});

test('a spectator for whom the next game has no place is sent away', async () => {
  const first = makeRoom('first');
  audience.show(first.room, true);
  const page = new Page();
  page.player = (await audience.watch(undefined, request))();
  page.player.onConnected(page);
  await fail(first.instance);
  const next = makeRoom('next');
  next.room.watch(request);
  audience.show(next.room, true);
  await settle();
  expect(page.last).toMatchObject({ kind: 'ended', code: 'NL_SPECTATORS', retry: true });
});

test('a player who waits too long gets the reason for the end of the game', async () => {
  const { room, instance } = makeRoom('first');
  audience.show(room, true);
  const page = await join();
  await fail(instance);
  await vi.advanceTimersByTimeAsync(HOLD_MS - 1);
  expect(page.last?.kind).toBe('paused');
  await vi.advanceTimersByTimeAsync(1);
  expect(page.last).toEqual({ kind: 'ended', code: 'NL_GUEST_KILLED', message: 'signal 9', retry: true });
  expect(audience.size).toBe(0);
});

test('connections end with their game unless players are kept', async () => {
  const { room, instance } = makeRoom('first');
  audience.show(room, false);
  const page = await join();
  await fail(instance);
  expect(page.notices.map(({ kind }) => kind)).toEqual(['ended']);
});

test('if the next game has fewer seats, the last players have to leave, even one who has not connected yet', async () => {
  const first = makeRoom('first', 3);
  audience.show(first.room, true);
  const pages = [await join(), await join(), await join({ connected: false })];
  await fail(first.instance);
  audience.show(makeRoom('next', 1).room, true);
  const late = at(pages, 2);
  late.player.onConnected(late);
  await settle();
  expect(pages.map(({ last }) => (last?.kind === 'ended' ? last.code : last?.kind))).toEqual([
    'joined',
    'NL_ROOM_FULL',
    'NL_ROOM_FULL',
  ]);
  expect(audience.size).toBe(1);
});

test('a page that connects between two games waits, and gets a seat in the next one', async () => {
  const first = makeRoom('first');
  audience.show(first.room, true);
  const page = await join({ connected: false });
  await fail(first.instance);
  page.player.onConnected(page);
  expect(page.last?.kind).toBe('paused');
  audience.show(makeRoom('next').room, true);
  expect(page.last).toMatchObject({ kind: 'joined', game: 'next' });
});

test('players stay with a new game when the old one ends after the new one was shown', async () => {
  const first = makeRoom('first');
  audience.show(first.room, true);
  const page = await join();
  audience.show(makeRoom('next').room, true);
  await fail(first.instance);
  expect(page.notices.map(({ kind }) => kind)).toEqual(['joined']);
});

test('players keep waiting if the next game ends at once', async () => {
  const first = makeRoom('first');
  audience.show(first.room, true);
  const page = await join();
  await fail(first.instance);
  const broken = makeRoom('broken');
  void broken.room.close('NL_ROOM_ENDED');
  audience.show(broken.room, true);
  await settle();
  expect(page.notices.map(({ kind }) => kind)).toEqual(['paused']);
  audience.show(makeRoom('next').room, true);
  expect(page.last).toMatchObject({ kind: 'joined', game: 'next' });
});

test("a failed video encoder ends its player's connection alone", async () => {
  const { room, connections } = makeRoom('first');
  audience.show(room, true);
  const [one, two] = [await join(), await join()];
  await at(connections, 0).end('NL_ENCODER', 'x264', true);
  expect([one.last?.kind, two.last]).toEqual(['ended', undefined]);
});

test('pages are refused while there is no game, and after close', async () => {
  await expect(audience.accept(undefined, request)).rejects.toThrow('NL_ROOM_ENDED');
  const { room } = makeRoom('first');
  audience.show(room, true);
  const page = await join();
  await audience.close();
  expect(page.last).toMatchObject({ kind: 'ended', code: 'NL_SHUTDOWN' });
  await expect(audience.accept(undefined, request)).rejects.toThrow('NL_SHUTDOWN');
});

test('a player who has lost the connection returns to the seat, whose movement starts from zero again', async () => {
  const { room, clock, instance } = makeRoom('first');
  audience.show(room, true);
  const page = await join();
  page.player.input.pointer({ ...pointer, totalDx: 1600, axes: [0, 0, 0, 0] }, 1);
  await clock.pass(20);
  page.player.onLost();
  await clock.pass(20);
  expect([room.players, audience.size, page.player.canReturn()]).toEqual([1, 1, true]);
  const seen: number[] = [];
  instance.onTick = (records) => void seen.push(records.getFloat32(INPUT_MOVEMENT, true));
  const again = new Page();
  again.player = page.player.return({ ...request, width: 320 });
  expect([again.player.seat, again.player.width]).toEqual([0, 320]);
  again.player.onConnected(again);
  again.player.input.pointer({ ...pointer, totalDx: 32, axes: [0, 0, 0, 0] }, 1);
  await clock.pass(20);
  expect(seen.filter((moved) => moved !== 0)).toEqual([2]);
  expect(instance.calls.filter((call) => /^(join|leave)/.test(call))).toEqual(['join 0']);
});

test('a player who is away while the game is replaced returns to the next game', async () => {
  const first = makeRoom('first');
  audience.show(first.room, true);
  const page = await join();
  page.player.onLost();
  await fail(first.instance);
  const next = makeRoom('next');
  audience.show(next.room, true);
  expect(next.room.players).toBe(1);
  const again = new Page();
  again.player = page.player.return(request);
  again.player.onConnected(again);
  await settle();
  expect(at(next.connections, 0).sendFrame(Uint8Array.of(2), info)).toBe(true);
  expect([again.sent, next.instance.calls.includes('join 0')]).toEqual([[2], true]);
});

test('a player who returns between two games waits for the next one', async () => {
  const first = makeRoom('first');
  audience.show(first.room, true);
  const page = await join();
  page.player.onLost();
  await fail(first.instance);
  const again = new Page();
  again.player = page.player.return(request);
  again.player.onConnected(again);
  await settle();
  expect(again.last?.kind).toBe('paused');
  audience.show(makeRoom('next').room, true);
  expect(again.last).toMatchObject({ kind: 'joined', game: 'next' });
});

test('a player who is away for too long between two games cannot return', async () => {
  const { room, instance } = makeRoom('first');
  audience.show(room, true);
  const page = await join();
  page.player.onLost();
  await fail(instance);
  await vi.advanceTimersByTimeAsync(HOLD_MS);
  expect(page.player.canReturn()).toBe(false);
});
