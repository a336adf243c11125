import { expect, test } from 'vitest';
import { STAGES } from '../../host/base/stages.ts';
import { divide } from '../../host/player/stages.ts';

// The input was sent at 1000 on the page's clock and arrived 4 ms later. The host took 30 ms. The way back took 6 ms.
const OFFSET_MS = 500_000;
const HOST = [1, 2, 3, 8, 7, 5, 4];
const FACTS = {
  rtpTimestamp: (1000 + 4 + 1 + 2 + 3 + OFFSET_MS) * 90,
  sentAt: 1000,
  receivedAt: 1040,
  decodeMs: 2,
  shownAt: 1045,
  host: HOST,
  offsetMs: OFFSET_MS,
};

function stagesOf(changes: Partial<typeof FACTS>): Record<string, number> | undefined {
  const stages = new Float64Array(STAGES.length);
  const facts = { ...FACTS, ...changes };
  if (!divide(facts, stages)) return undefined;
  expect(stages.reduce((sum, ms) => sum + ms)).toBeCloseTo(facts.shownAt - facts.sentAt, 6);
  return Object.fromEntries(STAGES.map((stage, index) => [stage, Math.round((stages[index] ?? 0) * 1000) / 1000]));
}

test('the way of an input is divided among the stages without a gap', () => {
  expect(stagesOf({})).toEqual({
    uplink: 4,
    wait: 1,
    tick: 2,
    turn: 3,
    draw: 8,
    readback: 7,
    encode: 5,
    send: 4,
    downlink: 6,
    decode: 2,
    present: 3,
  });
});

test('RTP timestamps may wrap between the picture and now', () => {
  const shift = 2 ** 32 / 90 - OFFSET_MS - 1020;
  const rtpTimestamp = Math.round(FACTS.rtpTimestamp + shift * 90) % 2 ** 32;
  expect(stagesOf({ offsetMs: OFFSET_MS + shift, rtpTimestamp })).toMatchObject({ uplink: 4, downlink: 6 });
  expect(stagesOf({ offsetMs: OFFSET_MS + 2 ** 32 / 90 })).toMatchObject({ uplink: 4, downlink: 6 });
});

test.each([
  ['unknown', Number.NaN, 5, 5],
  ['so wrong that the way there would take more than the whole', OFFSET_MS - 1000, 10, 0],
  ['so wrong that the way there would be negative', OFFSET_MS + 1000, 0, 10],
])('if the relation of the clocks is %s, the network keeps its whole time', (_, offsetMs, uplink, downlink) => {
  expect(stagesOf({ offsetMs })).toMatchObject({ uplink, downlink });
});

test.each([
  ['is unknown', Number.NaN, 0],
  ['is negative', -1, 0],
  ['is as long as possible', 5, 5],
  ['is longer than possible', 5.1, 5],
])('if the time of decoding %s, showing gets the rest', (_, decodeMs, decode) => {
  expect(stagesOf({ decodeMs })).toMatchObject({ decode, present: 5 - decode });
});

test('the times of the host may exceed the whole by their rounding, but not by more', () => {
  const stages = new Float64Array(STAGES.length);
  const longer = (ms: number) => ({ ...FACTS, host: [...HOST.slice(0, 6), 4 + 10 + ms] });
  expect(divide(longer(0.9), stages)).toBe(true);
  expect([...stages].every((ms) => ms >= 0)).toBe(true);
  expect(divide(longer(1), stages)).toBe(false);
});
