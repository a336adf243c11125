import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { WAIT_MS_MAX } from '../wait.ts';

const root = join(import.meta.dirname, '../..');

/** A host in a process of its own, as a person starts it. */
export interface HostProcess {
  readonly url: string;
  readonly process: ChildProcess;
  /** What it has printed and logged so far. */
  output(): string;
  status(): Promise<HostStatus>;
  /** Sends SIGTERM; resolves with the exit status. */
  stop(): Promise<number | null>;
}

/** What `GET /status` answers, as far as tests look at it. */
export interface HostStatus {
  memory: { rssBytes: number };
  cpuMs: number;
  rooms: {
    name: string;
    players: number;
    ticks: number;
    [figure: string]: unknown;
    views: ({ seat: number; frames: number; dropped: number } & Record<string, unknown>)[];
  }[];
}

/** Starts `main.ts` on a free port and waits until it can be played. */
export async function startHostProcess(
  modules: string[],
  environment: Record<string, string> = {},
): Promise<HostProcess> {
  const child = spawn(process.execPath, [join(root, 'host/cli/main.ts'), ...modules], {
    cwd: root,
    env: { ...process.env, PORT: '0', ...environment },
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
  return {
    url,
    process: child,
    output: () => output,
    status: async () => (await (await fetch(new URL('status', url))).json()) as HostStatus,
    async stop() {
      child.kill('SIGTERM');
      const [code] = (await exited) as [number | null];
      return code;
    },
  };
}

/** Starts Debian's Chromium without a display; `args` are added to its flags. */
export function startBrowser(args: string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
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
}

/** Opens a game's page and waits for its first picture. */
export async function openGame(browser: Browser, url: string): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
  await page.goto(url);
  await page.waitForFunction(() => (document.querySelector('video')?.currentTime ?? 0) > 0, undefined, {
    timeout: WAIT_MS_MAX,
  });
  return page;
}

/** The picture that is shown now as 160x90 points of brightness from 0 to 255. */
export function pictureOf(page: Page): Promise<number[]> {
  return page.evaluate(() => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [160, 90];
    const context = canvas.getContext('2d', { willReadFrequently: true })!;
    context.drawImage(document.querySelector('video')!, 0, 0, 160, 90);
    const { data } = context.getImageData(0, 0, 160, 90);
    return Array.from({ length: 160 * 90 }, (_, at) => (data[at * 4]! + data[at * 4 + 1]! + data[at * 4 + 2]!) / 3);
  });
}

/** Mean colour of the picture's middle quarter that is shown now: red, green, blue from 0 to 255. */
export function pictureColour(page: Page): Promise<[number, number, number]> {
  return page.evaluate(() => {
    const video = document.querySelector('video')!;
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 16;
    const context = canvas.getContext('2d', { willReadFrequently: true })!;
    const { videoWidth: width, videoHeight: height } = video;
    context.drawImage(video, width / 4, height / 4, width / 2, height / 2, 0, 0, 16, 16);
    const { data } = context.getImageData(0, 0, 16, 16);
    const sum: [number, number, number] = [0, 0, 0];
    for (let at = 0; at < data.length; at += 4)
      for (let part = 0; part < 3; part++) sum[part]! += data[at + part]! / 256;
    return sum;
  });
}
