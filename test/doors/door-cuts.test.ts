import { afterEach, expect, test } from 'vitest';
import { cutLine, seatsOf, watchPictures } from '../e2e/cuts.ts';
import { DOORS, type Door, type Playing, playThrough } from '../net/doors.ts';
import { eventually, sleep } from '../wait.ts';

/** A page that waited for the timers of TCP, which double, would come back as long after the line's return as the cut took. */
const CUT_MS = 13_000;
const BACK_MS_MAX = 5000;

let playing: Playing | undefined;
afterEach(() => playing?.close());

test.each(Object.keys(DOORS) as Door[])(
  'a player over %s is back long before timers of TCP would be, in the same seat, with the key that is held',
  async (door) => {
    playing = await playThrough(door, { module: 'build/latency.wasm', query: '?size=320x180&fps=30' });
    const { page, network, host } = playing;
    await page.evaluate(watchPictures);
    await page.keyboard.down('KeyW');
    await sleep(2000);
    for (const cutMs of [300, 2500, CUT_MS]) {
      const { pictureMs, heldMs } = await cutLine(page, network, cutMs);
      expect(pictureMs).toBeLessThan(BACK_MS_MAX);
      expect(heldMs).toBeLessThan(BACK_MS_MAX);
      await eventually(async () => expect(await seatsOf(host)).toEqual({ taken: 1, seats: [0] }));
      await eventually(async () => expect(await playing?.door()).toBe(DOORS[door]));
    }
  },
);
