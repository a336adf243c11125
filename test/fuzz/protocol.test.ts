import { expect, test } from 'vitest';
import { fuzzProtocol, TARGETS } from './protocol.ts';

const MESSAGES = 3000;

test.each(Object.keys(TARGETS))(
  '%s: 3000 damaged messages are refused with the right error, or read within all bounds',
  (name) => {
    const { findings, accepted } = fuzzProtocol(name, 1, MESSAGES);
    expect(findings).toEqual([]);
    // Both outcomes are frequent, or the faults would be too coarse or too fine to find anything.
    expect(accepted).toBeGreaterThan(MESSAGES / 20);
    expect(accepted).toBeLessThan((MESSAGES * 19) / 20);
  },
);
