import { describe, expect, test } from 'vitest';
import {
  FAULT_SECONDS_MAX,
  FAULTS_MAX,
  LATENCY_MS_MAX,
  PLAN_BYTES_MAX,
  readPlan,
  SKEW_MS_MAX,
} from '../../../host/edge/faults/plan.ts';

const cut = { place: 'issuer', kind: 'cut', seconds: 60 };
const latency = { place: 'opa', kind: 'latency', seconds: 60, ms: 100 };
const skew = { place: 'clock', kind: 'skew', seconds: 60, ms: 1000 };
const read = (...faults: object[]) => readPlan(JSON.stringify({ faults }));

/** Every pair of a place and a kind, so many that they are all different. */
const PAIRS = [
  ['issuer', ['latency', 'error', 'cut']],
  ['opa', ['latency', 'error', 'cut']],
  ['sink', ['latency', 'error', 'cut']],
  ['requests', ['latency', 'error', 'cut']],
  ['offers', ['latency', 'error', 'cut']],
  ['nats', ['latency', 'cut']],
] as const;
const many = PAIRS.flatMap(([place, kinds]) =>
  kinds.map((kind) => ({ place, kind, seconds: 1, ...(kind === 'latency' ? { ms: 1 } : {}) })),
);

describe('the faults that an operator asks for', () => {
  test('are read with their defaults', () => {
    expect(read(cut, { ...latency, share: 0.25 }, skew)).toEqual([
      { place: 'issuer', kind: 'cut', share: 1, seconds: 60, ms: 0 },
      { place: 'opa', kind: 'latency', share: 0.25, seconds: 60, ms: 100 },
      { place: 'clock', kind: 'skew', share: 1, seconds: 60, ms: 1000 },
    ]);
    expect(read()).toEqual([]);
  });

  test.each([
    ['a share of 1', { ...cut, share: 1 }],
    ['the smallest share', { ...cut, share: Number.MIN_VALUE }],
    ['1 second', { ...cut, seconds: 1 }],
    ['the longest time', { ...cut, seconds: FAULT_SECONDS_MAX }],
    ['the shortest latency', { ...latency, ms: 1 }],
    ['the longest latency', { ...latency, ms: LATENCY_MS_MAX }],
    ['a clock far behind', { ...skew, ms: -SKEW_MS_MAX }],
    ['a clock far ahead', { ...skew, ms: SKEW_MS_MAX }],
    ['a disk that is full for all', { place: 'store', kind: 'full', seconds: 1, share: 1 }],
  ])('are taken with %s', (_, fault) => {
    expect(read(fault)).toHaveLength(1);
  });

  test.each([
    ['a share of 0', { ...cut, share: 0 }, 'share'],
    ['a share above 1', { ...cut, share: 1.000001 }, 'share'],
    ['a share that is a text', { ...cut, share: '1' }, 'share'],
    ['no time', { ...cut, seconds: 0 }, 'seconds'],
    ['without a time', { place: 'issuer', kind: 'cut' }, 'seconds'],
    ['too long a time', { ...cut, seconds: FAULT_SECONDS_MAX + 1 }, 'seconds'],
    ['a broken time', { ...cut, seconds: 1.5 }, 'seconds'],
    ['no latency', { ...latency, ms: 0 }, 'ms'],
    ['too much latency', { ...latency, ms: LATENCY_MS_MAX + 1 }, 'ms'],
    ['a clock too far behind', { ...skew, ms: -SKEW_MS_MAX - 1 }, 'ms'],
    ['a clock too far ahead', { ...skew, ms: SKEW_MS_MAX + 1 }, 'ms'],
    ['milliseconds of a cut', { ...cut, ms: 1 }, 'ms'],
    ['a disk that is full for some', { place: 'store', kind: 'full', seconds: 1, share: 0.5 }, 'share'],
    ['an unknown place', { ...cut, place: 'redis' }, 'place'],
    ['a place that every object has', { ...cut, place: 'toString' }, 'place'],
    ['a kind that the place does not have', { ...cut, place: 'nats', kind: 'error' }, 'kind'],
    ['an unknown field', { ...cut, host: 'a' }, 'host'],
  ])('are refused with %s', (_, fault, where) => {
    expect(() => read(fault as object)).toThrow(/^NL_FAULT: /);
    expect(() => read(fault as object)).toThrow(where);
  });

  test('are at most so many, and no two are alike', () => {
    expect(readPlan(JSON.stringify({ faults: many.slice(0, FAULTS_MAX) }))).toHaveLength(FAULTS_MAX);
    expect(() => readPlan(JSON.stringify({ faults: many.slice(0, FAULTS_MAX + 1) }))).toThrow('at most 16');
    expect(() => read(cut, latency, cut)).toThrow('issuer has two faults of the kind cut');
  });

  test.each(['', '[]', 'null', '3', '{}', '{"faults":{}}', '{"faults":[1]}', '{"faults":[[]]}', '{"faults":[],"x":1}'])(
    'cannot be read from %s',
    (text) => {
      expect(() => readPlan(text)).toThrow(/^NL_FAULT: /);
    },
  );

  test('have a size limit', () => {
    const text = JSON.stringify({ faults: [cut] });
    expect(readPlan(text.padEnd(PLAN_BYTES_MAX))).toHaveLength(1);
    expect(() => readPlan(text.padEnd(PLAN_BYTES_MAX + 1))).toThrow('NL_FAULT');
  });
});
