import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadGame, type Picture, type TestGame } from '../../host/play/test.ts';

let first: TestGame;
let second: TestGame;

beforeEach(async () => {
  [first, second] = await Promise.all([
    loadGame({ game: 'relay', seats: 2, draw: true }),
    loadGame({ game: 'relay', seats: 2 }),
  ]);
});
afterEach(async () => {
  await first.close();
  await second.close();
});

/** Has a player throw a ball from a place of the picture. */
async function throwBall(game: TestGame, x: number, y: number, seat = 0): Promise<void> {
  game.point(x, y, seat);
  game.button(0, true, seat);
  await game.tick();
  game.button(0, false, seat);
  await game.tick();
}

/** Takes a ball through the first room to the second, where the player of seat 0 waits for it. */
async function pass(): Promise<void> {
  const before = first.sent.length;
  await throwBall(first, 0.9, 0.5);
  for (let n = 0; n < 120 && first.sent.length === before; n++) await first.tick();
  const ball = first.sent.at(-1);
  expect(ball?.topic).toBe('ball');
  expect(second.send('ball', ball?.bytes ?? '')).toBe(true);
  // The ball flies at the same height as the player's dot at first, and reaches it soon.
  second.point(0.1, 0.5 - new DataView(ball?.bytes.buffer ?? new ArrayBuffer(4)).getFloat32(0, true) / 2);
  await second.tick(60);
}

describe('the relay', () => {
  test('a ball that leaves a room reaches a player of another one, who gets a point and says so', async () => {
    await first.join();
    await second.join();
    await pass();
    expect(second.sent.map(({ topic, text }) => `${topic}: ${text}`)).toEqual(['score: 1 point']);
    expect(first.send('score', '1 point')).toBe(true);
    await first.tick();
    expect(first.log).toEqual(['info another room has 1 point']);
  });

  test('a match waits for players, is active with them, and has ended with a result for three seconds when one has five points', async () => {
    await first.join();
    expect(second.phase).toBe('waiting');
    await second.join();
    expect(second.phase).toBe('active');
    for (let n = 0; n < 5; n++) {
      expect(second.phase).toBe('active');
      await pass();
    }
    expect(second.sent.at(-1)).toMatchObject({ topic: 'result', text: '{"seat":0,"points":5}' });
    expect(second.phase).toBe('ended');
    await second.tick(3 * 120);
    expect(second.phase).toBe('active');
    await second.leave();
    expect(second.phase).toBe('waiting');
  });

  test('what a player says is heard in other rooms', async () => {
    await first.join(1);
    first.press('Enter', 1);
    await first.tick();
    first.answer('hello 日本', 1);
    await first.tick();
    expect(first.sent.map(({ topic, text }) => `${topic}: ${text}`)).toEqual(['chat: hello 日本']);
    second.send('chat', 'hello 日本');
    await second.tick();
    expect(second.log).toEqual(['info someone says hello 日本']);
  });

  test('a player who moves to another room keeps the points, and a state of another version is refused', async () => {
    await first.join();
    await second.join();
    await pass();
    const state = await second.exportPlayer();
    expect(state).toEqual(Uint8Array.of(1, 0, 0, 0, 1, 0, 0, 0));
    await first.join(1);
    expect(await first.importPlayer(state ?? new Uint8Array(), 1)).toBe(true);
    expect(await first.exportPlayer(1)).toEqual(state);
    for (const bad of [Uint8Array.of(2, 0, 0, 0, 1, 0, 0, 0), new Uint8Array(0), new Uint8Array(9)])
      expect(await first.importPlayer(bad, 1)).toBe(false);
    expect(await first.exportPlayer(1)).toEqual(state);
    // No one brings enough points to win at once.
    await first.importPlayer(Uint8Array.of(1, 0, 0, 0, 255, 255, 255, 255), 1);
    expect(await first.exportPlayer(1)).toEqual(Uint8Array.of(1, 0, 0, 0, 4, 0, 0, 0));
  });

  test('a room goes on from its saved state and hears other rooms again', async () => {
    await first.join();
    await first.importPlayer(Uint8Array.of(1, 0, 0, 0, 3, 0, 0, 0));
    await first.tick(3);
    const state = await first.save();
    await second.restore(state ?? new Uint8Array());
    await second.join();
    expect(await second.exportPlayer()).toEqual(Uint8Array.of(1, 0, 0, 0, 3, 0, 0, 0));
    expect(second.send('chat', 'again')).toBe(true);
    await second.tick();
    expect(second.log).toEqual(['info someone says again']);
  });

  test('a message that is not a ball is ignored, and a ball with numbers out of bounds stays in the picture', async () => {
    await first.join();
    const wild = Buffer.alloc(16);
    for (const [n, value] of [Number.NaN, 1e30, -1e30, 99].entries()) wild.writeFloatLE(value, n * 4);
    for (const bytes of [new Uint8Array(15), new Uint8Array(17), wild]) first.send('ball', bytes);
    await first.tick(20);
    first.point(0.5, 0.02);
    const picture = await first.picture({ width: 100, height: 100 });
    expect(bright(picture)).toBeGreaterThan(50);
    await first.tick(200);
    expect(first.sent.filter(({ topic }) => topic === 'ball')).toHaveLength(1);
  });
});

/** Number of pixels of a picture that are not background. */
function bright(picture: Picture): number {
  let count = 0;
  for (let y = 0; y < picture.height; y++)
    for (let x = 0; x < picture.width; x++) if (Math.max(...picture.at(x, y)) > 60) count++;
  return count;
}

test('a test cannot send what no room can send', () => {
  expect(() => first.send('Chat', 'x')).toThrow('"Chat" is not a topic');
  expect(() => first.send('chat', new Uint8Array(1025))).toThrow('1025 bytes');
  expect(first.send('chat', new Uint8Array(1024))).toBe(true);
  expect(first.send('other', 'x')).toBe(false);
});
