import { expect, test } from 'vitest';
import { readHostReport } from '../../host/base/host-report.ts';
import { reportOf } from '../../host/play/server-report.ts';

const room = (players: number, isClosed = false) => ({ name: 'arena', isClosed, seats: 4, players });

test('a host describes itself by its rooms that run', () => {
  const report = (rooms: ReturnType<typeof room>[], isServing = true) =>
    reportOf({ uid: 'u1', rooms, arrived: { r1: 2 }, isServing });
  expect(report([room(1), room(2)])).toEqual({
    uid: 'u1',
    game: 'arena',
    state: 'allocated',
    seats: { all: 8, taken: 3, reserved: 0 },
    arrived: { r1: 2 },
    measures: {},
  });
  expect(report([room(4), room(2, true)])).toMatchObject({ state: 'full', seats: { all: 4, taken: 4 } });
  expect(report([room(0)])).toMatchObject({ state: 'ready' });
  expect(report([room(0, true)])).toMatchObject({ state: 'ended', seats: { all: 0, taken: 0 } });
  expect(report([], false)).toMatchObject({ game: '', state: 'starting' });
  expect(readHostReport(report([room(1)]))).toEqual(report([room(1)]));
});
