import { afterEach, describe, expect, test } from 'vitest';
import { GuestExit, NearlightError } from '../../host/base/errors.ts';
import { Samples } from '../../host/base/samples.ts';
import type { CommandReplay } from '../../host/gpu/replay.ts';
import { Room } from '../../host/room/room.ts';
import type { View } from '../../host/room/view.ts';
import { INPUT_KEYS_PRESSED, INPUT_MOVEMENT, INPUT_STRIDE } from '../../renderer/contract/abi.ts';
import { FakeInstance, fakeConnection, ManualClock, settle } from './fake.ts';

const request = { width: 640, height: 360, fps: 60 };

class FakeView {
  ready = true;
  frames = 0;
  closed = false;
  readonly surface = {};
  readonly stats = { frames: 0, dropped: 0, bytes: 0, inputToSendMs: new Samples() };
  present(): void {
    this.frames++;
  }
  requestKeyframe(): void {}
  feedback(): void {}
  async close(): Promise<void> {
    this.closed = true;
  }
}

interface Stage {
  room: Room;
  clock: ManualClock;
  instance: FakeInstance;
  views: FakeView[];
  lines: string[];
  replayed: { destroyed: boolean; fault: NearlightError | undefined };
}

const open: Room[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((room) => room.close()));
});

function stage({ seats = 2, tickRate = 120 } = {}): Stage {
  const clock = new ManualClock();
  const instance = new FakeInstance(seats);
  const views: FakeView[] = [];
  const lines: string[] = [];
  const replayed: Stage['replayed'] = { destroyed: false, fault: undefined };
  const replay = {
    observe() {},
    start() {
      if (replayed.fault) throw replayed.fault;
    },
    destroy() {
      replayed.destroyed = true;
    },
  } as unknown as CommandReplay;
  const room = new Room({
    name: 'test',
    clock,
    instance,
    replay,
    config: { maxPlayers: seats, tickRate, seed: 1 },
    createView: async () => {
      const view = new FakeView();
      views.push(view);
      return view as unknown as View;
    },
    log: (level, message) => lines.push(`${level} ${message}`),
  });
  open.push(room);
  return { room, clock, instance, views, lines, replayed };
}

async function join(on: Stage) {
  const player = on.room.accept(request);
  const connection = fakeConnection();
  player.onConnected(connection);
  await on.clock.pass(10);
  return { player, connection };
}

const count = (calls: string[], word: string): number => calls.filter((call) => call.startsWith(word)).length;

describe('a room', () => {
  test('stands still while nobody plays, then ticks and renders at its rates', async () => {
    const on = stage();
    await on.clock.pass(1000);
    expect(on.instance.calls).toEqual([]);
    await join(on);
    expect(on.instance.calls[0]).toBe('join 0');
    on.instance.calls.length = 0;
    await on.clock.pass(1000);
    expect(count(on.instance.calls, 'tick')).toBeGreaterThanOrEqual(120);
    expect(count(on.instance.calls, 'tick')).toBeLessThanOrEqual(121);
    expect(count(on.instance.calls, 'render 0 640x360')).toBeGreaterThanOrEqual(60);
    expect(count(on.instance.calls, 'render')).toBeLessThanOrEqual(61);
  });

  test('renders more often than it ticks where a view asks for it', async () => {
    const on = stage({ tickRate: 20 });
    await join(on);
    await on.clock.pass(1000);
    expect(count(on.instance.calls, 'tick')).toBeLessThanOrEqual(21);
    expect(count(on.instance.calls, 'render')).toBeGreaterThanOrEqual(59);
  });

  test('gives out its seats once each, and again after a leave', async () => {
    const on = stage({ seats: 2 });
    const first = await join(on);
    const second = await join(on);
    expect([first.player.seat, second.player.seat]).toEqual([0, 1]);
    expect(() => on.room.accept(request)).toThrow('NL_ROOM_FULL');
    first.player.onClosed('page');
    await on.clock.pass(20);
    expect(on.instance.calls).toContain('leave 0');
    expect(on.room.accept(request).seat).toBe(0);
  });

  test('a page that never connects costs its seat nothing but the wait', async () => {
    const on = stage({ seats: 1 });
    on.room.accept(request).onClosed('timeout');
    await settle();
    expect(on.instance.calls).toEqual([]);
    expect(on.room.players).toBe(0);
  });

  test('skips frames of a view that is not ready and goes on with the other', async () => {
    const on = stage();
    await join(on);
    await join(on);
    on.views[0]!.ready = false;
    const before = on.views[1]!.frames;
    await on.clock.pass(1000);
    expect(on.views[0]!.stats.dropped).toBeGreaterThan(50);
    expect(on.views[1]!.frames - before).toBeGreaterThanOrEqual(59);
  });

  test("moves ticks and frames towards the first player's display, in small steps and not past their order", async () => {
    const on = stage();
    const { player } = await join(on);
    const times: number[] = [];
    on.instance.onRender = () => times.push(on.clock.now());
    await on.clock.pass(200);
    const phase = () => times.at(-1)! % (1000 / 60);
    const before = phase();
    player.input.pace(1003);
    await on.clock.pass(200);
    expect((phase() - before + 1000 / 60) % (1000 / 60)).toBeCloseTo(2, 3);
    player.input.pace(2);
    await on.clock.pass(400);
    expect((phase() - before + 1000 / 60) % (1000 / 60)).toBeCloseTo(1.75, 3);
    expect(Math.min(...times.slice(1).map((time, index) => time - times[index]!))).toBeGreaterThan(14);
  });

  test('a page that sends its pace all the time does not slow the game down', async () => {
    const on = stage();
    const { player } = await join(on);
    on.instance.onTick = () => player.input.pace(1000);
    on.instance.calls.length = 0;
    await on.clock.pass(1000);
    expect(count(on.instance.calls, 'tick')).toBeGreaterThanOrEqual(119);
  });

  test('lets ticks go that lie too far back', async () => {
    const on = stage();
    await join(on);
    await on.clock.pass(100);
    on.clock.jump(10_000);
    await on.clock.pass(1000);
    expect(on.room.stats.ticksSkipped).toBeGreaterThan(1000);
    expect(on.room.stats.ticks).toBeLessThan(200);
  });

  test('keeps a press and movement until a tick has seen them, once', async () => {
    const on = stage();
    const { player } = await join(on);
    const seen: [number, number][] = [];
    on.instance.onTick = (records) =>
      seen.push([records.getUint32(INPUT_KEYS_PRESSED, true), records.getFloat32(INPUT_MOVEMENT, true)]);
    player.input.key(4, true, 1);
    player.input.key(4, false, 2);
    const state = { x: 0.5, y: 0.5, totalDx: 160, totalDy: 0, totalWheelX: 0, totalWheelY: 0, locked: true };
    player.input.pointer({ ...state, axes: [0, 0, 0, 0] }, 3);
    await on.clock.pass(20);
    expect(seen[0]).toEqual([16, 10]);
    expect(seen[1]).toEqual([0, 0]);
  });

  test('clears the record of a seat that was left', async () => {
    const on = stage();
    const { player } = await join(on);
    player.input.key(4, true, 1);
    await on.clock.pass(20);
    player.onClosed('page');
    await on.clock.pass(20);
    for (let at = 4; at < INPUT_STRIDE; at += 4) expect(on.instance.inputs.getUint32(at)).toBe(0);
  });

  test('ends with the error of a call, tells its players, and releases everything', async () => {
    const on = stage();
    const { connection } = await join(on);
    on.instance.fault = new NearlightError('NL_GUEST_TRAP', 'unreachable in tick');
    await on.clock.pass(20);
    expect((await on.room.ended)?.code).toBe('NL_GUEST_TRAP');
    expect(connection.notices).toEqual(['NL_GUEST_TRAP']);
    expect(on.instance.closed && on.views[0]!.closed && on.replayed.destroyed).toBe(true);
    expect(() => on.room.accept(request)).toThrow('unreachable in tick');
  });

  test('ends with what the replay refuses', async () => {
    const on = stage();
    await join(on);
    on.replayed.fault = new NearlightError('NL_COMMAND', 'command 3 (draw): no');
    await on.clock.pass(20);
    expect((await on.room.ended)?.code).toBe('NL_COMMAND');
  });

  test('a page that connects when the room has ended is told why', async () => {
    const on = stage();
    const player = on.room.accept(request);
    on.instance.end(new NearlightError('NL_GUEST_KILLED', 'signal 9'));
    await on.room.ended;
    const connection = fakeConnection();
    player.onConnected(connection);
    expect(connection.notices).toEqual(['NL_GUEST_KILLED']);
  });

  test('ends when the guest dies between calls', async () => {
    const on = stage();
    on.instance.end(new NearlightError('NL_GUEST_KILLED', 'signal 9'));
    expect((await on.room.ended)?.code).toBe('NL_GUEST_KILLED');
    expect(on.lines.some((line) => line.startsWith('error') && line.includes('NL_GUEST_KILLED'))).toBe(true);
  });

  test.each([
    [0, 'info'],
    [3, 'error'],
  ])('a game that ends itself with status %i is logged as %s', async (status, level) => {
    const on = stage();
    const { connection } = await join(on);
    on.instance.fault = new GuestExit(status, 'tick');
    await on.clock.pass(20);
    expect(await on.room.ended).toMatchObject({ code: 'NL_GUEST_EXIT', status });
    expect(connection.notices).toEqual(['NL_GUEST_EXIT']);
    expect(on.lines.filter((line) => line.includes('NL_GUEST_EXIT'))).toEqual([
      expect.stringMatching(new RegExp(`^${level}`)),
    ]);
  });

  test('close tells the players and is idempotent', async () => {
    const on = stage();
    const { connection } = await join(on);
    await Promise.all([on.room.close(), on.room.close()]);
    expect(connection.notices).toEqual(['NL_SHUTDOWN']);
    expect(await on.room.ended).toBeUndefined();
  });
});
