import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Clock } from '../../host/base/clock.ts';
import { micro, milli } from '../../host/base/time.ts';
import { Broadcast } from '../../host/room/broadcast.ts';
import { PixelBudget } from '../../host/room/pixels.ts';
import type { Feedback, FrameInfo, ViewRequest } from '../../host/stream/player.ts';
import { at } from '../at.ts';
import { REQUEST, stage } from './broadcast-stage.ts';
import { fakeConnection, ManualClock, settle } from './fake.ts';

const INFO: FrameInfo = { rtpTimestamp: 1, keyframe: true, inputSequence: 0, inputToSendUs: micro(0) };
const UNIT = Buffer.of(1);

const path = (videoBitsPerSecond: number): Feedback => ({ videoBitsPerSecond, lossFraction: 0, queueMs: 0 });

afterEach(() => void vi.useRealTimers());

describe('a broadcast', () => {
  test('all spectators share the picture of the first one, encoded once', async () => {
    const { watch, views } = stage();
    const seen: string[] = [];
    // A limit for the bit rate concerns the one who sets it.
    const limited: ViewRequest = { ...REQUEST, bitrate: 150_000 };
    const first = await watch({ sendFrame: () => seen.push('first') > 0 }, limited);
    const second = await watch({ sendFrame: () => seen.push('second') > 0 }, { width: 1920, height: 1080, fps: 30 });
    expect(views).toHaveLength(1);
    expect(at(views, 0).request).toEqual({ width: 640, height: 360, fps: 30 });
    expect([first.player.width, second.player.width, second.player.seat]).toEqual([640, 640, -1]);
    at(views, 0).connection.sendFrame(UNIT, INFO);
    expect(seen).toEqual(['first', 'second']);
  });

  test('it ends with the last spectator, and begins again with the next one, who chooses the picture', async () => {
    const { broadcast, watch, views, sounds } = stage();
    const first = await watch();
    const second = await watch();
    first.player.onClosed('page');
    first.player.onClosed('page');
    expect([broadcast.spectators, at(views, 0).closed]).toEqual([1, false]);
    second.player.onLost();
    await settle();
    expect([broadcast.spectators, at(views, 0).closed, at(sounds, 0).closed]).toEqual([0, true, true]);
    await watch({}, { width: 320, height: 180, fps: 20 });
    expect(at(views, 1).request).toEqual({ width: 320, height: 180, fps: 20 });
  });

  test('a view that opens after the last spectator has left is closed', async () => {
    const { broadcast, views } = stage();
    const player = broadcast.admit(REQUEST);
    player.onConnected(fakeConnection());
    player.onClosed('page');
    await settle();
    expect([broadcast.view, at(views, 0).closed]).toEqual([undefined, true]);
  });

  test('as many may watch as the setting says, those who are about to connect included', async () => {
    const { broadcast } = stage({ spectatorsMax: 2 });
    const first = broadcast.admit(REQUEST);
    broadcast.admit(REQUEST);
    expect(() => broadcast.admit(REQUEST)).toThrow('NL_SPECTATORS: No one else can watch: 2 may watch test');
    first.onClosed('timeout');
    broadcast.admit(REQUEST);
    expect(() => stage({ spectatorsMax: 0 }).broadcast.admit(REQUEST)).toThrow('NL_SPECTATORS');
    expect(() => stage({ spectatorsMax: 0 }).broadcast.checkFree()).toThrow('NL_SPECTATORS');
    expect(() => stage({ spectatorsMax: 1 }).broadcast.checkFree()).not.toThrow();
  });

  test('each spectator who comes gets a keyframe, and together they get at most one a second', async () => {
    const clock = new ManualClock();
    const { watch, views } = stage({ clock });
    const { player } = await watch();
    await watch();
    expect(at(views, 0).keyframes).toBe(1);
    player.onKeyframe();
    await clock.pass(999);
    player.onKeyframe();
    expect(at(views, 0).keyframes).toBe(1);
    await clock.pass(1);
    player.onKeyframe();
    expect(at(views, 0).keyframes).toBe(2);
  });

  test('a keyframe that a spectator asks for too early comes with the first frame when a second has passed, and once', async () => {
    const clock = new ManualClock();
    const { broadcast, watch, views } = stage({ clock });
    const { player } = await watch();
    player.onKeyframe();
    await clock.pass(500);
    player.onKeyframe();
    const keyframesAt = async (ms: number) => {
      await clock.pass(ms - clock.now());
      expect(broadcast.takeFrame(clock.now())).toBe(true);
      return at(views, 0).keyframes;
    };
    expect([await keyframesAt(999), await keyframesAt(1040), await keyframesAt(5000)]).toEqual([1, 2, 2]);
  });

  test('the slowest path decides the bitrate, unless it is far slower than the best one', async () => {
    const { watch, views } = stage();
    const [fast, slow] = [await watch(), await watch()];
    fast.player.onFeedback(path(5_000_000));
    slow.player.onFeedback(path(2_000_000));
    slow.player.onFeedback(path(1_999_999));
    expect(at(views, 0).rates).toEqual([5_000_000, 2_000_000, 5_000_000]);
  });

  test('spectators share the budget of pixels with the players, over the same view', async () => {
    const pixels = new PixelBudget(1280 * 720 * 30);
    const { watch, views } = stage({ pixels });
    const { player } = await watch({}, { width: 1280, height: 720, fps: 30 });
    expect([player.width, at(views, 0).pictures]).toEqual([1280, [{ width: 1280, height: 720, fps: 30 }]]);
    const grant = pixels.grant({ width: 1280, height: 720, fps: 60 });
    const [, shared] = at(views, 0).pictures;
    expect(shared?.width).toBeLessThan(1280);
    expect(pixels.used).toBeLessThanOrEqual(1280 * 720 * 30);
    expect(views).toHaveLength(1);
    player.onClosed('page');
    grant.release();
    expect(pixels.used).toBe(0);
  });

  test('spectators whose sound fails go on watching, and a game without sound opens none', async () => {
    const failing = stage();
    failing.options.createSound = () => Promise.reject(new Error('broken'));
    const broadcast = new Broadcast({
      ...failing.options,
      clock: new ManualClock(),
      config: { spectatorsMax: 1 },
      seats: 1,
      pixels: new PixelBudget(Number.POSITIVE_INFINITY),
      hasSound: () => true,
      wake() {},
    });
    const connection = fakeConnection();
    broadcast.rest(false);
    broadcast.admit(REQUEST).onConnected(connection);
    await settle();
    expect([broadcast.sound, connection.notices, failing.views[0]?.closed]).toEqual([undefined, [], false]);
    expect(failing.lines.join()).toContain('spectators hear nothing any more: Error: broken');
    const silent = stage({ hasSound: false });
    await silent.watch();
    expect([silent.sounds, silent.views.length]).toEqual([[], 1]);
  });

  test('a frame is drawn while the path to any spectator has room', async () => {
    const { broadcast, watch } = stage();
    await watch({ ready: false });
    expect(broadcast.ready).toBe(false);
    await watch({ ready: true });
    expect(broadcast.ready).toBe(true);
  });

  test('spectators see and hear the game later than its players, by the time in the settings', async () => {
    vi.useFakeTimers();
    const clock = {
      now: () => milli(vi.getMockedSystemTime()?.getTime() ?? 0),
      until: () => new Promise<void>(() => {}),
    } as unknown as Clock;
    const { broadcast } = stage({ spectatorDelayMs: 5000, clock });
    const seen: string[] = [];
    const player = broadcast.admit(REQUEST);
    player.onConnected({
      ...fakeConnection(),
      sendFrame: () => seen.push('picture') > 0,
      sendAudio: () => seen.push('sound') > 0,
    });
    broadcast.sendFrame(UNIT, INFO);
    await vi.advanceTimersByTimeAsync(10);
    broadcast.sendAudio(UNIT, { rtpTimestamp: 0 });
    await vi.advanceTimersByTimeAsync(4989);
    expect(seen).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(seen).toEqual(['picture']);
    await vi.advanceTimersByTimeAsync(10);
    expect(seen).toEqual(['picture', 'sound']);
    broadcast.sendFrame(UNIT, INFO);
    player.onClosed('page');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(seen).toHaveLength(2);
  });

  test('a hidden spectator gets no pictures, and goes on with a keyframe', async () => {
    const clock = new ManualClock();
    const pixels = new PixelBudget(1280 * 720 * 30);
    const { broadcast, watch, views } = stage({ clock, pixels });
    const seen: string[] = [];
    const held = { keys: new Uint32Array(8), buttons: 0 };
    const first = await watch({ sendFrame: (_, { keyframe }) => seen.push(`first ${keyframe}`) > 0 });
    const second = await watch({ sendFrame: (_, { keyframe }) => seen.push(`second ${keyframe}`) > 0 });
    const send = (keyframe: boolean) => at(views, 0).connection.sendFrame(UNIT, { ...INFO, keyframe });
    first.player.input.held({ ...held, hidden: true }, 1);
    send(false);
    await clock.pass(1000);
    const before = at(views, 0).keyframes;
    first.player.input.held({ ...held, hidden: false }, 2);
    expect(at(views, 0).keyframes).toBe(before + 1);
    send(false);
    send(true);
    send(false);
    expect(seen).toEqual(['second false', 'second false', 'first true', 'second true', 'first false', 'second false']);
    // While no one looks, nothing is drawn, and the pixels are for the players.
    for (const { player } of [first, second]) player.input.held({ ...held, hidden: true }, 3);
    expect([broadcast.ready, pixels.used]).toEqual([false, 0]);
    second.player.onClosed('page');
    first.player.input.held({ ...held, hidden: false }, 4);
    expect(broadcast.ready).toBe(true);
    expect(pixels.used).toBeGreaterThan(0);
  });

  test('a muted spectator gets no sound, and nothing is mixed or encoded while all are muted', async () => {
    const { broadcast, watch } = stage();
    const seen: string[] = [];
    const held = { keys: new Uint32Array(8), buttons: 0, hidden: false };
    const first = await watch({ sendAudio: () => seen.push('first') > 0 });
    const second = await watch({ sendAudio: () => seen.push('second') > 0 });
    first.player.input.held({ ...held, muted: true }, 1);
    broadcast.sendAudio(UNIT, { rtpTimestamp: 0 });
    expect([seen, broadcast.isHeard]).toEqual([['second'], true]);
    second.player.input.held({ ...held, muted: true }, 1);
    expect(broadcast.isHeard).toBe(false);
    first.player.input.held(held, 2);
    expect(broadcast.isHeard).toBe(true);
  });

  test("pictures do not claim to show a spectator's input", async () => {
    const { watch, views } = stage();
    const seen: FrameInfo[] = [];
    await watch({ sendFrame: (_, info) => seen.push(info) > 0 });
    at(views, 0).connection.sendFrame(UNIT, { ...INFO, inputSequence: 77 });
    expect(seen[0]?.inputSequence).toBe(0);
  });

  test('the broadcast tells spectators when their picture cannot be encoded any more', async () => {
    const { watch, fail, lines } = stage();
    const { connection } = await watch();
    fail.view?.(new Error('broken'));
    await settle();
    expect(connection.notices).toEqual(['NL_ENCODER']);
    expect(lines.join()).toContain('spectators see nothing any more: Error: broken');
  });
});
