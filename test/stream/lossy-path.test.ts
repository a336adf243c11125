import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LossyPath, type LossyPathOptions, type Outcome } from './lossy-path.ts';

const OFFER = {
  codec: 'h264' as const,
  payloadType: 108,
  rtxPayloadType: 109,
  repairPayloadType: 49,
  extensions: { playoutDelay: 5, absoluteSendTime: 2, transportSequence: 3 },
};

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const SECONDS = 40;

/** Streams to a page that takes repair packets, and to one that takes none. */
function compare(path: Omit<LossyPathOptions, 'offer'>): { repairs: Outcome; none: Outcome } {
  const run = (repairPayloadType: number) =>
    new LossyPath({ ...path, offer: { ...OFFER, repairPayloadType } }).run(SECONDS);
  return { repairs: run(49), none: run(0) };
}

test('on a short path, repair packets leave fewer frames late than sending everything twice, and more for the video', () => {
  const { repairs, none } = compare({ loss: 0.05, delayMs: 15 });
  expect(repairs.freezes).toBe(0);
  expect(repairs.late / repairs.frames).toBeLessThan(0.02);
  expect(repairs.late).toBeLessThan(none.late);
  expect(repairs.video).toBeGreaterThan(1.1 * none.video);
  expect(repairs.sent).toBeLessThan(1.05 * none.sent);
});

test('on a long path, repair packets end most freezes', () => {
  const { repairs, none } = compare({ loss: 0.03, delayMs: 100 });
  expect(none.freezes).toBeGreaterThan(12);
  expect(repairs.freezes).toBeLessThan(4);
  expect(repairs.video).toBeGreaterThan(1.1 * none.video);
});

test('on a long and narrow path, on which sending everything twice would cost too much, repair packets end most freezes', () => {
  const { repairs, none } = compare({ loss: 0.03, delayMs: 100, bitsPerSecond: 3_000_000 });
  expect(none.freezes).toBeGreaterThan(100);
  expect(repairs.freezes).toBeLessThan(20);
  expect(repairs.video).toBeGreaterThan(0.55 * none.video);
});

test('where losses follow each other, repair packets end as many freezes as sending everything twice, and cost less', () => {
  const { repairs, none } = compare({ loss: 0.03, delayMs: 100, burst: 2 });
  expect(repairs.freezes).toBeLessThan(1.3 * none.freezes);
  expect(repairs.video).toBeGreaterThan(1.1 * none.video);
});

test('a path without loss carries no repair packets', () => {
  const { repairs, none } = compare({ loss: 0, delayMs: 100, bitsPerSecond: 3_000_000 });
  expect(repairs.freezes).toBe(0);
  expect(repairs.video / repairs.sent).toBeCloseTo(none.video / none.sent, 1);
});
