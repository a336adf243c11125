import { expect, test } from 'vitest';
import { milli } from '../../../host/base/time.ts';
import { PacketHistory } from '../../../host/stream/congestion/history.ts';

const LOST = Number.NaN;
const HEADER_BYTES = 44;

/** Reports arrivals, and returns what the history tells of each packet: when it left and when it arrived. */
function report(history: PacketHistory, first: number, ...arrivals: number[]) {
  const told: [left: number, arrived: number][] = [];
  const newest = history.report(first, arrivals.length, Float64Array.from(arrivals), {
    packet: (departedAt, arrivedAt) => told.push([departedAt, arrivedAt]),
  });
  return { newest, told };
}

/** Adds packets that leave `stepMs` apart. */
function send(history: PacketHistory, count: number, stepMs: number, fromMs = 0): void {
  for (let index = 0; index < count; index++) history.add(milli(fromMs + index * stepMs), 100);
}

test('the history reports each packet once, in the order of sending, with its bytes, its probe and its number', () => {
  const history = new PacketHistory();
  expect([history.add(milli(1), 100), history.add(milli(2), 200, 9)]).toEqual([0, 1]);
  expect(history.bytesInFlight).toBe(300 + 2 * HEADER_BYTES);
  const told: number[][] = [];
  const sink = { packet: (...facts: number[]) => void told.push(facts) };
  expect(history.report(0, 2, Float64Array.of(50, 51), sink)).toBe(2);
  history.report(0, 2, Float64Array.of(50, 51), sink);
  expect(told).toEqual([
    [1, 50, 100 + HEADER_BYTES, 0, 0],
    [2, 51, 200 + HEADER_BYTES, 9, 1],
  ]);
  expect(history.bytesInFlight).toBe(0);
});

test('a packet counts from when it left the machine', () => {
  const history = new PacketHistory();
  send(history, 2, 1);
  history.noteDeparted(1, milli(30));
  history.noteDeparted(1, milli(60));
  history.noteDeparted(2, milli(60));
  expect(report(history, 0, 100, 101).told).toEqual([
    [0, 100],
    [30, 101],
  ]);
});

test('a packet is lost once one that left 25 ms later has arrived, and may arrive until then', () => {
  const history = new PacketHistory();
  send(history, 4, 12);
  expect(report(history, 0, LOST, 50, LOST).told).toEqual([[12, 50]]);
  expect(report(history, 0, 70, LOST, LOST, 80).told).toEqual([
    [0, 70],
    [36, 80],
  ]);
  send(history, 1, 0, 49);
  expect(report(history, 4, 90).told).toEqual([
    [24, LOST],
    [49, 90],
  ]);
});

test('packets that no report mentions are lost', () => {
  const history = new PacketHistory();
  send(history, 5, 100);
  expect(report(history, 3, 500).told).toEqual([
    [0, LOST],
    [100, LOST],
    [200, LOST],
    [300, 500],
  ]);
});

test('a report about packets that were never sent is of no effect', () => {
  const history = new PacketHistory();
  send(history, 2, 1);
  expect(report(history, 2, 5, 6)).toEqual({ newest: undefined, told: [] });
  expect(report(history, 65_000, 5, 6).told).toEqual([]);
  expect(report(history, 0, 5, 6, 7, 8).told).toHaveLength(2);
});

test('sequence numbers wrap, and packets that were never reported are forgotten', () => {
  const history = new PacketHistory();
  send(history, 65_536 + 2, 30);
  expect(history.bytesInFlight).toBe(8192 * (100 + HEADER_BYTES));
  expect(report(history, 65_535, 70_000, 70_001, 70_002).told.slice(-3)).toEqual([
    [30 * 65_535, 70_000],
    [30 * 65_536, 70_001],
    [30 * 65_537, 70_002],
  ]);
  expect(history.bytesInFlight).toBe(0);
});
