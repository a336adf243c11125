import { afterEach, describe, expect, test } from 'vitest';
import { NearlightError } from '../../host/base/errors.ts';
import { INPUT_KEYS, INPUT_STRIDE } from '../../renderer/contract/abi.ts';
import { at } from '../at.ts';
import { fakeConnection } from './fake.ts';
import { closeStages, count, join, request, stage } from './stage.ts';

afterEach(closeStages);

describe('a player who has lost the connection', () => {
  const smaller = { width: 320, height: 180, fps: 30 };

  test('the seat stays taken and the game hears nothing, but nothing is held and nothing is drawn', async () => {
    const on = stage({ seats: 1 });
    const { player } = await join(on);
    player.input.key(4, true, 1);
    await on.clock.pass(20);
    player.onLost();
    await on.clock.pass(20);
    on.instance.calls.length = 0;
    await on.clock.pass(1000);
    expect(count(on.instance.calls, 'tick')).toBeGreaterThanOrEqual(119);
    expect(on.instance.calls.filter((call) => !call.startsWith('tick'))).toEqual([]);
    expect([at(on.views, 0).closed, on.instance.inputs.getUint32(INPUT_KEYS, true)]).toEqual([true, 0]);
    expect(() => on.room.accept(request)).toThrow('NL_ROOM_FULL');
    expect([on.room.players, player.canReturn()]).toEqual([1, true]);
  });

  test('the player returns to the same seat, with another picture, and the game does not notice', async () => {
    const on = stage();
    await join(on);
    const { player } = await join(on);
    player.input.key(4, true, 1000);
    player.onLost();
    await on.clock.pass(20);
    const again = player.return(smaller);
    expect([again.seat, again.width, again.fps]).toEqual([1, 320, 30]);
    again.onConnected(fakeConnection());
    await on.clock.pass(20);
    again.input.key(5, true, 1);
    player.input.key(6, true, 1001);
    on.instance.calls.length = 0;
    await on.clock.pass(1000);
    expect(on.instance.calls.some((call) => /^(join|leave)/.test(call))).toBe(false);
    expect(count(on.instance.calls, 'render 1')).toBeGreaterThanOrEqual(29);
    expect(at(on.views, 2).frames).toBeGreaterThanOrEqual(29);
    expect(on.instance.inputs.getUint32(INPUT_STRIDE + INPUT_KEYS, true)).toBe(1 << 5);
  });

  test('a connection that is still open gives way, and its view is closed', async () => {
    const on = stage({ seats: 1 });
    const { player } = await join(on);
    player.return(request).onConnected(fakeConnection());
    await on.clock.pass(50);
    expect(on.views.map(({ closed }) => closed)).toEqual([true, false]);
    expect(count(on.instance.calls, 'join')).toBe(1);
    expect(at(on.views, 1).frames).toBeGreaterThan(0);
  });

  test('a view that opens after the connection was lost is closed again', async () => {
    const on = stage({ seats: 1 });
    const player = on.room.accept(request);
    player.onConnected(fakeConnection());
    player.onLost();
    player.return(request).onConnected(fakeConnection());
    player.onLost();
    await on.clock.pass(50);
    expect(on.views.every(({ closed }) => closed)).toBe(true);
    expect(on.instance.calls).toContain('join 0');
  });

  test('the pixels of the player are free for others meanwhile', async () => {
    const on = stage({ pixels: 30_000_000, seats: 3 });
    const wanted = { width: 1280, height: 720, fps: 60 };
    const first = on.room.accept(wanted);
    first.onConnected(fakeConnection());
    const second = on.room.accept(wanted);
    expect(second.width).toBeLessThan(1280);
    first.onLost();
    second.onClosed('page');
    await on.clock.pass(20);
    const third = on.room.accept(wanted);
    expect([third.width, third.fps]).toEqual([1280, 60]);
    await on.clock.pass(20);
  });

  test('the seat is free when the wait is over', async () => {
    const on = stage({ seats: 1 });
    const { player } = await join(on);
    player.onLost();
    await on.clock.pass(20);
    player.onClosed('page');
    await on.clock.pass(20);
    expect(on.instance.calls.filter((call) => call.startsWith('leave'))).toEqual(['leave 0']);
    expect(on.room.accept(request).seat).toBe(0);
  });

  test('the player cannot return to a room that has ended', async () => {
    const on = stage({ seats: 1 });
    const { player } = await join(on);
    player.onLost();
    on.instance.end(new NearlightError('NL_GUEST_KILLED', 'signal 9'));
    await on.room.ended;
    expect(player.canReturn()).toBe(false);
    expect(() => player.return(request)).toThrow('NL_ROOM_ENDED');
  });
});

describe('a hidden page', () => {
  const none = { keys: new Uint32Array(8), buttons: 0 };

  test('a hidden page costs no picture, and gets a keyframe at once when it is shown again', async () => {
    const on = stage({ seats: 1 });
    const { player } = await join(on);
    await on.clock.pass(100);
    player.input.held({ ...none, hidden: true }, 1);
    await on.clock.pass(20);
    on.instance.calls.length = 0;
    await on.clock.pass(10_000);
    expect(count(on.instance.calls, 'render')).toBe(0);
    expect(count(on.instance.calls, 'tick')).toBeGreaterThanOrEqual(1199);
    const view = at(on.views, 0);
    const keyframes: number[] = [];
    view.requestKeyframe = () => void keyframes.push(view.frames);
    const { frames } = view;
    player.input.held({ ...none, hidden: false }, 2);
    await on.clock.pass(10);
    expect([keyframes, view.frames]).toEqual([[frames], frames + 1]);
    expect(view.stats.dropped).toBe(0);
  });

  test('another player of the room gets every picture meanwhile', async () => {
    const on = stage();
    const { player } = await join(on);
    await join(on);
    player.input.held({ ...none, hidden: true }, 1);
    on.instance.calls.length = 0;
    await on.clock.pass(1000);
    expect(count(on.instance.calls, 'render 1')).toBeGreaterThanOrEqual(60);
    expect(count(on.instance.calls, 'render 0')).toBe(0);
  });
});
