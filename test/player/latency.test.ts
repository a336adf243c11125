import { beforeEach, expect, test } from 'vitest';
import { LatencyTracker } from '../../host/player/latency.ts';

let samples: [number, number][];
let tracker: LatencyTracker;

beforeEach(() => {
  samples = [];
  tracker = new LatencyTracker((latencyMs, sequence) => void samples.push([sequence, latencyMs]));
});

test('an input counts from sending to the first picture that contains it', () => {
  tracker.sent(1, 100);
  tracker.known(9000, 0);
  tracker.shown(9000, 110);
  tracker.known(9001, 1);
  tracker.shown(9001, 125);
  tracker.known(9002, 1);
  tracker.shown(9002, 140);
  expect(samples).toEqual([[1, 25]]);
});

test('the information may come after the picture', () => {
  tracker.sent(1, 100);
  tracker.shown(9001, 125);
  expect(samples).toEqual([]);
  tracker.known(9001, 1);
  expect(samples).toEqual([[1, 25]]);
});

test('one picture may be the first for several inputs', () => {
  for (const sequence of [1, 2, 3]) tracker.sent(sequence, 100 + sequence);
  tracker.known(9001, 2);
  tracker.shown(9001, 120);
  tracker.known(9002, 3);
  tracker.shown(9002, 130);
  expect(samples).toEqual([
    [1, 19],
    [2, 18],
    [3, 27],
  ]);
});

test('where the information or the picture is lost, the next picture counts', () => {
  tracker.sent(1, 100);
  tracker.shown(9001, 120);
  tracker.known(9002, 1);
  tracker.known(9003, 1);
  tracker.shown(9003, 150);
  expect(samples).toEqual([[1, 50]]);
});

test('a claim of an input that was never sent is ignored', () => {
  tracker.sent(1, 100);
  tracker.known(9001, 2);
  tracker.shown(9001, 120);
  expect(samples).toEqual([]);
});

test('sequences wrap', () => {
  tracker.reset(0xffff_ffff);
  tracker.sent(0xffff_ffff, 100);
  tracker.sent(0, 101);
  tracker.sent(1, 102);
  tracker.known(5, 1);
  tracker.shown(5, 110);
  expect(samples).toEqual([
    [0xffff_ffff, 10],
    [0, 9],
    [1, 8],
  ]);
});

test('inputs that are too old to be remembered are left out', () => {
  for (let sequence = 1; sequence <= 2000; sequence++) tracker.sent(sequence, sequence);
  tracker.known(5, 2000);
  tracker.shown(5, 3000);
  expect(samples).toHaveLength(1024);
  expect(samples[0]).toEqual([977, 2023]);
});

test('a new connection forgets', () => {
  tracker.sent(1, 100);
  tracker.known(9001, 1);
  tracker.reset();
  tracker.shown(9001, 120);
  tracker.sent(1, 200);
  tracker.known(9002, 1);
  tracker.shown(9002, 230);
  expect(samples).toEqual([[1, 30]]);
});
