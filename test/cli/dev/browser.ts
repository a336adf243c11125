import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { readConfig } from '../../../host/base/config.ts';
import { type Dev, startDev } from '../../../host/cli/dev/dev.ts';
import { CHROMIUM_SOFTWARE_FLAGS } from '../../../host/cli/dev/device.ts';
import { findGame } from '../../../host/play/project.ts';
import { installSdk } from '../../renderer/project.ts';

const root = join(import.meta.dirname, '../../..');

/** Chromium with WebGPU, in software where there is no GPU; started with the flags that the page itself recommends. */
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

/** A project with the SDK installed and copies of games, which tests may change. */
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

/** Serves the game that starts at `path`, on a free port or on `port`; what it logs goes to `lines`. */
export async function serve(path: string, port = 0): Promise<Dev & { lines: string[] }> {
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  const dev = await startDev({ source: findGame(path), port, config: readConfig({}), log });
  return { ...dev, lines };
}

/** Waits until the page shows build `id` or a later one. */
export async function shown(page: Page, id: number): Promise<void> {
  await page.waitForFunction((least) => Number(document.body.dataset.build ?? 0) >= least, id, {
    timeout: 20_000,
    polling: 5,
  });
}
