import { describe, expect, test } from 'vitest';
import { addUp } from '../../../host/fleet/scale/load.ts';
import { loadOf, NOON, server } from './policy.ts';

describe('the load of all servers', () => {
  test('players, reservations and servers add up', () => {
    const load = loadOf([
      server(0),
      server(3),
      server(10),
      server(0, { seats: { all: 12, taken: 0, reserved: 2 } }),
      server(0, { state: 'starting', at: undefined, seats: { all: 0, taken: 0, reserved: 0 } }),
      server(9, { state: 'ended' }),
    ]);
    expect(load).toMatchObject({
      servers: 5,
      occupied: 3,
      active: 3,
      unknown: 0,
      draining: 0,
      seats: { all: 42, used: 15, largest: 12 },
    });
  });

  test('a draining server is occupied by its players, and its seats are of no use', () => {
    const load = loadOf([server(4, { state: 'draining' }), server(0, { state: 'draining' }), server(1)]);
    expect(load).toMatchObject({ servers: 3, occupied: 2, draining: 2, seats: { all: 10, used: 1 } });
  });

  test.each([
    ['as old as it may be', NOON - 4000, 0],
    ['older', NOON - 4001, 1],
    ['from the future, as far as it may be', NOON + 4000, 0],
    ['from a future that is further', NOON + 4001, 1],
    ['none', undefined, 1],
  ])('a report that is %s: %s', (_, at, unknown) => {
    expect(loadOf([server(0, { at })])).toMatchObject({ unknown, occupied: unknown, seats: { used: unknown * 10 } });
  });

  test('a server that starts needs no report, unless it has sent one', () => {
    const load = loadOf([
      server(0, { state: 'starting', at: undefined }),
      server(0, { state: 'starting', at: NOON - 5000 }),
    ]);
    expect(load).toMatchObject({ servers: 2, unknown: 1, occupied: 1 });
  });

  test('measures are those of servers with players; the queue is that of all', () => {
    const { sums } = loadOf([
      server(2, { measures: { frameP99Ms: 20, queue: 1 } }),
      server(2, { measures: { frameP99Ms: 30 } }),
      server(0, { measures: { frameP99Ms: 90, queue: 2 } }),
      server(2, { measures: { frameP99Ms: 70 }, at: NOON - 60_000 }),
    ]);
    expect(sums.frameP99Ms).toEqual({ sum: 50, servers: 2, lastKnown: [70] });
    expect(sums.queue).toEqual({ sum: 3, servers: 2, lastKnown: [] });
    expect(sums.sessions).toEqual({ sum: 0, servers: 0, lastKnown: [] });
  });

  test('without servers there are no seats', () => {
    expect(addUp([], { now: NOON, staleMs: 1 })).toMatchObject({ servers: 0, occupied: 0, seats: { all: 0, used: 0 } });
  });
});
