import { afterEach, expect, it } from 'vitest';
import { sleep } from '../wait.ts';
import { type Arena, startArena } from './arena.ts';
import { ATTACK_MS, measure, PICTURES_MIN, probe, SEATED_MS_MAX } from './players.ts';

const STRANGERS = 4;
/** The largest picture at the highest rate that the settings allow. */
const GREEDY = '?size=1920x1088&fps=120';

let arena: Arena | undefined;
afterEach(async () => {
  await arena?.close();
  arena = undefined;
});

it(`${STRANGERS} strangers with the largest pictures at the highest rate leave a player its pictures`, async () => {
  arena = await startArena();
  const here = arena;
  let seated: number | string = '';
  const { before, during } = await measure(here, async () => {
    // A stranger who is refused or gets a smaller picture is the right outcome.
    for (let n = 0; n < STRANGERS; n++) await here.join('good', GREEDY).catch(() => {});
    seated = await probe(here);
    await sleep(ATTACK_MS);
  });
  expect(Number(seated)).toBeLessThan(SEATED_MS_MAX);
  expect(during / before).toBeGreaterThan(PICTURES_MIN);
});
