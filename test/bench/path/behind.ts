/**
 * Streams the scene to a page on another machine of test/net. Runs on the host's machine, as a child of bottleneck.bench.ts.
 * Its argument is a Task as JSON. Sends its parent the result.
 */
import { readFileSync } from 'node:fs';
import { startBrowser } from '../../e2e/host.ts';
import { LinkMeter } from './meter.ts';
import { type StreamOptions, stream } from './stream.ts';

const PORT = 8080;

export interface Task extends Omit<StreamOptions, 'path' | 'place'> {
  address: string;
  /** Path of a program that starts a browser on the page's machine, and writes its process id into a file. */
  browser: string;
  pidFile: string;
}

const { address, browser: program, pidFile, ...options } = JSON.parse(process.argv[2] ?? '') as Task;
const secure = `--unsafely-treat-insecure-origin-as-secure=http://${address}:${PORT}`;
const browser = await startBrowser([secure], program);
try {
  const meter = new LinkMeter(Number(readFileSync(pidFile, 'utf8')));
  const result = await stream(browser, { ...options, place: { address, port: PORT, meter } });
  await new Promise((resolve) => process.send?.(result, resolve));
} finally {
  await browser.close();
}
process.exit();
