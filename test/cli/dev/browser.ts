import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { readConfig } from '../../../host/base/config.ts';
import { type Dev, startDev } from '../../../host/cli/dev/dev.ts';
import { CHROMIUM_SOFTWARE_FLAGS } from '../../../host/cli/dev/device.ts';
import { findGame } from '../../../host/play/project.ts';
import { installSdk } from '../../renderer/project.ts';
import { WAIT_MS_MAX } from '../../wait.ts';

const root = join(import.meta.dirname, '../../..');

/** Starts Chromium with the flags that the page recommends, so that it has WebGPU in software on a machine without a GPU. */
export function startGpuBrowser(flags: readonly string[] = CHROMIUM_SOFTWARE_FLAGS.split(' ')): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: [
      '--no-sandbox',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...flags,
    ],
  });
}

/** Makes a project with the SDK and with copies of the sources of games, which a test can change. */
export function copySources(files: string[]): { folder: string; path(file: string): string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'nearlight-test-'));
  installSdk(folder);
  mkdirSync(join(folder, 'renderer'));
  for (const file of files) cpSync(join(root, 'renderer', file), join(folder, 'renderer', file));
  return {
    folder,
    path: (file) => join(folder, 'renderer', file),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Starts the dev server for the game whose main file is `path`. The log of the server goes to `lines`. */
export async function serve(path: string, port = 0): Promise<Dev & { lines: string[] }> {
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  const dev = await startDev({ source: findGame(path), port, config: readConfig({}), log });
  return { ...dev, lines };
}

/** Waits until the dev page shows build number `id` of the game, or a newer build. */
export async function shown(page: Page, id: number): Promise<void> {
  await page.waitForFunction((least) => Number(document.body.dataset.build ?? 0) >= least, id, {
    timeout: WAIT_MS_MAX,
    polling: 5,
  });
}
