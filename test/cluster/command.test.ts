import { expect, it } from 'vitest';
import { FAULTS, faultTable } from './faults.ts';
import { parseArguments } from './run.ts';

it('the command takes its own options, and leaves the others to vitest', () => {
  expect(parseArguments([])).toEqual({ nodeCount: 2, hold: false, build: false, rest: [] });
  expect(parseArguments(['--nodes', '3', 'test/cluster/pod.cluster.ts', '-t', 'fault 1', '--hold'])).toEqual({
    nodeCount: 3,
    hold: true,
    build: false,
    rest: ['test/cluster/pod.cluster.ts', '-t', 'fault 1'],
  });
});

it.each(['0', '8'])('a cluster may have %s nodes', (count) => {
  expect(parseArguments(['--nodes', count]).nodeCount).toBe(Number(count));
});

it.each(['-1', '9', '1.5', 'two', ''])('a cluster may not have "%s" nodes', (count) => {
  expect(() => parseArguments(['--nodes', count])).toThrow('--nodes must be a whole number from 0 to 8');
});

it('the table says of each fault whether its tests hold, fail or are missing', () => {
  const lines = faultTable([
    { title: 'fault 1: one', status: 'passed' },
    { title: 'fault 2: one', status: 'passed' },
    { title: 'fault 2: another', status: 'failed' },
    { title: 'fault 13: one', status: 'skipped' },
  ]).split('\n');
  expect(lines.slice(0, 3).map((line) => line.slice(0, 14).trim())).toEqual(['1  holds', '2  FAILS', '3  no test']);
  expect(lines[12]).toContain('FAILS');
  expect(lines.filter(Boolean)).toHaveLength(FAULTS.length);
});
