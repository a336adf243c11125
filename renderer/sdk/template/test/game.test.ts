import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadGame } from 'nearlight/test';

test('a player who holds D moves, and a game that loads the saved state shows the same picture', async () => {
  const game = await loadGame({ draw: true });
  await game.join();
  const before = await game.picture();
  game.press('KeyD');
  await game.tick(60);
  const after = await game.picture();
  assert.notDeepEqual(after.png(), before.png(), 'the picture changes while D is held');

  const state = await game.save();
  assert.ok(state, 'the game saves its state');
  const again = await loadGame({ draw: true });
  await again.restore(state);
  await again.join();
  assert.deepEqual((await again.picture()).png(), after.png(), 'the same state gives the same picture');
  await Promise.all([game.close(), again.close()]);
});

test('two games with the same seed and the same input save the same state', async () => {
  const states = [];
  for (let run = 0; run < 2; run++) {
    const game = await loadGame({ seed: 7 });
    await game.join();
    game.press('KeyW');
    await game.tick(240);
    states.push(await game.save());
    await game.close();
  }
  assert.deepEqual(states[0], states[1]);
});
