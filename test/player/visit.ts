import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { expect } from 'vitest';
import { at } from '../at.ts';
import { startBrowser } from '../e2e/host.ts';
import { eventually, WAIT_MS_MAX } from '../wait.ts';
import { startGame } from './game.ts';

export type VisitOptions = Pick<
  BrowserContextOptions,
  'viewport' | 'hasTouch' | 'isMobile' | 'locale' | 'reducedMotion'
> & {
  /** The query of the page's URL. Default: the settings below */
  query?: string;
  /** The player's settings, as an earlier visit has stored them. Default: a small picture, which is quickly encoded */
  settings?: Record<string, string>;
  /** Runs in the page before its own code. */
  prepare?: () => void;
};

const SMALL = { size: '640x360', fps: '30' };

/** Starts the painted game of game.ts and a browser, with which tests visit it as players do. */
export async function startVisits() {
  const game = await startGame();
  const browser: Browser = await startBrowser(['--autoplay-policy=user-gesture-required']);
  const complaints: string[] = [];
  return {
    game,
    complaints,
    /** Returns the player that joined last. */
    seat: () => at(game.seats, -1),
    /** Opens the page as a new visitor, after all earlier ones have left. */
    async visit({ query = '', settings = SMALL, prepare, ...options }: VisitOptions = {}): Promise<Page> {
      for (const context of browser.contexts()) await context.close();
      await eventually(() => expect(game.seats.every((seat) => seat.closed !== undefined)).toBe(true));
      game.seats.length = complaints.length = 0;
      const context = await browser.newContext({
        viewport: { width: 960, height: 600 },
        acceptDownloads: true,
        ...options,
      });
      const page = await context.newPage();
      page.setDefaultTimeout(WAIT_MS_MAX);
      page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(String(error)));
      await page.addInitScript((stored) => {
        // A page that is loaded again keeps what the player has changed.
        if (localStorage.getItem('nearlight.settings') === null) localStorage.setItem('nearlight.settings', stored);
      }, JSON.stringify(settings));
      if (prepare) await page.addInitScript(prepare);
      await page.goto(game.url + query);
      await shows(page, 'playing');
      return page;
    },
    async close(): Promise<void> {
      await browser.close();
      await game.close();
    },
  };
}

/** Waits until the page shows a state. */
export async function shows(page: Page, state: string): Promise<void> {
  await page.waitForSelector(`body[data-state=${state}]`);
}

/** Takes a picture of the page, if the environment says where to keep it. */
export async function shoot(page: Page, name: string): Promise<void> {
  const folder = process.env.SCREENSHOTS;
  if (folder) await page.screenshot({ path: `${folder}/${name}.png` });
}

/** Runs in the page. Returns whether the brightness of the video's picture lies between the two values, of 255. */
export function brightness([low, high]: readonly [number, number]): boolean {
  const canvas = new OffscreenCanvas(1, 1);
  const context = canvas.getContext('2d');
  const video = document.querySelector('video');
  if (!context || !video) throw new Error('no canvas or no video');
  context.drawImage(video, 0, 0, 1, 1);
  const [, green = -1] = context.getImageData(0, 0, 1, 1).data;
  return green >= low && green < high;
}
