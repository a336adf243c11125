import { expect, test } from 'vitest';
import { readHostReport } from '../../host/base/host-report.ts';
import { lifecycleOf, reportOf } from '../../host/play/server-report.ts';

const room = (players: number, isClosed = false) => ({ name: 'arena', isClosed, seats: 4, players });

test('a host describes itself by its rooms that run', () => {
  const report = (...rooms: ReturnType<typeof room>[]) =>
    reportOf({ uid: 'u1', rooms, lifecycle: lifecycleOf(rooms), arrived: { r1: 2 } });
  expect(report(room(1), room(2))).toEqual({
    uid: 'u1',
    game: 'arena',
    state: 'allocated',
    seats: { all: 8, taken: 3, reserved: 0 },
    arrived: { r1: 2 },
    measures: {},
  });
  expect(report(room(4), room(2, true))).toMatchObject({ state: 'full', seats: { all: 4, taken: 4 } });
  expect(report(room(0))).toMatchObject({ state: 'ready' });
  expect(report(room(0, true))).toMatchObject({ state: 'ended', seats: { all: 0, taken: 0 } });
  expect(readHostReport(report(room(1)))).toEqual(report(room(1)));
});

test('a host that players cannot join yet is starting', () => {
  const report = reportOf({ uid: 'u1', rooms: [], lifecycle: undefined, arrived: {}, measures: { sessions: 1 } });
  expect(report).toMatchObject({ game: '', state: 'starting', seats: { all: 0 }, measures: { sessions: 1 } });
  expect(readHostReport(report)).toEqual(report);
});
