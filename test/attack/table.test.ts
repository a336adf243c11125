import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ROWS } from './rows.ts';
import { formatTable } from './table.ts';

test('every weakness has a file of attacks, and every such file a weakness', () => {
  const numbers = readdirSync(import.meta.dirname).flatMap((file) => /^row-(\d+)-.*\.test\.ts$/.exec(file)?.[1] ?? []);
  expect(numbers.map(Number).sort((a, b) => a - b)).toEqual(ROWS.map(({ row }) => row));
});

test('the table names attacks that held, attacks that did not with the reason, and rows without a test', () => {
  const outcomes = [
    { row: 1, attack: 'one', held: true, reason: '' },
    { row: 2, attack: 'two', held: false, reason: 'because | of this\nand more' },
  ];
  const whole = formatTable(outcomes, true);
  expect(whole).toContain('| 1 | critical | one | held |');
  expect(whole).toContain('| 2 | high | two | BROKEN: because / of this |');
  expect(whole).toContain("| 3 | high | a shader exhausts the host's memory | NOT TESTED |");
  expect(whole).toContain('1 of 2 attacks held');
  expect(formatTable(outcomes, false)).not.toContain('NOT TESTED');
});
