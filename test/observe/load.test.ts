import { beforeEach, expect, test } from 'vitest';
import { MEASURES, readMeasures, WINDOW_MS } from '../../host/base/measures.ts';
import { milli } from '../../host/base/time.ts';
import type { KernelCounts } from '../../host/observe/kernel.ts';
import { LoadMeter } from '../../host/observe/load.ts';
import { Meters } from '../../host/observe/meters.ts';

let now: number;
let meters: Meters;
let kernel: KernelCounts;
let load: LoadMeter;
beforeEach(() => {
  now = 1000;
  meters = new Meters();
  kernel = {};
  load = new LoadMeter({ meters, queue: () => 4, kernel: () => kernel, clock: { now: () => milli(now) } });
});

/** Lets time pass, looking once a second. */
function pass(seconds: number): void {
  for (let second = 0; second < seconds; second++) {
    now += 1000;
    void load.measures;
  }
}

test('at first only the numbers of pages are known', () => {
  meters.sessions = 3;
  expect(load.measures).toEqual({ sessions: 3, queue: 4 });
});

test('rates, quantiles and ratios are those of the window', () => {
  pass(20);
  meters.gpuMs = 0;
  kernel = { periods: 0, throttledPeriods: 0, stalledUs: 0 };
  pass(1);
  for (let second = 0; second < 10; second++) {
    meters.sessionsJoined += 2;
    meters.gpuMs += 150;
    meters.packets.sent += 1000;
    meters.packets.resent += 30;
    for (let frame = 0; frame < 60; frame++) meters.inputToSend.add(3);
    for (let report = 0; report < 20; report++) meters.roundTrip.add(30);
    kernel = {
      periods: (kernel.periods ?? 0) + 10,
      throttledPeriods: (kernel.throttledPeriods ?? 0) + 1,
      stalledUs: (kernel.stalledUs ?? 0) + 250_000,
    };
    pass(1);
  }
  expect(load.measures).toEqual({
    sessions: 0,
    queue: 4,
    connectionsPerSecond: 2,
    gpuMsPerSecond: 150,
    retransmissionRatio: 0.03,
    // All pictures are in the bucket from 2 to 4 ms, all reports in that from 25 to 33 ms.
    frameP99Ms: 3.98,
    rttP95Ms: 32.6,
    throttledRatio: 0.1,
    cpuPressureRatio: 0.25,
  });
  expect(readMeasures(load.measures)).toEqual(load.measures);
  pass(WINDOW_MS / 1000 + 1);
  expect(load.measures).toMatchObject({ connectionsPerSecond: 0, gpuMsPerSecond: 0, cpuPressureRatio: 0 });
  expect(load.measures).not.toHaveProperty('frameP99Ms');
});

test('few pictures, reports and packets have no quantile and no ratio, one more of each has', () => {
  const add = (frames: number, reports: number, packets: number) => {
    for (let frame = 0; frame < frames; frame++) meters.inputToSend.add(3);
    for (let report = 0; report < reports; report++) meters.roundTrip.add(30);
    meters.packets.sent += packets;
  };
  add(99, 19, 99);
  pass(1);
  expect(load.measures).toEqual({ sessions: 0, queue: 4, connectionsPerSecond: 0 });
  add(1, 1, 1);
  pass(1);
  expect(Object.keys(load.measures)).toEqual(expect.arrayContaining(['frameP99Ms', 'rttP95Ms', 'retransmissionRatio']));
});

test('a pod that has hardly run was not throttled', () => {
  kernel = { periods: 0, throttledPeriods: 0 };
  pass(12);
  kernel = { periods: 9, throttledPeriods: 9 };
  pass(1);
  expect(load.measures.throttledRatio).toBe(0);
  kernel = { periods: 10, throttledPeriods: 9 };
  pass(1);
  expect(load.measures.throttledRatio).toBe(0.9);
});

test('counts that begin again, as in another cgroup, say nothing', () => {
  kernel = { stalledUs: 5_000_000 };
  pass(12);
  expect(load.measures.cpuPressureRatio).toBe(0);
  kernel = { stalledUs: 1000 };
  pass(1);
  expect(load.measures.cpuPressureRatio).toBeUndefined();
});

test('after a pause of a minute or more, what happened before it does not count', () => {
  pass(5);
  meters.sessionsJoined += 1000;
  now += 61_000;
  expect(load.measures.connectionsPerSecond).toBeUndefined();
  pass(1);
  expect(load.measures.connectionsPerSecond).toBe(0);
});

test('questions within a second share a look', () => {
  let reads = 0;
  const counted = new LoadMeter({
    meters,
    queue: () => 0,
    kernel: () => {
      reads++;
      return {};
    },
    clock: { now: () => milli(now) },
  });
  for (let ask = 0; ask < 100; ask++) {
    now += 9;
    void counted.measures;
  }
  expect(reads).toBe(1);
  now += 101;
  void counted.measures;
  expect(reads).toBe(2);
});

test('no measure leaves its bounds', () => {
  pass(1);
  Object.assign(meters, { sessions: 1e6, sessionsJoined: 1e9, gpuMs: 0 });
  meters.packets.sent = 100;
  meters.packets.resent = 120;
  kernel = { stalledUs: 0 };
  pass(1);
  kernel = { stalledUs: 9e6 };
  meters.gpuMs = 1e6;
  pass(1);
  const { sessions, connectionsPerSecond, gpuMsPerSecond, retransmissionRatio, cpuPressureRatio } = load.measures;
  expect({ sessions, connectionsPerSecond, retransmissionRatio }).toEqual({
    sessions: MEASURES.sessions.max,
    connectionsPerSecond: MEASURES.connectionsPerSecond.max,
    retransmissionRatio: 1,
  });
  // Both were not known at the beginning of the window.
  expect([gpuMsPerSecond, cpuPressureRatio]).toEqual([undefined, undefined]);
});
