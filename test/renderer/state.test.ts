import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { must } from '../../host/base/assert.ts';
import type { Instance, Submission } from '../../host/engine/engine.ts';
import { buildModules } from '../../host/play/modules.ts';
import { bufferNamed, buttons, key, keys, load, written } from './driver.ts';

const arena = join(import.meta.dirname, '../../build/arena.wasm');

beforeAll(async () => {
  await buildModules(['arena', 'triangle']);
});

/** Returns a digest of the commands of ticks `from` to `to`, with a render at every tenth, for players who run and shoot. */
async function play(game: Instance, from: number, to: number): Promise<string> {
  const digest = createHash('sha256');
  const add = ({ commands, data }: Submission) => digest.update(commands).update(data);
  for (let n = from; n < to; n++) {
    key(game, 0, keys.w, n % 200 < 150);
    key(game, 1, keys.a, n % 300 < 150);
    buttons(game, 0, n % 100 < 50 ? 1 : 0);
    add(await game.tick(n));
    if (n % 10 === 0) add(await game.render(0, 320, 180));
  }
  return digest.digest('hex');
}

async function save(game: Instance): Promise<Uint8Array> {
  return must(await game.save(), 'state');
}

async function started(players: number): Promise<Instance> {
  const game = await load(arena);
  for (let seat = 0; seat < players; seat++) await game.join(seat);
  return game;
}

describe("the arena's state", () => {
  it.each([1, 2])("the arena's state continues alike in another instance, with %i playing", async (players) => {
    const game = await started(players);
    await play(game, 0, 500);
    const state = await save(game);
    const other = await load(arena, 99);
    await other.restore(state);
    for (let seat = 0; seat < players; seat++) await other.join(seat);
    // The first tick of an instance creates objects that later ticks only use, so it is not compared.
    await play(game, 500, 501);
    await play(other, 500, 501);
    expect(await play(other, 501, 1000)).toBe(await play(game, 501, 1000));
    await Promise.all([game.close(), other.close()]);
  });

  it('the arena drops a player who does not return after its state was loaded', async () => {
    const game = await started(2);
    await play(game, 0, 60);
    const state = await save(game);
    const other = await load(arena);
    await other.restore(state);
    const bodies = bufferNamed(await other.join(1), 'bodies');
    await other.tick(60);
    const shown = written(await other.render(1, 320, 180), bodies);
    expect(shown.length / 16).toBe(1);
    await Promise.all([game.close(), other.close()]);
  });

  it.each([
    ['another number of seats', async () => save(await load(arena, 7, 2))],
    ['another layout', async () => new Uint8Array(4000)],
    ['a truncated state', async () => (await save(await load(arena))).subarray(0, 5000)],
    ['a state that is too long', async () => Buffer.concat([await save(await load(arena)), Buffer.alloc(4)])],
  ])('the arena refuses to load %s', async (_, state) => {
    const game = await load(arena);
    await expect(game.restore(await state())).rejects.toThrow(/^NL_GUEST_TRAP: .*the (state is|saved match has) /);
  });

  it('the state of a game that saves none is undefined', async () => {
    const game = await load(join(import.meta.dirname, '../../build/triangle.wasm'));
    expect(await game.save()).toBeUndefined();
    await game.close();
  });
});
