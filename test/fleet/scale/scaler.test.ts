import { beforeEach, describe, expect, test } from 'vitest';
import { MEASURE_NAMES } from '../../../host/base/measures.ts';
import type { ObservedServer } from '../../../host/fleet/scale/load.ts';
import { Scaler } from '../../../host/fleet/scale/scaler.ts';
import { MEASURE_METRICS, METRIC_NAMES } from '../../../host/fleet/scale/source.ts';
import { NOON, policyOf, server } from './policy.ts';

const ARENA = { namespace: 'nearlight', game: 'arena' };

let now: number;
let servers: ObservedServer[] | undefined;
let wanted: number | undefined;
let changes: string[];
let scaler: Scaler;
beforeEach(() => {
  now = NOON;
  servers = [server(10), server(4)];
  wanted = 2;
  changes = [];
  scaler = new Scaler({
    policies: [policyOf({ buffer: { seats: 10, percent: 0 } })],
    view: { servers: () => servers, wanted: () => wanted },
    now: () => now,
    onChange: ({ from, to, reason }) => changes.push(`${from} ${to} ${reason}`),
  });
});

const value = (metric: string) => scaler.read(ARENA)?.values[metric];

describe('the scaler', () => {
  test('it decides when it looks, and says when the number changes', () => {
    expect(scaler.read(ARENA)).toBeUndefined();
    scaler.look();
    scaler.look();
    expect(scaler.read(ARENA)).toMatchObject({ at: NOON, isActive: true });
    expect(value('nearlight_servers_wanted')).toBe(3);
    expect(changes).toEqual(['2 3 seats']);
  });

  test('it offers a metric for each measure, with the unit last', () => {
    expect(Object.values(MEASURE_METRICS)).toEqual(MEASURE_NAMES);
    expect(METRIC_NAMES).toEqual(
      expect.arrayContaining(['nearlight_frame_p99_ms', 'nearlight_gpu_ms_per_second', 'nearlight_rtt_p95_ms']),
    );
    for (const name of METRIC_NAMES) expect(name).toMatch(/^nearlight_[a-z0-9_]+$/);
  });

  test('sums of what servers share, means of how busy they are', () => {
    servers = [
      server(10, { measures: { sessions: 10, frameP99Ms: 30 } }),
      server(4, { measures: { sessions: 5, frameP99Ms: 20 } }),
      server(0, { measures: { frameP99Ms: 2 } }),
    ];
    scaler.look();
    expect(value('nearlight_sessions')).toBe(15);
    expect(value('nearlight_frame_p99_ms')).toBe(25);
    expect(value('nearlight_queue')).toBe(0);
    expect(value('nearlight_rtt_p95_ms')).toBeUndefined();
    expect([value('nearlight_seats_used'), value('nearlight_seats_free')]).toEqual([14, 16]);
    expect(value('nearlight_servers_occupied')).toBe(2);
  });

  test('a sum is not known while a server says nothing, but the number of servers is', () => {
    servers = [server(10, { measures: { sessions: 10 } }), server(0, { at: NOON - 60_000 })];
    scaler.look();
    expect([value('nearlight_sessions'), value('nearlight_servers_wanted')]).toEqual([undefined, 3]);
  });

  test('without data it goes on with the number that there is', () => {
    servers = undefined;
    scaler.look();
    expect([value('nearlight_servers_wanted'), value('nearlight_seats_used')]).toEqual([2, undefined]);
  });

  test('without the present number it goes on from its last decision, and says nothing before the first', () => {
    wanted = undefined;
    scaler.look();
    expect(scaler.read(ARENA)).toBeUndefined();
    wanted = 2;
    scaler.look();
    wanted = undefined;
    servers = undefined;
    scaler.look();
    expect(value('nearlight_servers_wanted')).toBe(3);
  });

  test('an answer is not given when it is old, as after a pause of the process', () => {
    scaler.look();
    now += 4000;
    expect(scaler.read(ARENA)).toBeDefined();
    now += 1;
    expect(scaler.read(ARENA)).toBeUndefined();
  });

  test('a replica that does not lead says nothing, and begins again when it leads', () => {
    let leads = true;
    const replica = new Scaler({
      policies: [policyOf({ buffer: { seats: 10, percent: 0 }, down: { stabiliseMs: 60_000, limits: [] } })],
      view: { leads: () => leads, servers: () => servers, wanted: () => wanted },
      now: () => now,
    });
    const asked = () => replica.read(ARENA)?.values.nearlight_servers_wanted;
    replica.look();
    expect(asked()).toBe(3);
    leads = false;
    replica.look();
    expect(replica.read(ARENA)).toBeUndefined();
    leads = true;
    now += 120_000;
    servers = [server(0, { at: now })];
    wanted = 9;
    replica.look();
    expect(asked()).toBe(9);
  });

  test('a game without a policy has no load', () => {
    scaler.look();
    expect(scaler.read({ namespace: 'nearlight', game: 'model' })).toBeUndefined();
    expect(scaler.read({ namespace: 'other', game: 'arena' })).toBeUndefined();
  });

  test('those who listen hear of each look until they have heard enough', () => {
    let looks = 0;
    const forget = scaler.onChange(() => {
      looks++;
    });
    scaler.look();
    scaler.look();
    forget();
    scaler.look();
    expect(looks).toBe(2);
  });

  test('a game that needs no server is not active', () => {
    servers = [];
    wanted = 0;
    const idle = new Scaler({
      policies: [policyOf({ buffer: { seats: 0, percent: 0 } })],
      view: { servers: () => servers, wanted: () => wanted },
      now: () => now,
    });
    idle.look();
    expect(idle.read(ARENA)).toMatchObject({ isActive: false, values: { nearlight_servers_wanted: 0 } });
  });
});
