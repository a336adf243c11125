import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { must } from '../../../host/base/assert.ts';
import { startBrowser } from '../../e2e/host.ts';
import type { PathOptions } from './proxy.ts';
import { type ReceiverCounts, type StreamOptions, stream } from './stream.ts';

const PATH: PathOptions = {
  bitsPerSecond: () => Number.POSITIVE_INFINITY,
  queueMs: 200,
  delayMs: 0,
  jitterMs: 0,
  loss: 0,
  seed: 1,
};
const SECONDS = 8;
/** The page counts once a second. When repair packets come, it may still wait for what was lost before, for two more counts. */
const SETTLED = 2;
const START_MS = 3000;
/** A machine that has no time may lose two packets more. */
const KEYFRAMES_MAX = 2;

let browser: Browser;

beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser?.close());

/** Streams with one packet of 40 lost. @returns what the page counted after the start */
async function count(delayMs: number, options: Pick<StreamOptions, 'requests' | 'edit'>): Promise<ReceiverCounts> {
  const { reports } = await stream(browser, {
    sender: 'nearlight',
    path: { ...PATH, delayMs, lossEvery: 40 },
    width: 640,
    height: 360,
    seconds: SECONDS,
    ...options,
  });
  const repaired = reports.filter(({ fecPacketsReceived }) => fecPacketsReceived > 0);
  const first =
    repaired[SETTLED] ??
    must(
      reports.find(({ atMs }) => atMs > START_MS),
      'report',
    );
  const last = must(reports.at(-1), 'report');
  const difference = (name: keyof ReceiverCounts) => (last[name] ?? 0) - (first[name] ?? 0);
  return {
    atMs: difference('atMs'),
    packetsLost: difference('packetsLost'),
    framesDecoded: difference('framesDecoded'),
    fecPacketsReceived: difference('fecPacketsReceived'),
    nackCount: difference('nackCount'),
    pliCount: difference('pliCount'),
  };
}

/** Without these lines, the page does not know what the repair packets are for. */
const withoutRepairs = (answer: string) => answer.replace(/^a=ssrc-group:FEC-FR .*\r\n/gm, '');

test.each([10, 200])('at %i ms one way, Chromium computes the packets that it misses', async (delayMs) => {
  const counts = await count(delayMs, { requests: false });
  expect(counts.fecPacketsReceived).toBeGreaterThan(0);
  expect(counts.nackCount).toBe(0);
  expect(counts.pliCount).toBeLessThanOrEqual(KEYFRAMES_MAX);
  if (delayMs > 10) return;
  const without = await count(delayMs, { requests: false, edit: withoutRepairs });
  expect(without).toMatchObject({ fecPacketsReceived: 0, nackCount: 0 });
  expect(without.framesDecoded / without.atMs).toBeLessThan((0.5 * counts.framesDecoded) / counts.atMs);
});

test('repair packets and requests for packets go together', async () => {
  const counts = await count(10, {});
  expect(counts.fecPacketsReceived).toBeGreaterThan(0);
  expect(counts.nackCount).toBeGreaterThan(0);
  expect(counts.pliCount).toBeLessThanOrEqual(KEYFRAMES_MAX);
});
