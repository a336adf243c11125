import { afterEach, describe, expect, test } from 'vitest';
import type { Submission } from '../../host/engine/engine.ts';
import type { CommandReplay } from '../../host/gpu/replay.ts';
import { Room } from '../../host/room/room.ts';
import { at } from '../at.ts';
import { parts, REQUEST } from './broadcast-stage.ts';
import { FakeInstance, fakeConnection, ManualClock } from './fake.ts';

describe('a room with spectators', () => {
  function open({ hasSound = false } = {}) {
    const made = parts();
    const clock = new ManualClock();
    const instance = new FakeInstance(2);
    instance.hasSound = hasSound;
    const unseen: object[] = [];
    const startUnseen = async (...call: object[]) => void unseen.push(...call);
    const replay = { observe() {}, start() {}, startUnseen, destroy() {} } as unknown as CommandReplay;
    const config = { maxPlayers: 2, tickRate: 120, seed: 1, spectatorsMax: 2 };
    const room = new Room({ ...made.options, clock, instance, replay, config });
    closing.push(() => room.close());
    const join = async () => {
      const player = room.accept(REQUEST);
      player.onConnected(fakeConnection());
      await clock.pass(10);
      return player;
    };
    const watch = async () => {
      const player = room.watch(REQUEST);
      const connection = fakeConnection();
      player.onConnected(connection);
      await clock.pass(10);
      return { player, connection };
    };
    return { room, clock, instance, unseen, join, watch, ...made };
  }

  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  test('they see what the first player sees, at their own rate, and take no seat', async () => {
    const { room, clock, instance, views, sounds, join, watch } = open();
    await join();
    await watch();
    instance.calls.length = 0;
    await clock.pass(1000);
    const renders = instance.calls.filter((call) => call.startsWith('render'));
    expect(new Set(renders)).toEqual(new Set(['render 0 640x360']));
    expect(at(views, 0).presented).toBeGreaterThanOrEqual(60);
    expect(at(views, 1).presented).toBeGreaterThanOrEqual(29);
    expect(at(views, 1).presented).toBeLessThanOrEqual(32);
    expect([room.players, room.status()]).toMatchObject([1, { spectators: 1, players: 1 }]);
    // Nothing asks a game without sound for any.
    expect([sounds, instance.listened]).toEqual([[], []]);
  });

  test('a picture whose spectators leave while it is made has its commands executed, because later ones may need them', async () => {
    const { clock, instance, views, unseen, join, watch } = open();
    await join();
    const { player } = await watch();
    at(views, 0).ready = false;
    const rendering = Promise.withResolvers<Submission>();
    instance.render = () => rendering.promise;
    await clock.pass(100);
    player.onClosed('page');
    await clock.pass(10);
    const submission = { commands: new Uint32Array(1), data: new Uint8Array(0) };
    rendering.resolve(submission);
    await clock.pass(10);
    expect(unseen).toEqual([submission, at(views, 1).surface.texture]);
    expect(at(views, 1).closed).toBe(true);
  });

  test('the game rests while no one plays it, and goes on for them when a player comes', async () => {
    const { clock, instance, views, join, watch } = open();
    await watch();
    instance.calls.length = 0;
    await clock.pass(1000);
    expect(instance.calls).toEqual([]);
    await join();
    await clock.pass(500);
    expect(at(views, 0).presented).toBeGreaterThan(10);
  });

  test('they hear the player whom they watch, also if the player hears nothing', async () => {
    const { clock, instance, sounds, join, watch } = open({ hasSound: true });
    const player = await join();
    await watch();
    await clock.pass(500);
    expect(sounds).toHaveLength(2);
    expect(at(sounds, 1).played).toBeGreaterThan(400 * 50);
    player.onLost();
    await clock.pass(20);
    instance.listened.length = 0;
    await clock.pass(500);
    expect(new Set(instance.listened)).toEqual(new Set(['0']));
  });

  test('the room tells them that no one plays, also those who come then, and when the game goes on', async () => {
    const { clock, join, watch } = open();
    const early = await watch();
    expect(early.connection.notices).toEqual(['paused']);
    const player = await join();
    expect(early.connection.notices).toEqual(['paused', 'joined']);
    player.onLost();
    await clock.pass(20);
    const late = await watch();
    expect(late.connection.notices).toEqual([]);
    player.onClosed('page');
    await clock.pass(20);
    expect([early.connection.notices.at(-1), late.connection.notices]).toEqual(['paused', ['paused']]);
  });

  test('they cost no sound while they are muted', async () => {
    const { clock, instance, sounds, join, watch } = open({ hasSound: true });
    const player = await join();
    const { player: spectator } = await watch();
    const held = { keys: new Uint32Array(8), buttons: 0, hidden: false };
    for (const each of [player, spectator]) each.input.held({ ...held, muted: true }, 1);
    await clock.pass(20);
    instance.listened.length = 0;
    await clock.pass(1000);
    expect(instance.listened).toEqual([]);
    for (const { skipped } of sounds) expect(skipped).toBeGreaterThan(47_000);
    spectator.input.held(held, 2);
    await clock.pass(100);
    expect(new Set(instance.listened)).toEqual(new Set(['0']));
    expect(at(sounds, 1).played).toBeGreaterThan(4000);
  });

  test('the room tells them when the game ends', async () => {
    const { room, join, watch } = open();
    await join();
    const { connection } = await watch();
    await room.close();
    expect(connection.notices).toEqual(['NL_SHUTDOWN']);
    expect(() => room.watch(REQUEST)).toThrow('NL_ROOM_ENDED');
  });
});
