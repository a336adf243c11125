import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { must } from '../../host/base/assert.ts';
import type { Measures } from '../../host/base/measures.ts';
import { pierce } from '../pierce.ts';
import { WAIT_MS_MAX } from '../wait.ts';

const root = join(import.meta.dirname, '../..');

/** A host in a process of its own, started as a user starts it. */
export interface HostProcess {
  readonly url: string;
  /** URL of the operator's port, without a path. */
  readonly operatorUrl: string;
  readonly process: ChildProcess;
  /** Returns everything that the host has printed and logged so far. */
  output(): string;
  status(): Promise<HostStatus>;
  /** Sends SIGTERM to the host. Resolves with its exit status. */
  stop(): Promise<number | null>;
}

/** The fields of `GET /status` that tests read. */
export interface HostStatus {
  memory: { rssBytes: number };
  cpuMs: number;
  seats: { all: number; taken: number };
  load: Measures;
  rooms: {
    name: string;
    players: number;
    ticks: number;
    [figure: string]: unknown;
    views: ({ seat: number; frames: number; dropped: number } & Record<string, unknown>)[];
  }[];
}

const CHECKOUT: readonly string[] = [process.execPath, join(root, 'host/cli/main.ts')];

/**
 * Starts the host on a free port and waits until its games can be played.
 * @param command starts the program; by default host/cli/main.ts of this checkout
 */
export async function startHostProcess(
  modules: string[],
  environment: Record<string, string> = {},
  command = CHECKOUT,
): Promise<HostProcess> {
  const [program = '', ...first] = command;
  const child = spawn(program, [...first, ...modules], {
    cwd: root,
    env: { ...process.env, PORT: '0', OPERATOR_PORT: '0', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const ready = Promise.withResolvers<string>();
  const read = (chunk: Buffer): void => {
    output += chunk;
    const url = /Play at (\S+)/.exec(output)?.[1];
    if (url) ready.resolve(url);
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  const exited = once(child, 'exit');
  void exited.then(() => ready.reject(new Error(`the host ended before it could be played:\n${output}`)));
  const url = await ready.promise;
  const operatorUrl = operatorUrlIn(output);
  return {
    url,
    operatorUrl,
    process: child,
    output: () => output,
    status: async () => (await (await fetch(new URL('status', operatorUrl))).json()) as HostStatus,
    async stop() {
      child.kill('SIGTERM');
      const [code] = (await exited) as [number | null];
      return code;
    },
  };
}

/** Returns the URL of the operator's port, without a path, from what a host has printed. */
export function operatorUrlIn(output: string): string {
  return must(/Status and metrics at (\S+?)status /.exec(output)?.[1], "line about the operator's port");
}

/** Path of the Chromium that tests start. */
export const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Starts Debian's Chromium without a display; `args` are added to its flags. */
export async function startBrowser(args: string[] = [], executablePath = CHROMIUM): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...args,
    ],
  });
  return pierce(browser);
}

/** Opens a game's page and waits for the first picture. */
export async function openGame(browser: Browser, url: string): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
  await page.goto(url);
  const shown = page.waitForFunction(() => (document.querySelector('video')?.currentTime ?? 0) > 0, undefined, {
    timeout: WAIT_MS_MAX,
  });
  await shown.catch(async (error: Error) => {
    const { state } = await page.evaluate(() => (globalThis as unknown as { nearlight: { state: object } }).nearlight);
    throw new Error(`${error.message} The page is ${JSON.stringify(state)}`);
  });
  return page;
}

/** Returns the picture that a game's page shows, as 160x90 brightness values from 0 to 255. */
export async function pictureOf(page: Page): Promise<number[]> {
  const pixels = await readPixels(page, { part: 1, width: 160, height: 90 });
  return pixels.map(([red, green, blue]) => (red + green + blue) / 3);
}

/** Returns the mean colour of the middle quarter of the picture that a game's page shows: red, green and blue from 0 to 255. */
export async function pictureColour(page: Page): Promise<Pixel> {
  const pixels = await readPixels(page, { part: 1 / 2, width: 16, height: 16 });
  const mean = (channel: 0 | 1 | 2) => pixels.reduce((sum, pixel) => sum + pixel[channel], 0) / pixels.length;
  return [mean(0), mean(1), mean(2)];
}

type Pixel = [red: number, green: number, blue: number];

/**
 * Scales the middle of the page's video down to `width` x `height` pixels and returns them.
 * @param options.part the middle's share of the video's width and height
 */
async function readPixels(page: Page, options: { part: number; width: number; height: number }): Promise<Pixel[]> {
  const bytes = await page.evaluate(({ part, width, height }) => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext('2d', { willReadFrequently: true });
    const video = document.querySelector('video');
    if (!context || !video) throw new Error('no canvas or no video');
    const [w, h] = [video.videoWidth * part, video.videoHeight * part];
    context.drawImage(video, (video.videoWidth - w) / 2, (video.videoHeight - h) / 2, w, h, 0, 0, width, height);
    return Array.from(context.getImageData(0, 0, width, height).data);
  }, options);
  return Array.from({ length: bytes.length / 4 }, (_, pixel) => {
    const [red = 0, green = 0, blue = 0] = bytes.slice(pixel * 4, pixel * 4 + 3);
    return [red, green, blue];
  });
}
