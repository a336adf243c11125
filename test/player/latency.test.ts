import { beforeEach, describe, expect, test } from 'vitest';
import { milli } from '../../host/base/time.ts';
import { LatencyTracker } from '../../host/player/latency.ts';

let samples: [number, number][];
/** RTP timestamp, time of sending the newest input, time of showing, and sum of the stages. */
let pictures: number[][];
let tracker: LatencyTracker;
const noteSent = (sequence: number, at: number) => tracker.noteSent(sequence, milli(at));
const noteShown = (rtp: number, at: number) => tracker.noteShown(rtp, milli(at));

beforeEach(() => {
  samples = [];
  pictures = [];
  tracker = new LatencyTracker({
    onSample: (latencyMs, sequence) => void samples.push([sequence, latencyMs]),
    onPicture: ({ rtpTimestamp, sentAt, shownAt, stages }) =>
      void pictures.push([rtpTimestamp, sentAt, shownAt, stages.reduce((sum, ms) => sum + ms, 0)]),
  });
});

test('latency is the time from sending an input to the first picture that contains it', () => {
  noteSent(1, 100);
  tracker.noteDescribed(9000, 0);
  noteShown(9000, 110);
  tracker.noteDescribed(9001, 1);
  noteShown(9001, 125);
  tracker.noteDescribed(9002, 1);
  noteShown(9002, 140);
  expect(samples).toEqual([[1, 25]]);
});

test('the message that describes a frame may come after the picture of that frame', () => {
  noteSent(1, 100);
  noteShown(9001, 125);
  expect(samples).toEqual([]);
  tracker.noteDescribed(9001, 1);
  expect(samples).toEqual([[1, 25]]);
});

test('one picture may be the first one for several inputs', () => {
  for (const sequence of [1, 2, 3]) noteSent(sequence, 100 + sequence);
  tracker.noteDescribed(9001, 2);
  noteShown(9001, 120);
  tracker.noteDescribed(9002, 3);
  noteShown(9002, 130);
  expect(samples).toEqual([
    [1, 19],
    [2, 18],
    [3, 27],
  ]);
});

test('if a description or a picture is lost, the next picture counts', () => {
  noteSent(1, 100);
  noteShown(9001, 120);
  tracker.noteDescribed(9002, 1);
  tracker.noteDescribed(9003, 1);
  noteShown(9003, 150);
  expect(samples).toEqual([[1, 50]]);
});

test('a frame that claims to contain an input that was never sent is ignored', () => {
  noteSent(1, 100);
  tracker.noteDescribed(9001, 2);
  noteShown(9001, 120);
  expect(samples).toEqual([]);
});

test('sequence numbers of inputs may wrap', () => {
  tracker.reset(0xffff_ffff);
  noteSent(0xffff_ffff, 100);
  noteSent(0, 101);
  noteSent(1, 102);
  tracker.noteDescribed(5, 1);
  noteShown(5, 110);
  expect(samples).toEqual([
    [0xffff_ffff, 10],
    [0, 9],
    [1, 8],
  ]);
});

test('inputs that are too old to be remembered give no latency', () => {
  for (let sequence = 1; sequence <= 2000; sequence++) noteSent(sequence, sequence);
  tracker.noteDescribed(5, 2000);
  noteShown(5, 3000);
  expect(samples).toHaveLength(1024);
  expect(samples[0]).toEqual([977, 2023]);
});

test('reset forgets the inputs and frames of the last connection', () => {
  noteSent(1, 100);
  tracker.noteDescribed(9001, 1);
  tracker.reset();
  noteShown(9001, 120);
  noteSent(1, 200);
  tracker.noteDescribed(9002, 1);
  noteShown(9002, 230);
  expect(samples).toEqual([[1, 30]]);
});

describe('the stages of a picture', () => {
  const HOST = [1, 2, 3, 4, 5, 6, 7];
  const arrived = (receivedAt: number) => ({
    receivedAt: milli(receivedAt),
    decodeMs: 1,
    displayAt: milli(Number.NaN),
  });

  test.each([
    ['before', true],
    ['after', false],
  ])('are known if the message comes %s the picture, and add up to the latency of the newest input', (_, isFirst) => {
    noteSent(1, 90);
    noteSent(2, 100);
    const describeFrame = () => tracker.noteDescribed(9001, 2, HOST);
    if (isFirst) describeFrame();
    tracker.noteShown(9001, milli(150), arrived(140));
    if (!isFirst) describeFrame();
    expect(pictures).toEqual([[9001, 100, 150, 50]]);
    expect(samples).toEqual([
      [1, 60],
      [2, 50],
    ]);
  });

  test('count once for each input, although another message about the picture follows', () => {
    noteSent(1, 100);
    tracker.noteDescribed(9001, 1, HOST);
    tracker.noteDescribed(9001, 1);
    tracker.noteShown(9001, milli(150), arrived(140));
    tracker.noteDescribed(9001, 1);
    tracker.noteDescribed(9002, 1, HOST);
    tracker.noteShown(9002, milli(160), arrived(155));
    expect(pictures).toHaveLength(1);
  });

  test.each<[string, number[] | undefined, number]>([
    ['the host says no times', undefined, 140],
    ['the browser does not say when the picture arrived', HOST, Number.NaN],
    ['the host claims more time than has passed', [1, 2, 3, 4, 5, 6, 70], 140],
    ['a time of the host is negative', [-1, 2, 3, 4, 5, 6, 7], 140],
    ['a time of the host is not a number', [Number.NaN, 2, 3, 4, 5, 6, 7], 140],
    ['the picture arrived after it was shown', HOST, 151],
  ])('are not known if %s, but the latency is', (_, host, receivedAt) => {
    noteSent(1, 100);
    tracker.noteDescribed(9001, 1, host);
    tracker.noteShown(9001, milli(150), arrived(receivedAt));
    expect(pictures).toEqual([]);
    expect(samples).toEqual([[1, 50]]);
  });
});
