import { afterEach, describe, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import type { Clock } from '../../host/base/clock.ts';
import { GuestExit, NearlightError } from '../../host/base/errors.ts';
import { milli } from '../../host/base/time.ts';
import type { Submission } from '../../host/engine/engine.ts';
import type { Surface } from '../../host/gpu/replay.ts';
import { PlayerInput } from '../../host/room/input.ts';
import type { PlayerView } from '../../host/room/view.ts';
import type { InputTimes } from '../../host/stream/player.ts';
import { INPUT_KEYS, INPUT_KEYS_PRESSED, INPUT_MOVEMENT, INPUT_STRIDE } from '../../renderer/contract/abi.ts';
import { at } from '../at.ts';
import { FakeInstance, fakeConnection, settle } from './fake.ts';
import { closeStages, count, join, request, stage } from './stage.ts';

afterEach(closeStages);

describe('a room', () => {
  test('a room stands still without players, then ticks and renders at its rates', async () => {
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

  test('a room renders more often than it ticks if a view asks for it', async () => {
    const on = stage({ tickRate: 20 });
    await join(on);
    await on.clock.pass(1000);
    expect(count(on.instance.calls, 'tick')).toBeLessThanOrEqual(21);
    expect(count(on.instance.calls, 'render')).toBeGreaterThanOrEqual(59);
  });

  test('a room gives each seat to one player, and again after that player has left', async () => {
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

  test('a room does not tell the module of a page that never connects', async () => {
    const on = stage({ seats: 1 });
    on.room.accept(request).onClosed('timeout');
    await settle();
    expect(on.instance.calls).toEqual([]);
    expect(on.room.players).toBe(0);
  });

  test('a room draws no picture while every seat is taken by a player who has not joined, and goes on', async () => {
    const on = stage({ seats: 1 });
    const surface = { texture: { width: 64, height: 64 } } as unknown as Surface;
    const player = on.room.accept(request);
    await expect(on.room.picture(surface)).rejects.toThrow('NL_ROOM_FULL');
    expect(on.instance.calls.filter((call) => /^(join|render)/.test(call))).toEqual([]);
    player.onConnected(fakeConnection());
    await on.clock.pass(10);
    await Promise.all([on.room.picture(surface), on.clock.pass(10)]);
    expect(on.instance.calls).toContain('render 0 64x64');
    expect(on.room.isClosed).toBe(false);
  });

  test('a room gives all players the same when another one comes, and tells them and their views', async () => {
    const on = stage({ pixels: 30_000_000, seats: 3 });
    const wanted = { width: 1280, height: 720, fps: 60 };
    const first = on.room.accept(wanted);
    const connection = fakeConnection();
    first.onConnected(connection);
    await on.clock.pass(10);
    expect([first.fps, first.wanted, connection.notices]).toEqual([60, undefined, []]);
    const second = on.room.accept(wanted);
    expect(second).toMatchObject({ width: 880, height: 494, fps: 30, wanted });
    expect(connection.notices).toEqual(['joined']);
    expect(at(on.views, 0).pictures).toEqual([wanted, { width: 880, height: 494, fps: 30 }]);
    // The answer to the offer describes the picture, but it may change before the page connects.
    const third = on.room.accept(wanted);
    const late = fakeConnection();
    second.onConnected(late);
    await on.clock.pass(10);
    expect(late.notices).toEqual(['joined']);
    third.onClosed('page');
    second.onClosed('page');
    await on.clock.pass(10);
    const before = at(on.views, 0).frames;
    await on.clock.pass(4000);
    expect(at(on.views, 0).frames - before).toBeGreaterThan(230);
    expect(at(at(on.views, 0).pictures, -1)).toEqual(wanted);
  });

  test('a room gives the pixels of a hidden player to the others, and takes them back', async () => {
    const on = stage({ pixels: 30_000_000 });
    const wanted = { width: 1280, height: 720, fps: 60 };
    const [first, second] = [on.room.accept(wanted), on.room.accept(wanted)];
    for (const player of [first, second]) player.onConnected(fakeConnection());
    await on.clock.pass(10);
    const held = { keys: new Uint32Array(8), buttons: 0 };
    second.input.held({ ...held, hidden: true }, 1);
    await on.clock.pass(5000);
    expect(at(at(on.views, 0).pictures, -1)).toEqual(wanted);
    second.input.held({ ...held, hidden: false }, 2);
    await on.clock.pass(100);
    expect(at(at(on.views, 0).pictures, -1)).toEqual({ width: 880, height: 494, fps: 30 });
  });

  test('a player whose network has no room for pictures does not count as a sign that the host is late', async () => {
    const on = stage({ pixels: 30_000_000 });
    for (const ready of [true, false]) on.room.accept(request).onConnected({ ...fakeConnection(), ready });
    await on.clock.pass(10);
    at(on.views, 1).ready = false;
    await on.clock.pass(20_000);
    expect(at(at(on.views, 0).pictures, -1)).toEqual(request);
    expect(at(on.views, 1).stats.dropped).toBeGreaterThan(1000);
  });

  test("a room drops the frames of a player's busy view and still renders those of the other", async () => {
    const on = stage();
    await join(on);
    await join(on);
    at(on.views, 0).ready = false;
    const before = at(on.views, 1).frames;
    await on.clock.pass(1000);
    expect(at(on.views, 0).stats.dropped).toBeGreaterThan(50);
    expect(at(on.views, 1).frames - before).toBeGreaterThanOrEqual(59);
  });

  test("a room moves ticks and frames towards the first player's display in small steps", async () => {
    const on = stage();
    const { player } = await join(on);
    const times: number[] = [];
    on.instance.onRender = () => times.push(on.clock.now());
    await on.clock.pass(200);
    const phase = () => at(times, -1) % (1000 / 60);
    const before = phase();
    player.input.pace(milli(1003));
    await on.clock.pass(200);
    expect((phase() - before + 1000 / 60) % (1000 / 60)).toBeCloseTo(2, 3);
    player.input.pace(milli(2));
    await on.clock.pass(400);
    expect((phase() - before + 1000 / 60) % (1000 / 60)).toBeCloseTo(1.75, 3);
    expect(Math.min(...times.slice(1).map((time, index) => time - at(times, index)))).toBeGreaterThan(14);
  });

  test('a room is not slowed down by a page that reports its pace all the time', async () => {
    const on = stage();
    const { player } = await join(on);
    on.instance.onTick = () => player.input.pace(milli(1000));
    on.instance.calls.length = 0;
    await on.clock.pass(1000);
    expect(count(on.instance.calls, 'tick')).toBeGreaterThanOrEqual(119);
  });

  test('a room skips ticks that are too late', async () => {
    const on = stage();
    await join(on);
    await on.clock.pass(100);
    on.clock.jump(10_000);
    await on.clock.pass(1000);
    expect(on.room.stats.ticksSkipped).toBeGreaterThan(1000);
    expect(on.room.stats.ticks).toBeLessThan(200);
  });

  test('a room shows a press and movement to exactly one tick', async () => {
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

  test('a room clears the input record when a player leaves', async () => {
    const on = stage();
    const { player } = await join(on);
    player.input.key(4, true, 1);
    await on.clock.pass(20);
    player.onClosed('page');
    await on.clock.pass(20);
    for (let at = 4; at < INPUT_STRIDE; at += 4) expect(on.instance.inputs.getUint32(at)).toBe(0);
  });

  test('a room renders one frame at each refresh when a display is its clock', async () => {
    const REFRESH_MS = 25;
    const on = stage();
    const refresh = () => Math.floor(on.clock.now() / REFRESH_MS + 1) * REFRESH_MS;
    const display: Clock = { now: () => on.clock.now(), until: () => on.clock.until(milli(refresh())) };
    const tab = stage({ clock: display, tickRate: 80 });
    tab.room.accept({ ...request, fps: Number.POSITIVE_INFINITY }).onConnected(fakeConnection());
    await on.clock.pass(100);
    tab.instance.calls.length = 0;
    await on.clock.pass(1000);
    expect(count(tab.instance.calls, 'render')).toBe(40);
    expect(count(tab.instance.calls, 'tick')).toBe(80);
    expect(at(tab.views, 0).stats.dropped).toBe(0);
  });

  test('a room saves its state between two ticks, with the number of the next tick', async () => {
    const on = stage();
    await join(on);
    const saved = on.room.save();
    await on.clock.pass(100);
    const before = on.instance.calls.slice(0, on.instance.calls.indexOf('save'));
    const ticks = count(before, 'tick');
    const isWhole = true;
    expect(await saved).toEqual({ state: Uint8Array.of(1, 2, 3), ticks, seats: [0], phase: undefined, isWhole });
  });

  test('a match that goes on has its players before its next tick; one takes the seat back, and the other leaves', async () => {
    const on = stage({ seats: 4, resumed: { seats: [1, 2], phase: 'active' } });
    const [first, second] = on.room.resumed;
    expect([first?.seat, second?.seat, on.room.players, on.room.phase]).toEqual([1, 2, 2, 'active']);
    expect(on.room.accept(request).seat).toBe(0);
    await on.clock.pass(100);
    expect(on.instance.calls.slice(0, 3)).toEqual(['join 1', 'join 2', 'tick 70']);
    expect(on.views).toHaveLength(0);
    first?.return(request).onConnected(fakeConnection());
    second?.onClosed('page');
    await on.clock.pass(100);
    expect([on.views.length, count(on.instance.calls, 'join'), on.room.players]).toEqual([1, 2, 2]);
    expect(on.instance.calls).toContain('leave 2');
  });

  test('a page that connects before its player has joined a match that goes on gets one view', async () => {
    const joining = Promise.withResolvers<Submission>();
    const instance = new FakeInstance(2);
    instance.join = () => joining.promise;
    const on = stage({ instance, resumed: { seats: [0] } });
    on.room.resumed[0]?.return(request).onConnected(fakeConnection());
    await on.clock.pass(50);
    expect([on.views.length, count(on.instance.calls, 'tick')]).toEqual([0, 0]);
    joining.resolve({ commands: new Uint32Array(0), data: new Uint8Array(0) });
    await on.clock.pass(50);
    expect(on.views).toHaveLength(1);
    expect(at(on.views, 0).frames).toBeGreaterThan(0);
  });

  test('a room saves nothing when it ends meanwhile', async () => {
    const on = stage();
    on.instance.fault = new NearlightError('NL_GUEST_TRAP', 'unreachable in save');
    expect(await on.room.save()).toBeUndefined();
    const saved = on.room.save();
    await on.room.close();
    expect(await saved).toBeUndefined();
  });

  test('a room starts with the keys that a player already holds down when given a seat', async () => {
    const on = stage();
    const input = new PlayerInput();
    input.key(4, true, 1);
    on.room.accept(request, input).onConnected(fakeConnection());
    await on.clock.pass(20);
    expect(on.instance.inputs.getUint32(INPUT_KEYS, true)).toBe(16);
  });

  test('a room ends with a code of its own if the host has no memory for it', async () => {
    const on = stage();
    const { connection } = await join(on);
    on.instance.onTick = () => new ArrayBuffer(2 ** 52);
    await on.clock.pass(20);
    expect((await on.room.ended)?.code).toBe('NL_HOST_MEMORY');
    expect(connection.notices).toEqual(['NL_HOST_MEMORY']);
    expect(on.instance.closed).toBe(true);
  });

  test('a room ends with the error of a call, tells its players the code, and releases everything', async () => {
    const on = stage();
    const { connection } = await join(on);
    on.instance.fault = new NearlightError('NL_GUEST_TRAP', 'unreachable in tick');
    await on.clock.pass(20);
    expect((await on.room.ended)?.code).toBe('NL_GUEST_TRAP');
    expect(connection.notices).toEqual(['NL_GUEST_TRAP']);
    expect(on.instance.closed && at(on.views, 0).closed && on.replay.destroyed).toBe(true);
    expect(() => on.room.accept(request)).toThrow('unreachable in tick');
  });

  test('a room ends when the replay refuses a command', async () => {
    const on = stage();
    await join(on);
    on.replay.fault = new NearlightError('NL_COMMAND', 'command 3 (draw): no');
    await on.clock.pass(20);
    expect((await on.room.ended)?.code).toBe('NL_COMMAND');
  });

  test('a room tells a page that connects too late why the room has ended', async () => {
    const on = stage();
    const player = on.room.accept(request);
    on.instance.end(new NearlightError('NL_GUEST_KILLED', 'signal 9'));
    await on.room.ended;
    const connection = fakeConnection();
    player.onConnected(connection);
    expect(connection.notices).toEqual(['NL_GUEST_KILLED']);
  });

  test('a room ends when the guest process dies between two calls', async () => {
    const on = stage();
    on.instance.end(new NearlightError('NL_GUEST_KILLED', 'signal 9'));
    expect((await on.room.ended)?.code).toBe('NL_GUEST_KILLED');
    expect(on.lines.some((line) => line.startsWith('error') && line.includes('NL_GUEST_KILLED'))).toBe(true);
  });

  test.each([
    [0, 'info'],
    [3, 'error'],
  ])('a room logs a game that exits with status %i at level %s', async (status, level) => {
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

  test('a room tells its players when it is closed, once', async () => {
    const on = stage();
    const { connection } = await join(on);
    await Promise.all([on.room.close(), on.room.close()]);
    expect(connection.notices).toEqual(['NL_SHUTDOWN']);
    expect(await on.room.ended).toBeUndefined();
  });
});

test('a picture comes with the times of its newest input: waiting for a tick, the tick, and waiting for the picture', async () => {
  const on = stage({ tickRate: 100 });
  const { player } = await join(on);
  const ticks: number[] = [];
  const shown: { sequence: number; readAt: number; times: InputTimes }[] = [];
  on.instance.onTick = () => {
    ticks.push(on.clock.now());
    on.clock.jump(1);
  };
  const view = at(on.views, 0) as unknown as PlayerView;
  view.present = (sequence, readAt, times) =>
    void shown.push({ sequence, readAt, times: { ...(times ?? { waitMs: -1, tickMs: -1, turnMs: -1 }) } });
  for (let sequence = 1; sequence <= 20; sequence++) {
    await on.clock.pass(37);
    const arrivedAt = on.clock.now();
    const before = ticks.length;
    player.input.key(4, sequence % 2 === 1, sequence);
    await on.clock.pass(40);
    const { readAt, times } = must(
      shown.find((picture) => picture.sequence === sequence),
      'picture',
    );
    expect(times.waitMs + times.tickMs + times.turnMs).toBeCloseTo(readAt - arrivedAt, 6);
    const tick = ticks[before] ?? Number.POSITIVE_INFINITY;
    expect(times.waitMs).toBeCloseTo(Math.min(tick, readAt) - arrivedAt, 6);
    expect(times.tickMs).toBeCloseTo(tick < readAt ? 1 : 0, 6);
  }
  expect(shown.some(({ times }) => times.turnMs > 1)).toBe(true);
});
