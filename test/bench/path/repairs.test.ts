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
/** In this time, the host finds out that the path loses packets. */
const START_MS = 3000;
const SECONDS = 6;

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
  const first = must(
    reports.find(({ atMs }) => atMs > START_MS),
    'report',
  );
  const last = must(reports.at(-1), 'report');
  const difference = (name: keyof ReceiverCounts) => (last[name] ?? 0) - (first[name] ?? 0);
  return {
    atMs: difference('atMs'),
    packetsLost: difference('packetsLost'),
    framesDecoded: difference('framesDecoded'),
    keyFramesDecoded: difference('keyFramesDecoded'),
    fecPacketsReceived: difference('fecPacketsReceived'),
    nackCount: difference('nackCount'),
    pliCount: difference('pliCount'),
  };
}

/** Without these lines, the page does not know what the repair packets are for. */
const withoutRepairs = (answer: string) => answer.replace(/^a=ssrc-group:FEC-FR .*\r\n/gm, '');

test.each([10, 200])(
  'at %i ms one way, Chromium computes the packets that it misses, and asks for no keyframe',
  async (delayMs) => {
    const counts = await count(delayMs, { requests: false });
    expect(counts.fecPacketsReceived).toBeGreaterThan(0);
    expect(counts.framesDecoded).toBeGreaterThan(0);
    expect(counts).toMatchObject({ nackCount: 0, pliCount: 0, keyFramesDecoded: 0 });
  },
);

test('without repair packets, the same page loses pictures', async () => {
  const counts = await count(10, { requests: false, edit: withoutRepairs });
  expect(counts).toMatchObject({ fecPacketsReceived: 0, nackCount: 0 });
  expect(counts.pliCount).toBeGreaterThan(0);
});

test('repair packets and requests for packets go together', async () => {
  const counts = await count(10, {});
  expect(counts.fecPacketsReceived).toBeGreaterThan(0);
  expect(counts.nackCount).toBeGreaterThan(0);
  expect(counts).toMatchObject({ pliCount: 0, keyFramesDecoded: 0 });
});
