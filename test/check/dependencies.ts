/**
 * Writes the table of the services that a host depends on into host/DEPENDENCIES.md: node test/check/dependencies.ts. With --check, it
 * compares the two instead.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { settings } from '../../host/base/config.ts';
import { DEPENDENCIES } from '../../host/base/dependencies.ts';
import { type Entry, NODE_TABLE, TABLE, type TableBudget } from '../../host/edge/dependencies/table.ts';

export const DOCUMENT = 'host/DEPENDENCIES.md';
export const BEGIN = '<!-- The table follows from host/edge/dependencies/table.ts: node test/check/dependencies.ts -->';
export const END = '<!-- End of the table -->';

/** Returns the table in Markdown. */
export function drawTable(): string {
  const head = ['service', 'goes on without it', 'stops', 'the page may show', 'budget of a call', 'back again'];
  const rows = [
    ...DEPENDENCIES.map((name) => rowOf(TABLE[name], budget(TABLE[name].budget))),
    ...Object.values(NODE_TABLE).map((entry) => rowOf(entry, 'none: the node asks it, not the process of a game')),
  ];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function rowOf({ title, settings: names, askedBy, goesOn, stops, codes, recovery }: Entry, limits: string): string[] {
  const named = names.map((name) => (askedBy === 'process' ? `\`${name}\`` : name)).join(', ');
  return [`${title} (${named})`, goesOn, stops, codes.join(', ') || 'nothing', limits, recovery].map(markSettings);
}

function budget({ msMax, concurrent, queueMax, retries }: TableBudget): string {
  const time = typeof msMax === 'number' ? `${msMax} ms` : settings[msMax].env;
  const again = retries === 0 ? 'not repeated' : `repeated ${retries === 1 ? 'once' : `${retries} times`}`;
  return `${time}; ${concurrent} at once, ${queueMax} wait; ${again}`;
}

/** Sets names of settings as code. */
function markSettings(text: string): string {
  const names = Object.values(settings).map(({ env }) => env);
  return text.replace(/`?\b[A-Z]+(_[A-Z]+)+\b`?/g, (word) => (names.includes(word as never) ? `\`${word}\`` : word));
}

/** Returns the document with the present table. */
export function withTable(text: string): string {
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${DOCUMENT} lacks the marks around its table`);
  return `${text.slice(0, begin + BEGIN.length)}\n${drawTable()}\n${text.slice(end)}`;
}

if (import.meta.main) {
  const path = join(import.meta.dirname, '../..', DOCUMENT);
  const text = readFileSync(path, 'utf8');
  const present = withTable(text);
  if (!process.argv.includes('--check')) writeFileSync(path, present);
  else if (present !== text) {
    process.stderr.write(
      `${DOCUMENT} does not show the present table; write it with: node test/check/dependencies.ts\n`,
    );
    process.exitCode = 1;
  }
}
