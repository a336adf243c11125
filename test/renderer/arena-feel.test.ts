import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadGame, type TestGame } from '../../host/play/test.ts';

/** Ticks in which a game's bots find a player who stands still, and shoot. */
const TICKS_MAX = 120 * 40;
/** A stick that is held a little to the side: the gamepad is in the player's hands. */
const HELD = { axes: { LeftX: 0.1 } };
const SHOT = { strong: 0, weak: expect.closeTo(0.09, 3), milliseconds: 45 };

let game: TestGame;

beforeEach(async () => {
  game = await loadGame({ game: 'arena', seats: 2, draw: false });
  await game.join(0);
});
afterEach(() => game.close());

/** Plays until something felt in a seat is at least this strong, and returns all that was felt. */
async function feel(strength: number, seat = 0) {
  for (let n = 0; n < TICKS_MAX && !game.rumbles(seat).some(({ strong }) => strong >= strength); n++) await game.tick();
  expect(Math.max(...game.rumbles(seat).map(({ strong }) => strong))).toBeGreaterThanOrEqual(strength);
  return game.rumbles(seat);
}

describe('a gamepad in the arena', () => {
  test('fires when its trigger is pressed far enough, and kicks a little', async () => {
    game.gamepad({ buttons: { RightTrigger: 0.29 } }, { pad: 1 });
    await game.tick(40);
    expect(game.rumbles()).toEqual([]);
    game.gamepad({ buttons: { RightTrigger: 0.31 } }, { pad: 1 });
    await game.tick(40);
    expect(game.rumbles().length).toBeGreaterThan(1);
    expect(game.rumbles().at(-1)).toEqual({ pad: 1, ...SHOT });
  });

  test('shakes in the hands of a player who is hit, and more so when the player falls', async () => {
    game.gamepad(HELD, { pad: 2 });
    const hits = await feel(0.3);
    const hit = hits.find(({ strong }) => strong >= 0.3);
    expect(hit).toMatchObject({ pad: 2, milliseconds: 130 });
    expect(hit?.strong).toBeLessThan(0.6);
    expect((await feel(0.7)).at(-1)).toMatchObject({ pad: 2, milliseconds: 350 });
  });

  test('shakes when another player falls nearby, and not for a shot while a stronger effect lasts', async () => {
    game.gamepad({ ...HELD, buttons: { RightTrigger: 1 } });
    let [left, force] = [0, 0];
    for (let n = 0; n < TICKS_MAX && game.rumbles().length < 60; n++) {
      const before = game.rumbles().length;
      await game.tick();
      left -= 1000 / 120;
      for (const { strong, weak, milliseconds } of game.rumbles().slice(before)) {
        if (left > 1) expect(strong + weak / 2).toBeGreaterThanOrEqual(force - 1e-6);
        [left, force] = [milliseconds, strong + weak / 2];
      }
    }
    expect(game.rumbles().length).toBeGreaterThanOrEqual(60);
    expect(game.rumbles().some(({ strong }) => strong > 0.2)).toBe(true);
  });

  test('rests while its owner plays with the keyboard or the mouse', async () => {
    game.gamepad(HELD);
    await game.tick(2);
    game.gamepad({});
    game.press('KeyW');
    game.button(0, true);
    await game.tick(600);
    const felt = game.rumbles().length;
    expect(felt).toBe(0);
    game.release('KeyW');
    game.button(0, false);
    game.gamepad({ buttons: { RightTrigger: 1 } });
    await game.tick(40);
    expect(game.rumbles().length).toBeGreaterThan(0);
  });
});

test('a phone, which has no gamepad, vibrates when its owner is hit, and not at each shot', async () => {
  game.button(0, true);
  const felt = await feel(0.3);
  // The page of a phone leaves out effects below a tenth.
  for (const { pad, strong, weak } of felt.filter(({ milliseconds }) => milliseconds === 45))
    expect([pad, Math.max(strong, weak) < 0.1]).toEqual([0, true]);
  expect(felt.at(-1)).toMatchObject({ pad: 0 });
});

test('each player feels what happens to that player alone', async () => {
  await game.join(1);
  game.gamepad({ buttons: { RightTrigger: 1 } }, { seat: 1, pad: 0 });
  await game.tick(40);
  expect(game.rumbles(1).length).toBeGreaterThan(1);
  expect(game.rumbles(0)).toEqual([]);
});
