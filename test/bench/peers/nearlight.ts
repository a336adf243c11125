import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { must } from '../../../host/base/assert.ts';
import { makeProgram } from '../../../host/cli/package.ts';
import { NODE_OPTIONS } from '../../../host/pod/process.ts';
import { type HostProcess, startHostProcess } from '../../e2e/host.ts';
import { BITRATE, FPS, firstPicture, HEIGHT, type Streamed, WIDTH, watchConnections } from './streamed.ts';

const root = join(import.meta.dirname, '../../..');

/**
 * Makes the program as an installed package has it, in plain JavaScript, and returns the command that starts it. A checkout would
 * also hold the tools that translate its sources.
 */
export async function makeCommand(): Promise<readonly string[]> {
  const folder = join(root, 'build/bench/program');
  await makeProgram(folder, () => {});
  return [process.execPath, ...NODE_OPTIONS, join(folder, 'host/cli/main.js')];
}

/** Starts hosts with one room each, and opens pages in a browser that play there, each in a seat of its own. */
export async function startNearlight(
  game: string,
  options: { command: readonly string[]; viewer: Browser; hosts?: number; players?: number },
): Promise<Streamed> {
  const { command, viewer, hosts: count = 1, players = 1 } = options;
  const hosts: HostProcess[] = [];
  const pages: Page[] = [];
  const stop = async (): Promise<void> => {
    for (const page of pages) await page.close();
    for (const host of hosts) await host.stop();
  };
  try {
    const begun = performance.now();
    let startMs = 0;
    for (let number = 0; number < count; number++) {
      const environment = { MAX_PLAYERS: String(players), BITRATE_MAX: String(BITRATE) };
      const host = await startHostProcess([`build/${game}.wasm`], environment, command);
      hosts.push(host);
      for (let seat = 0; seat < players; seat++) {
        const page = await viewer.newPage({ viewport: { width: 1280, height: 720 } });
        pages.push(page);
        await watchConnections(page);
        await page.goto(`${host.url}?size=${WIDTH}x${HEIGHT}&fps=${FPS}`);
        await firstPicture(page);
        startMs ||= performance.now() - begun;
        await page.locator('#play').click();
      }
    }
    const pids = hosts.map((host) => must(host.process.pid, 'process id'));
    return { pages, pids, startMs, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
