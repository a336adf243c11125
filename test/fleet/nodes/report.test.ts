import { expect, test } from 'vitest';
import { PODS_MAX, readNodeReport } from '../../../host/fleet/nodes/report.ts';
import { reportFor } from '../rig.ts';

const POD = reportFor('u1', { arrived: { r1: 1 }, measures: { sessions: 3 } });

const read = (pods: unknown, node = 'n1') => readNodeReport(node, { node: 'n1', pods });

test('a report is read as it was sent', () => {
  expect(read([POD])).toEqual({ node: 'n1', pods: [POD] });
  expect(read([])).toEqual({ node: 'n1', pods: [] });
  const { arrived, measures, ...rest } = POD;
  expect(read([rest]).pods).toEqual([{ ...POD, arrived: {}, measures: {} }]);
});

test('a node speaks for itself alone, and of each pod once', () => {
  expect(() => read([POD], 'n2')).toThrow('NL_FLEET_REQUEST');
  expect(() => readNodeReport('N 1', { node: 'N 1', pods: [] })).toThrow('NL_FLEET_REQUEST');
  expect(() => read([POD, POD])).toThrow('names a pod twice');
});

test('a node has so many pods at most', () => {
  const pods = (length: number) => Array.from({ length }, (_, index) => ({ ...POD, uid: `u${index}` }));
  expect(read(pods(PODS_MAX)).pods).toHaveLength(PODS_MAX);
  expect(() => read(pods(PODS_MAX + 1))).toThrow('NL_FLEET_REQUEST');
  expect(() => read({})).toThrow('NL_FLEET_REQUEST');
});

const numbers = (count: number, value: unknown = 1) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, value]));

test.each<[what: string, inside: object, outside: object]>([
  ['uid', { uid: 'u'.repeat(64) }, { uid: 'u'.repeat(65) }],
  ['uid characters', { uid: 'a-b_c' }, { uid: 'a/b' }],
  ['game', { game: 'g'.repeat(128) }, { game: 'g'.repeat(129) }],
  ['state', { state: 'draining' }, { state: 'lost' }],
  ['seats', { seats: { all: 65_536, taken: 0 } }, { seats: { all: 65_537, taken: 0 } }],
  ['taken', { seats: { all: 4, taken: 0 } }, { seats: { all: 4, taken: -1 } }],
  ['whole seats', { seats: { all: 4, taken: 1 } }, { seats: { all: 4, taken: 0.5 } }],
  ['arrived', { arrived: numbers(256) }, { arrived: numbers(257) }],
  ['arrived names', { arrived: { 'a-b': 1 } }, { arrived: { 'a.b': 1 } }],
  ['measures', { measures: numbers(32) }, { measures: numbers(33) }],
  ['measure', { measures: { a: -1.5 } }, { measures: { a: '1' } }],
  ['measure names', { measures: { ['a'.repeat(48)]: 1 } }, { measures: { ['a'.repeat(49)]: 1 } }],
])('%s: both sides of the bound', (_, inside, outside) => {
  expect(read([{ ...POD, ...inside }]).pods).toHaveLength(1);
  expect(() => read([{ ...POD, ...outside }])).toThrow('NL_FLEET_REQUEST');
});
