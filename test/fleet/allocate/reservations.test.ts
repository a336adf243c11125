import { expect, test } from 'vitest';
import {
  RESERVATIONS_MAX,
  readReservations,
  SEATS_MAX,
  writeReservations,
} from '../../../host/fleet/allocate/reservations.ts';

const ONE = { id: 'r1', seats: 2, until: 1_800_000_000_000 };

test('what was written is read again, and nothing is sound', () => {
  const two = [ONE, { ...ONE, id: 'r2' }];
  expect(readReservations(writeReservations(two))).toEqual({ reservations: two, isSound: true });
  expect(readReservations(undefined)).toEqual({ reservations: [], isSound: true });
  expect(readReservations('')).toEqual({ reservations: [], isSound: true });
});

test.each(['{', '7', 'null', '{"id":"r1"}'])('a text that is not a list gives none: %s', (text) => {
  expect(readReservations(text)).toEqual({ reservations: [], isSound: false });
});

test.each([
  [{ seats: SEATS_MAX }, { seats: SEATS_MAX + 1 }],
  [{ seats: 1 }, { seats: 0 }],
  [{ seats: 3 }, { seats: 1.5 }],
  [{ id: 'x'.repeat(64) }, { id: 'x'.repeat(65) }],
  [{ until: 4_102_444_800_000 }, { until: 4_102_444_800_001 }],
  [{ until: 1 }, { until: '1' }],
])('an entry beyond a bound is left out, and the others stay: %j, %j', (inside, outside) => {
  const text = JSON.stringify([ONE, { ...ONE, ...inside }, { ...ONE, ...outside }]);
  expect(readReservations(text)).toEqual({ reservations: [ONE, { ...ONE, ...inside }], isSound: false });
});

test('a pod has so many reservations at most', () => {
  const list = (length: number) => JSON.stringify(Array.from({ length }, (_, index) => ({ ...ONE, id: `r${index}` })));
  expect(readReservations(list(RESERVATIONS_MAX)).isSound).toBe(true);
  const { reservations, isSound } = readReservations(list(RESERVATIONS_MAX + 1));
  expect([reservations.length, isSound]).toEqual([RESERVATIONS_MAX, false]);
});
