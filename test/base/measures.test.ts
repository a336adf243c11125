import { describe, expect, test } from 'vitest';
import { MEASURE_NAMES, MEASURES, readMeasures } from '../../host/base/measures.ts';

describe('measures from outside', () => {
  test.each(MEASURE_NAMES)('%s is valid from 0 to its bound, and nothing else is', (name) => {
    const { max } = MEASURES[name];
    for (const value of [0, max / 3, max]) expect(readMeasures({ [name]: value })).toEqual({ [name]: value });
    for (const value of [-0.001, max + 0.001, Number.NaN, Number.POSITIVE_INFINITY, '1', null, {}, true])
      expect(readMeasures({ [name]: value })).toBeUndefined();
  });

  test('measures that are missing or of a later version are left out', () => {
    expect(readMeasures({})).toEqual({});
    expect(readMeasures({ sessions: 3, moonPhase: 'full' })).toEqual({ sessions: 3 });
  });

  test.each([undefined, null, 1, 'sessions', [], [1]])('%j holds no measures', (value) => {
    expect(readMeasures(value)).toBeUndefined();
  });
});
