import { expect, test } from 'vitest';
import { loadGame } from '../../host/play/test.ts';

const loudest = (samples: Float32Array) => samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);

test("an author's test hears what one player hears", async () => {
  const game = await loadGame({ game: 'sound', seats: 2, tickRate: 144 });
  try {
    await game.join(0);
    await game.join(1);
    const hum = await game.listen(144, 1);
    expect(hum).toHaveLength(2 * 48_000);
    expect(loudest(hum)).toBeGreaterThan(0.005);
    expect(loudest(hum)).toBeLessThan(0.1);
    game.press('KeyW', 0);
    expect(loudest(await game.listen(5, 0))).toBeGreaterThan(0.3);
    game.release('KeyW', 0);
    await game.tick(144);
    game.press('KeyW', 0);
    expect(loudest(await game.listen(5, 1))).toBeLessThan(0.1);
    await expect(game.listen(1, 2)).rejects.toThrow('there is no seat 2');
  } finally {
    await game.close();
  }
});

test('a game without sound is silent', async () => {
  const game = await loadGame({ game: 'triangle' });
  await game.join();
  expect(await game.listen(2)).toEqual(new Float32Array(1600));
  await game.close();
});
