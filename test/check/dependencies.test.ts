import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { NODE_TABLE, TABLE } from '../../host/edge/dependencies/table.ts';
import { BEGIN, DOCUMENT, drawTable, END, withTable } from './dependencies.ts';

const text = readFileSync(join(import.meta.dirname, '../..', DOCUMENT), 'utf8');

test('the document shows the present table, and an older one is replaced', () => {
  expect(withTable(text)).toBe(text);
  expect(withTable(`before\n${BEGIN}\n| old |\n${END}\nafter`)).toBe(`before\n${BEGIN}\n${drawTable()}\n${END}\nafter`);
  expect(() => withTable(`${END}\n${BEGIN}`)).toThrow('lacks the marks');
});

test('each service has a line', () => {
  for (const { title } of [...Object.values(TABLE), ...Object.values(NODE_TABLE)])
    expect(drawTable()).toContain(`| ${title} (`);
});
