import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { NearlightError } from '../../host/base/errors.ts';
import type { CommandReplay } from '../../host/gpu/replay.ts';
import { Audience } from '../../host/room/audience.ts';
import { Room } from '../../host/room/room.ts';
import type { View } from '../../host/room/view.ts';
import type { Player, PlayerConnection } from '../../host/stream/player.ts';
import type { Notice } from '../../host/stream/protocol.ts';
import { INPUT_KEYS, INPUT_MOVEMENT } from '../../renderer/contract/abi.ts';
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

/** A room, and what its instance, clock and views did. */
function makeRoom(name: string, seats = 4) {
  const clock = new ManualClock();
  const instance = new FakeInstance(seats);
  const views: PlayerConnection[] = [];
  const room = new Room({
    name,
    clock,
    instance,
    replay: { start() {}, observe() {}, destroy() {} } as unknown as CommandReplay,
    config: { maxPlayers: seats, tickRate: 100, seed: 1 },
    createView: async (_, connection) => {
      views.push(connection);
      return { ready: false, stats: { dropped: 0 }, close: async () => {} } as unknown as View;
    },
    log: () => {},
  });
  return { room, clock, instance, views };
}

/** A page's connection, which writes down what the page is told. */
class Page implements PlayerConnection {
  readonly told: Notice[] = [];
  readonly sent: number[] = [];
  readonly stats = {
    framesSent: 0,
    framesDropped: 0,
    bytesSent: 0,
    inputErrors: 0,
    lossFraction: 0,
    rembBitsPerSecond: 0,
  };
  player!: Player;

  sendFrame(unit: Uint8Array): boolean {
    this.sent.push(unit[0]!);
    return true;
  }
  notify(notice: Notice): void {
    this.told.push(notice);
  }
  async end(code: string, message: string, retry: boolean): Promise<void> {
    this.told.push({ kind: 'ended', code, message, retry });
    this.player.onClosed('host');
  }
  get last(): Notice | undefined {
    return this.told.at(-1);
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

const info = { rtpTimestamp: 0, keyframe: true, inputSequence: 0, inputToSendUs: 0 };

test('players are told, stay, and are seated in the next game; the last game draws for nobody', async () => {
  const first = makeRoom('first');
  audience.show(first.room, true);
  const [one, two] = [await join(), await join()];
  await first.clock.pass(20);
  await fail(first.instance);
  for (const page of [one, two])
    expect(page.told).toEqual([
      { kind: 'paused', code: 'NL_GUEST_KILLED', message: 'The guest process was killed from outside: signal 9' },
    ]);
  expect(audience.rooms).toEqual([]);
  one.player.onClosed('page');
  const next = makeRoom('next', 2);
  audience.show(next.room, true);
  await settle();
  expect(two.last).toEqual({ kind: 'joined', seat: 0, seats: 2, ...request, game: 'next' });
  expect(next.instance.calls).toContain('join 0');
  expect(next.views[0]!.sendFrame(Uint8Array.of(2), info)).toBe(true);
  expect(first.views[1]!.sendFrame(Uint8Array.of(1), info)).toBe(false);
  expect(two.sent).toEqual([2]);
  two.player.onClosed('page');
  await next.clock.pass(20);
  expect([next.room.players, audience.size]).toEqual([0, 0]);
});

test('nothing is held down in the next game, and no movement of before counts', async () => {
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

test('who waits longer than is allowed is told why the game ended', async () => {
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

test('without hold, the end of a game is the end of its connections', async () => {
  const { room, instance } = makeRoom('first');
  audience.show(room, false);
  const page = await join();
  await fail(instance);
  expect(page.told.map(({ kind }) => kind)).toEqual(['ended']);
});

test('the last ones go where the next game has fewer seats, also one who has not connected yet', async () => {
  const first = makeRoom('first', 3);
  audience.show(first.room, true);
  const pages = [await join(), await join(), await join({ connected: false })];
  await fail(first.instance);
  audience.show(makeRoom('next', 1).room, true);
  pages[2]!.player.onConnected(pages[2]!);
  await settle();
  expect(pages.map(({ last }) => (last?.kind === 'ended' ? last.code : last?.kind))).toEqual([
    'joined',
    'NL_ROOM_FULL',
    'NL_ROOM_FULL',
  ]);
  expect(audience.size).toBe(1);
});

test('who connects between two games is told so, and is seated', async () => {
  const first = makeRoom('first');
  audience.show(first.room, true);
  const page = await join({ connected: false });
  await fail(first.instance);
  page.player.onConnected(page);
  expect(page.last?.kind).toBe('paused');
  audience.show(makeRoom('next').room, true);
  expect(page.last).toMatchObject({ kind: 'joined', game: 'next' });
});

test('a game that is shown before the last one has quite ended keeps its players', async () => {
  const first = makeRoom('first');
  audience.show(first.room, true);
  const page = await join();
  audience.show(makeRoom('next').room, true);
  await fail(first.instance);
  expect(page.told.map(({ kind }) => kind)).toEqual(['joined']);
});

test('a game that ends as it comes leaves its players waiting', async () => {
  const first = makeRoom('first');
  audience.show(first.room, true);
  const page = await join();
  await fail(first.instance);
  const broken = makeRoom('broken');
  void broken.room.close('NL_ROOM_ENDED');
  audience.show(broken.room, true);
  await settle();
  expect(page.told.map(({ kind }) => kind)).toEqual(['paused']);
  audience.show(makeRoom('next').room, true);
  expect(page.last).toMatchObject({ kind: 'joined', game: 'next' });
});

test("what one player's encoder does ends that player's connection alone", async () => {
  const { room, views } = makeRoom('first');
  audience.show(room, true);
  const [one, two] = [await join(), await join()];
  await views[0]!.end('NL_ENCODER', 'x264', true);
  expect([one.last?.kind, two.last]).toEqual(['ended', undefined]);
});

test('a page that comes while there is no game is refused, and so is everybody after close', async () => {
  await expect(audience.accept(undefined, request)).rejects.toThrow('NL_ROOM_ENDED');
  const { room } = makeRoom('first');
  audience.show(room, true);
  const page = await join();
  await audience.close();
  expect(page.last).toMatchObject({ kind: 'ended', code: 'NL_SHUTDOWN' });
  await expect(audience.accept(undefined, request)).rejects.toThrow('NL_SHUTDOWN');
});
