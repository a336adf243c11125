import type { Page } from 'playwright-core';
import { sleep, WAIT_MS_MAX } from '../wait.ts';
import type { HostProcess } from './host.ts';

/** A line between a browser and a host that can be cut. */
export interface CuttableLine {
  cut(): void | Promise<void>;
  mend(): void | Promise<void>;
}

/** The costs of a cut of the line. Times are in milliseconds. */
export interface Cut {
  cutMs: number;
  /** When the line was cut, and when it came back, on the clock of Date.now(). */
  cutAt: number;
  mendedAt: number;
  /** From the return of the line to the first picture that the browser shows after it. */
  pictureMs: number;
  /** From the return of the line until a picture shows that the key, which the player held all the time, acts again. */
  heldMs: number;
}

/** Runs in the page. Notes when each picture is shown, on the clock of Date.now(), and whether it is white. */
export function watchPictures(): void {
  const state = globalThis as unknown as { pictures: { at: number; white: boolean }[] };
  state.pictures = [];
  const video = document.querySelector('video');
  const canvas = new OffscreenCanvas(1, 1);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!video || !context) throw new Error('no video or no canvas');
  const look = (): void => {
    video.requestVideoFrameCallback(look);
    context.drawImage(video, 0, 0, 1, 1);
    const [, green = 0] = context.getImageData(0, 0, 1, 1).data;
    state.pictures.push({ at: Date.now(), white: green > 127 });
    if (state.pictures.length > 10_000) state.pictures.splice(0, 5000);
  };
  video.requestVideoFrameCallback(look);
}

/** Cuts the line for a while, and waits until the game is back. The page plays latency.wasm and holds the key W. */
export async function cutLine(page: Page, line: CuttableLine, cutMs: number): Promise<Cut> {
  const cutAt = Date.now();
  await line.cut();
  await sleep(Math.max(1, cutAt + cutMs - Date.now()));
  const mendedAt = Date.now();
  await line.mend();
  const found = await page.waitForFunction(
    (after) => {
      const { pictures } = globalThis as unknown as { pictures: { at: number; white: boolean }[] };
      const fresh = pictures.filter(({ at }) => at > after);
      const white = fresh.find((picture) => picture.white);
      return white && { first: fresh[0]?.at ?? 0, white: white.at };
    },
    mendedAt,
    { timeout: WAIT_MS_MAX, polling: 20 },
  );
  const { first, white } = (await found.jsonValue()) as { first: number; white: number };
  return { cutMs, cutAt, mendedAt, pictureMs: first - mendedAt, heldMs: white - mendedAt };
}

/** Returns the seats that are taken, and the number of connections that a host has ever had. */
export async function seatsOf(host: HostProcess): Promise<{ taken: number; seats: number[] }> {
  const { rooms, seats } = await host.status();
  return { taken: seats.taken, seats: rooms.flatMap(({ views }) => views.map(({ seat }) => seat)) };
}
