import { afterEach, describe, expect, test } from 'vitest';
import { NearlightError } from '../../host/base/errors.ts';
import { at } from '../at.ts';
import { closeStages, count, join, type StageOptions, stage } from './stage.ts';

afterEach(closeStages);

describe('the sound of a room', () => {
  test('each player hears every tick from the moment when the sound is open, until the player leaves', async () => {
    const on = stage({ hasSound: true });
    const { player } = await join(on);
    await join(on);
    await on.clock.pass(1000);
    expect(on.instance.listened.at(0)).toBe('0');
    expect(on.instance.listened.at(-1)).toBe('0 1');
    const [first, second] = on.sounds;
    expect(first?.played).toBe(on.instance.listened.length * 400);
    player.onClosed('page');
    await on.clock.pass(100);
    expect([first?.closed, second?.closed]).toEqual([true, false]);
    expect(on.instance.listened.at(-1)).toBe('1');
    await on.room.close();
    expect(second?.closed).toBe(true);
  });

  test('ticks that are left out move the sound on, so that it keeps the time of the game', async () => {
    const on = stage({ hasSound: true, tickRate: 100 });
    await join(on);
    await on.clock.pass(500);
    const [sound] = on.sounds;
    expect(sound?.skipped).toBe(0);
    const played = on.instance.listened.length;
    on.clock.jump(1000);
    await on.clock.pass(100);
    expect(on.room.stats.ticksSkipped).toBeGreaterThan(50);
    expect(sound?.skipped).toBe(on.room.stats.ticksSkipped * 480);
    const ticks = on.instance.listened.length - played + on.room.stats.ticksSkipped;
    expect(Math.abs(ticks - 110)).toBeLessThanOrEqual(1);
  });

  test('a muted page hears nothing and costs nothing, and hears the game again in time as soon as it wants', async () => {
    const on = stage({ hasSound: true });
    const { player } = await join(on);
    await join(on);
    await on.clock.pass(500);
    const held = { keys: new Uint32Array(8), buttons: 0, hidden: false };
    player.input.held({ ...held, muted: true }, 1);
    await on.clock.pass(20);
    const sound = at(on.sounds, 0);
    const [played, skipped] = [sound.played, sound.skipped];
    on.instance.listened.length = 0;
    await on.clock.pass(1000);
    expect(new Set(on.instance.listened)).toEqual(new Set(['1']));
    expect(sound.played).toBe(played);
    expect(Math.abs(sound.skipped - skipped - 48_000)).toBeLessThanOrEqual(400);
    player.input.held(held, 2);
    await on.clock.pass(20);
    expect(sound.played).toBeGreaterThan(played);
    // All that the game makes is either played or left out, so the timestamps keep the time of the game.
    const other = at(on.sounds, 1);
    expect([sound.closed, other.skipped]).toEqual([false, 0]);
    const earlier = sound.played + sound.skipped - other.played;
    for (let change = 0; change < 100; change++) {
      player.input.held({ ...held, muted: change % 2 === 0 }, 3 + change);
      await on.clock.pass(13);
    }
    expect(sound.played + sound.skipped - other.played).toBe(earlier);
  });

  test('no one listens to a game without sound, on a page that takes none, or below ten ticks a second', async () => {
    const silent: StageOptions[] = [
      {},
      { hasSound: true, openSound: () => undefined },
      { hasSound: true, tickRate: 9 },
    ];
    for (const options of silent) {
      const on = stage(options);
      await join(on);
      await on.clock.pass(500);
      expect(count(on.instance.calls, 'tick')).toBeGreaterThan(3);
      expect(on.instance.listened).toEqual([]);
    }
  });

  test('a player whose sound cannot be opened plays on without it', async () => {
    const on = stage({ hasSound: true, openSound: () => Promise.reject(new NearlightError('NL_ENCODER', 'broken')) });
    const { connection } = await join(on);
    await on.clock.pass(500);
    expect(on.instance.listened).toEqual([]);
    expect(on.views[0]?.frames).toBeGreaterThan(10);
    expect(connection.notices).toEqual([]);
    expect(on.lines.join()).toContain('seat 0 hears nothing any more: NearlightError: NL_ENCODER');
  });
});
