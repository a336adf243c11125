import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readNames, readNumber } from './switches.ts';

const DOORS = ['udp', 'tcp'];

describe('a switch of a benchmark', () => {
  test('lists names, in the order of the benchmark, or all if it is not set', () => {
    expect(readNames('X', undefined, DOORS)).toEqual(DOORS);
    expect(readNames('X', '', DOORS)).toEqual(DOORS);
    expect(readNames('X', 'tcp', DOORS)).toEqual(['tcp']);
    expect(readNames('X', 'tcp, udp', DOORS)).toEqual(DOORS);
  });

  test.each([
    ['upd', 'X: there is no "upd"; give some of these, separated by commas: udp, tcp'],
    ['udp,5 % los,TCP', 'X: there is no "5 % los", "TCP"; give some'],
    ['udp,', 'X: there is no ""; give some'],
  ])('that lists %j is refused', (text, message) => {
    expect(() => readNames('X', text, DOORS)).toThrow(message);
  });

  test.each([
    [undefined, 120],
    ['', 120],
    ['1', 1],
    ['2.5', 2.5],
    ['1e3', 1000],
  ])('%j is the number %j', (text, value) => {
    expect(readNumber('X', text, { usual: 120, least: 1 })).toBe(value);
  });

  test.each(['0.9', '-1', '10 s', 'Infinity', 'NaN', ' '])('%j is refused as a number', (text) => {
    const read = () => readNumber('X', text, { usual: 120, least: 1 });
    expect(read).toThrow(`X=${text}: give a number from 1 (usually 120)`);
  });
});

const benchmarks = readdirSync(import.meta.dirname).filter((file) => file.endsWith('.bench.ts'));

test.each(benchmarks)('%s reads its switches with the functions that check them', (file) => {
  const source = readFileSync(join(import.meta.dirname, file), 'utf8');
  // The search path is not a switch.
  expect(source.match(/process\.env\b(?!\.PATH\b)/g)).toBeNull();
});

test.each([
  ['path', { PATH_SENDERS: 'nearlight,chrome' }, 'bench: PATH_SENDERS: there is no "chrome"; give some'],
  ['path', { PATH_ROWS: '6 % loss' }, 'bench: PATH_ROWS: there is no "6 % loss"; give some'],
  ['path', { PATH_REPAIRS: 'no' }, 'bench: PATH_REPAIRS: there is no "no"; give some'],
  ['path', { PATH_SECONDS: '2 min' }, 'bench: PATH_SECONDS=2 min: give a number'],
  ['cuts', { CUTS_DOORS: 'http' }, 'bench: CUTS_DOORS: there is no "http"; give some'],
])('the benchmark %s ends with one line at %j, before it measures anything', (name, environment, message) => {
  const program = join(import.meta.dirname, `${name}.bench.ts`);
  const { status, stdout, stderr } = spawnSync(process.execPath, [program], {
    env: { ...process.env, ...environment },
    encoding: 'utf8',
  });
  expect([status, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/^[^\n]+\n$/);
  expect(stderr).toContain(message);
});
