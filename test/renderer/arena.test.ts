import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Instance, Submission } from '../../host/engine/engine.ts';
import { buildModules } from '../../host/play/modules.ts';
import { OP_DESTROY } from '../../renderer/contract/abi.ts';
import { at } from '../at.ts';
import { bufferNamed, buttons, commandsOf, findWritten, key, keys, load, move, written } from './driver.ts';

/** Number of floats for a player's body: position, sunlight, cosine and sine of the yaw, pitch, flash, colour, size, ground. */
const BODY = 16;
const RADIANS_PER_PIXEL = 0.0022;
const sizes = new Map<string, number>();
let arena = '';

beforeAll(async () => {
  for (const module of await buildModules(['arena', 'latency', 'triangle'])) sizes.set(module.name, module.bytes);
  arena = join(import.meta.dirname, '../../build/arena.wasm');
});

async function ticks(game: Instance, from: number, count: number): Promise<number> {
  for (let n = from; n < from + count; n++) await game.tick(n);
  return from + count;
}

const hash = (submission: Submission): string =>
  createHash('sha256').update(submission.commands).update(submission.data).digest('hex');

/** Lets two players run, turn and shoot for 1,200 ticks. Returns a digest of all commands and data. */
async function play(seed: number): Promise<string> {
  const game = await load(arena, seed);
  const digest = createHash('sha256').update(hash(game.initial));
  digest.update(hash(await game.join(0)));
  for (let n = 0; n < 1200; n++) {
    if (n === 400) await game.join(1);
    key(game, 0, keys.w, n % 200 < 150);
    key(game, 1, keys.a, n % 300 < 150);
    buttons(game, 0, n % 100 < 50 ? 1 : 0);
    move(game, 0, Math.sin(n) * 9, Math.cos(n));
    digest.update(hash(await game.tick(n)));
    if (n % 10 === 0) digest.update(hash(await game.render(0, 320, 180)));
  }
  await game.close();
  return digest.digest('hex');
}

describe('arena', () => {
  it('the arena plays the same for the same seed and inputs, and differently for another seed', async () => {
    const first = await play(7);
    expect(await play(7)).toBe(first);
    expect(await play(8)).not.toBe(first);
  });

  it('the arena shows a player how another player walks', async () => {
    const game = await load(arena);
    const made = await game.join(0);
    const bodies = bufferNamed(made, 'bodies');
    await game.join(1);
    let n = await ticks(game, 0, 60);
    const before = written(await game.render(0, 320, 180), bodies);
    expect(before.length).toBe(2 * BODY);
    key(game, 1, keys.w, true);
    n = await ticks(game, n, 60);
    const after = written(await game.render(0, 320, 180), bodies);
    expect(Math.hypot(at(after, BODY) - at(before, BODY), at(after, BODY + 2) - at(before, BODY + 2))).toBeGreaterThan(
      1.5,
    );
    expect([after[0], after[1], after[2]]).toEqual([before[0], before[1], before[2]]);
    await game.leave(1);
    await game.tick(n);
    expect(written(await game.render(0, 320, 180), bodies).length).toBe(BODY);
    await game.close();
  });

  it('the arena uploads the data that all views share once for each tick', async () => {
    const game = await load(arena);
    const made = await game.join(0);
    const bodies = bufferNamed(made, 'bodies');
    await game.join(1);
    await game.tick(0);
    expect(findWritten(await game.render(0, 320, 180), bodies)).toBeDefined();
    expect(findWritten(await game.render(1, 320, 180), bodies)).toBeUndefined();
    await game.close();
  });

  it("the arena turns a player's view by the pointer's movement since the last tick", async () => {
    const game = await load(arena);
    const made = await game.join(0);
    const view = bufferNamed(made, 'view');
    await game.tick(0);
    const still = written(await game.render(0, 320, 180), view);
    move(game, 0, 100, 0);
    const turned = written(await game.render(0, 320, 180), view);
    const yaw = (u: Float32Array) => Math.atan2(at(u, 28), -at(u, 30));
    expect(Math.sin(yaw(turned) - yaw(still))).toBeCloseTo(Math.sin(100 * RADIANS_PER_PIXEL), 4);
    await game.close();
  });

  it('a player of the arena who aims turns half as fast and sees a narrower part, in the picture as in the next tick', async () => {
    const game = await load(arena);
    const made = await game.join(0);
    const view = bufferNamed(made, 'view');
    const look = async (movement: number) => {
      move(game, 0, movement, 0);
      return written(await game.render(0, 320, 180), view);
    };
    const yaw = (u: Float32Array) => Math.atan2(at(u, 28), -at(u, 30));
    const zoom = (u: Float32Array) => Math.hypot(at(u, 1), at(u, 5), at(u, 9));
    const turn = async (n: number) => {
      const before = yaw(await look(0));
      const shown = yaw(await look(100)) - before;
      await game.tick(n);
      return [shown, yaw(await look(0)) - before].map(Math.sin);
    };
    const free = await look(0);
    for (const angle of await turn(0)) expect(angle).toBeCloseTo(Math.sin(100 * RADIANS_PER_PIXEL), 3);
    buttons(game, 0, 4);
    move(game, 0, 0, 0);
    await ticks(game, 1, 120);
    for (const angle of await turn(121)) expect(angle).toBeCloseTo(Math.sin(50 * RADIANS_PER_PIXEL), 3);
    expect(zoom(await look(0)) / zoom(free)).toBeGreaterThan(1.5);
    buttons(game, 0, 0);
    move(game, 0, 0, 0);
    await ticks(game, 122, 120);
    expect(zoom(await look(0)) / zoom(free)).toBeCloseTo(1, 3);
    await game.close();
  });

  it('in the arena, a player shoots another, who is hurt, falls and comes back, and the score grows', async () => {
    const game = await load(arena);
    const made = await game.join(0);
    const bodies = bufferNamed(made, 'bodies');
    const boxes = bufferNamed(made, 'hud');
    await game.join(1);
    const seen = { flash: 0, fewest: 2 };
    let n = await ticks(game, 0, 30);
    const hudBefore = written(await game.render(0, 1280, 720), boxes).length;
    key(game, 0, keys.w, true);
    buttons(game, 0, 1);
    for (let k = 0; k < 3600 && seen.fewest === 2; k++) {
      await game.tick(n++);
      const now = written(await game.render(0, 64, 64), bodies);
      seen.fewest = now.length / BODY;
      if (seen.fewest < 2) break;
      seen.flash = Math.max(seen.flash, at(now, BODY + 7));
      aim(game, now, k);
    }
    expect(seen).toEqual({ flash: expect.closeTo(1, 1), fewest: 1 });
    buttons(game, 0, 0);
    key(game, 0, keys.w, false);
    move(game, 0, 0, 0);
    n = await ticks(game, n, 400);
    expect(written(await game.render(0, 1280, 720), bodies).length).toBe(2 * BODY);
    expect(written(await game.render(0, 1280, 720), boxes).length).toBeGreaterThan(hudBefore);
    await game.close();
  }, 20_000);

  it('the arena allocates no memory in ten thousand ticks and renders', async () => {
    const game = await load(arena);
    await game.join(0);
    key(game, 0, keys.w, true);
    buttons(game, 0, 1);
    await ticks(game, 0, 600);
    await game.render(0, 320, 180);
    const heap = (): number => (game as unknown as { memoryBytes: number }).memoryBytes;
    const before = heap();
    for (let n = 600; n < 10_600; n++) {
      await game.tick(n);
      await game.render(0, 320, 180);
    }
    expect(heap()).toBe(before);
    await game.close();
  }, 30_000);

  it('the arena draws every part of the level that a picture shows, and on average less than half of the level', async () => {
    const game = await load(arena);
    const made = await game.join(0);
    const [view, level] = [bufferNamed(made, 'view'), bufferNamed(made, 'level')];
    const vertices = written(made, bufferNamed(made, 'vertices'));
    const pictures: { view: Float32Array; drawn: Set<string> }[] = [];
    for (let n = 0; n < 360; n++) {
      key(game, 0, keys.w, n % 100 < 80);
      move(game, 0, n % 100 === 90 ? 900 : 0, 0);
      await game.tick(n);
      if (n % 120 !== 100) continue;
      for (let direction = 0; direction < 8; direction++) {
        move(game, 0, (direction * Math.PI) / 4 / RADIANS_PER_PIXEL, direction % 3 === 0 ? 200 : 0);
        const drawing = await game.render(0, 320, 180);
        const { buffer } = written(drawing, level);
        pictures.push({ view: written(drawing, view), drawn: trianglesOf(new Uint16Array(buffer)) });
      }
    }
    await game.close();
    // No picture shows a triangle that none of them draws, so together they have nearly the whole level.
    const all = new Set(pictures.flatMap(({ drawn }) => [...drawn]));
    let shown = 0;
    for (const picture of pictures) {
      const missed = [...all].filter((triangle) => {
        if (!isShown(triangle, vertices, picture.view)) return false;
        shown++;
        return !picture.drawn.has(triangle);
      });
      expect(missed).toEqual([]);
    }
    expect(shown).toBeGreaterThan(10_000);
    const drawn = pictures.reduce((sum, picture) => sum + picture.drawn.size, 0);
    expect(drawn / pictures.length).toBeLessThan(all.size / 2);
  });

  it('the arena destroys depth textures whose size no view uses any longer', async () => {
    const game = await load(arena);
    await game.join(0);
    await game.tick(0);
    await game.render(0, 320, 180);
    let destroys = 0;
    const isDestroy = (command: Uint32Array) => (at(command, 0) & 0xffff) === OP_DESTROY;
    for (let n = 1; n < 500; n++) destroys += [...commandsOf(await game.tick(n))].some(isDestroy) ? 1 : 0;
    expect(destroys).toBe(1);
    await game.close();
  });
});

/** Returns the triangles of a list of indices, as text. */
function trianglesOf(indices: Uint16Array): Set<string> {
  const triangles = new Set<string>();
  for (let i = 0; i < indices.length; i += 3) triangles.add(indices.slice(i, i + 3).join(' '));
  return triangles;
}

/** Whether a picture shows the front of a triangle, if nothing hides it: one corner is clearly inside the picture, and none behind the eye. */
function isShown(triangle: string, vertices: Float32Array, view: Float32Array): boolean {
  const corners = triangle.split(' ').map((index) => {
    const place = [...vertices.subarray(Number(index) * 4, Number(index) * 4 + 3), 1];
    const sum = (row: number) => place.reduce((total, value, column) => total + value * at(view, column * 4 + row), 0);
    return { x: sum(0) / sum(3), y: sum(1) / sum(3), z: sum(2) / sum(3), w: sum(3) };
  });
  const [a, b, c] = [at(corners, 0), at(corners, 1), at(corners, 2)];
  const area = (b.x - a.x) * (c.y - a.y) - (c.x - a.x) * (b.y - a.y);
  const isInside = corners.some(({ x, y, z }) => Math.abs(x) < 0.99 && Math.abs(y) < 0.99 && z > 0 && z < 1);
  return area > 1e-5 && isInside && corners.every(({ w }) => w > 0.2);
}

/** Turns seat 0 towards seat 1, and lets it step aside and jump to get past obstacles. */
function aim(game: Instance, bodies: Float32Array, k: number): void {
  const distance = (axis: number): number => at(bodies, BODY + axis) - at(bodies, axis);
  const [x, y, z] = [distance(0), distance(1), distance(2)];
  const yaw = Math.atan2(at(bodies, 5), at(bodies, 4));
  const off = Math.atan2(x, -z) - yaw;
  const nod = Math.atan2(y - 0.4, Math.hypot(x, z)) - at(bodies, 6);
  move(game, 0, Math.atan2(Math.sin(off), Math.cos(off)) / RADIANS_PER_PIXEL, -nod / RADIANS_PER_PIXEL);
  key(game, 0, keys.d, k % 480 > 240);
  key(game, 0, keys.space, k % 120 > 100);
}

it('modules are small', () => {
  expect(sizes.get('arena')).toBeLessThan(200_000);
  expect(sizes.get('triangle')).toBeLessThan(40_000);
  expect(sizes.get('latency')).toBeLessThan(30_000);
});
