import { describe, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { BUCKETS } from '../../host/base/buckets.ts';
import { MESSAGE_TIMES, TIMES_BYTES } from '../../host/base/protocol.ts';
import { PAGE_STAGES, STAGES } from '../../host/base/stages.ts';
import { milli } from '../../host/base/time.ts';
import { Meters } from '../../host/observe/meters.ts';
import { PageReport } from '../../host/player/page-report.ts';
import { PageTimes } from '../../host/stream/page-times.ts';

const BUCKET_COUNT = BUCKETS.length + 1;
const TOTAL = PAGE_STAGES.indexOf('total');

function open() {
  const { page } = new Meters();
  const time = { ms: 0 };
  const times = new PageTimes(page, { now: () => milli(time.ms) });
  return { page, time, times };
}

/** Writes a message with pictures in one bucket. */
function message({ stage = 0, bucket = 3, pictures = 1, sumUs = 3000, buckets = BUCKET_COUNT } = {}): Buffer {
  const bytes = Buffer.alloc(8 + 2 * buckets);
  bytes.set([MESSAGE_TIMES, stage, buckets]);
  bytes.writeUInt32LE(sumUs, 4);
  if (bucket < buckets) bytes.writeUInt16LE(pictures, 8 + 2 * bucket);
  return bytes;
}

test('the message has room for every bucket, and fits into the shortest message that a host can allow', () => {
  expect(8 + 2 * BUCKET_COUNT).toBe(TIMES_BYTES);
  expect(TIMES_BYTES).toBeLessThanOrEqual(64);
});

test('what a page has counted arrives in the histograms of its stages', () => {
  const { page, time, times } = open();
  const report = new PageReport();
  const stages = Float64Array.from(STAGES, (_, index) => index);
  for (let picture = 0; picture < 10; picture++) report.add(stages);
  time.ms = 2000;
  for (const stage of PAGE_STAGES) {
    const { buffer } = must(report.next(), `report about ${stage}`);
    expect(times.read(Buffer.from(buffer))).toBe(true);
  }
  expect(report.next()).toBeUndefined();
  const found = PAGE_STAGES.map((stage) => [stage, page[stage].count, page[stage].sumSeconds]);
  expect(found).toEqual([
    ['uplink', 10, 0],
    ['downlink', 10, 0.08],
    ['decode', 10, 0.09],
    ['present', 10, 0.1],
    ['total', 10, 0.55],
  ]);
});

test('a page counts pictures that took very long, but not more than a message holds', () => {
  const { page, time, times } = open();
  const report = new PageReport();
  const stages = new Float64Array(STAGES.length).fill(1e9);
  for (let picture = 0; picture < 600; picture++) report.add(stages);
  time.ms = 3000;
  for (const _ of PAGE_STAGES) expect(times.read(Buffer.from(must(report.next(), 'report').buffer))).toBe(true);
  expect(page.total.count).toBe(536);
  expect(page.total.sumSeconds).toBe(536 * 8);
});

describe('a page that lies', () => {
  test.each([
    ['one too few', 249, true],
    ['as many as possible', 250, true],
    ['one too many', 251, false],
    ['as many as a message holds', 65_535, false],
  ])('counts with %s pictures in a second only if it can have shown them', (_, pictures, isCounted) => {
    const { page, time, times } = open();
    time.ms = 1000;
    expect(times.read(message({ pictures, sumUs: pictures * 3000 }))).toBe(true);
    expect(page.uplink.count).toBe(isCounted ? pictures : 0);
    expect(times.read(message())).toBe(true);
    expect(page.uplink.count).toBe(isCounted ? pictures : 1);
  });

  test('gains nothing from silence: a report covers ten seconds at most', () => {
    const { page, time, times } = open();
    time.ms = 3_600_000;
    times.read(message({ pictures: 2501, sumUs: 2501 * 3000 }));
    expect(page.uplink.count).toBe(0);
    times.read(message({ pictures: 2500, sumUs: 2500 * 3000 }));
    expect(page.uplink.count).toBe(2500);
  });

  test.each([
    ['at the lower bound', 3, 2000, true],
    ['below the lower bound', 3, 1998, false],
    ['at the upper bound', 3, 4000, true],
    ['above the upper bound', 3, 4002, false],
    ['zero in the first bucket', 0, 0, true],
    ['at the longest time', 15, 8_000_000, true],
    ['above the longest time', 15, 8_000_002, false],
    ['as large as possible', 15, 0xffffffff, false],
    ['below the last bound', 15, 999_998, false],
  ])('cannot report a sum that contradicts its counts: %s', (_, bucket, sumUs, isValid) => {
    const { page, time, times } = open();
    time.ms = 1000;
    expect(times.read(message({ bucket, sumUs }))).toBe(isValid);
    expect(page.uplink.count).toBe(isValid ? 1 : 0);
  });

  test('cannot report a sum without pictures', () => {
    const { times } = open();
    expect(times.read(message({ pictures: 0, sumUs: 0 }))).toBe(true);
    expect(times.read(message({ pictures: 0, sumUs: 1 }))).toBe(false);
  });

  test.each([
    ['is one byte too short', message().subarray(0, TIMES_BYTES - 1)],
    ['is one byte too long', Buffer.concat([message(), Buffer.of(0)])],
    ['has a header alone', message({ buckets: 0 })],
    ['is shorter than a header', Buffer.of(MESSAGE_TIMES)],
    ['has a reserved byte', Buffer.from(message()).fill(1, 3, 4)],
  ])('is not understood if its message %s', (_, bytes) => {
    const { page, time, times } = open();
    time.ms = 1000;
    expect(times.read(bytes)).toBe(false);
    for (const stage of PAGE_STAGES) expect(page[stage].count).toBe(0);
  });
});

test.each([
  ['a stage that the host does not know', { stage: TOTAL + 1 }],
  ['the last stage of all', { stage: 255 }],
  ['fewer buckets', { buckets: BUCKET_COUNT - 1 }],
  ['more buckets', { buckets: BUCKET_COUNT + 1 }],
])('a page of another version with %s is ignored', (_, changes) => {
  const { page, time, times } = open();
  time.ms = 1000;
  expect(times.read(message(changes))).toBe(true);
  for (const stage of PAGE_STAGES) expect(page[stage].count).toBe(0);
});
