import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadGame, type TestGame } from '../../host/play/test.ts';

let game: TestGame;

beforeEach(async () => {
  game = await loadGame({ game: 'controls', seats: 2, draw: true });
  await game.join(0);
  await game.join(1);
});
afterEach(() => game.close());

/** Brightness of the picture of a player at a place, 0 to 1 from the top left. */
async function light(x: number, y: number, seat = 0): Promise<number> {
  const size = { width: 200, height: 200 };
  const picture = await game.picture({ seat, ...size });
  return picture.at(Math.min(199, Math.round(x * 200)), Math.min(199, Math.round(y * 200)))[0];
}

describe('the gamepads of a game', () => {
  test('a game reads the sticks, the buttons and how far a trigger is pressed', async () => {
    expect(await light(0.5, 0.5)).toBeLessThan(20);
    game.gamepad({});
    expect(await light(0.5, 0.5)).toBeGreaterThan(100);
    const dim = await light(0.5, 0.5);
    game.gamepad({ buttons: { South: 1 } });
    expect(await light(0.5, 0.5)).toBeGreaterThan(dim + 50);
    // The radius of the dot is a twentieth of the picture, and half as much again while the trigger is half pressed.
    expect(await light(0.57, 0.5)).toBeLessThan(20);
    game.gamepad({ buttons: { RightTrigger: 0.5 } });
    expect(await light(0.57, 0.5)).toBeGreaterThan(100);
    expect(await light(0.59, 0.5)).toBeLessThan(20);
    game.gamepad({ axes: { LeftX: 1, LeftY: -1 } });
    expect(await light(0.5, 0.5)).toBeLessThan(20);
    expect(await light(0.9, 0.1)).toBeGreaterThan(100);
    expect(await light(0.5, 0.5, 1)).toBeLessThan(20);
  });

  test('a game gets each press of each gamepad once', async () => {
    game.gamepad({ buttons: { South: 1 } }, { pad: 3, seat: 1 });
    await game.tick(2);
    game.gamepad({}, { pad: 3, seat: 1 });
    game.gamepad({ buttons: { South: 1 } }, { pad: 0, seat: 1 });
    await game.tick(2);
    expect(game.log).toEqual(['info player 1 pressed gamepad 3', 'info player 1 pressed gamepad 0']);
  });

  test('names and values of gamepads that do not exist are refused', () => {
    expect(() => game.gamepad({ buttons: { Paddle: 1 } })).toThrow('there is no Paddle; the names are South, East');
    expect(() => game.gamepad({ axes: { LeftZ: 1 } })).toThrow('there is no LeftZ');
    expect(() => game.gamepad({ buttons: { South: 0 } })).toThrow(RangeError);
    expect(() => game.gamepad({ buttons: { South: 1.01 } })).toThrow(RangeError);
    expect(() => game.gamepad({ axes: { LeftX: -1.01 } })).toThrow(RangeError);
    expect(() => game.gamepad({}, { pad: 4 })).toThrow('there is no gamepad 4');
    expect(() => game.gamepad({}, { seat: 2 })).toThrow('there is no seat 2');
    game.gamepad({ buttons: { South: 1, Home: 0.01 }, axes: { LeftX: -1, RightY: 1 } }, { pad: 3 });
  });
});

test('a game shakes the gamepad whose button was pressed', async () => {
  game.gamepad({ buttons: { South: 1 } }, { pad: 2 });
  await game.tick(3);
  expect(game.rumbles()).toEqual([{ pad: 2, strong: 1, weak: 0.5, milliseconds: 200 }]);
  expect(game.rumbles(1)).toEqual([]);
});

describe('a text that a game asks for', () => {
  async function ask(seat = 0): Promise<void> {
    game.press('Enter', seat);
    await game.tick();
    game.release('Enter', seat);
  }

  test('a game gets the text that a player enters in the next tick, and can ask for it again', async () => {
    expect(game.question()).toBeUndefined();
    await ask();
    expect(game.question()).toEqual({ prompt: 'Your name', initial: '', lengthMax: 16 });
    await game.tick();
    expect(game.log).toEqual([]);
    game.answer('Zoë\u0007 日本');
    expect(game.question()).toBeUndefined();
    await game.tick();
    expect(game.log).toEqual(['info hello Zoë 日本']);
    await ask();
    expect(game.question()?.initial).toBe('Zoë 日本');
    game.answer('x'.repeat(17));
    await game.tick();
    expect(game.log.at(-1)).toBe(`info hello ${'x'.repeat(16)}`);
  });

  test('a game learns that a player has cancelled, and that a newer request has replaced an earlier one', async () => {
    await ask(1);
    game.answer(undefined, 1);
    await game.tick();
    expect(game.log).toEqual(['info player 1 has no new name']);
    await ask(1);
    await ask(1);
    await game.tick();
    game.answer('B', 1);
    await game.tick();
    expect(game.log.slice(1)).toEqual(['info hello B']);
  });
});
