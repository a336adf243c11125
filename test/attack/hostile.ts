/**
 * Runs 120 hostile modules and 120 hostile shaders one after another beside a game with a player, on an installed host, and
 * prints a table: `npm run test:hostile`. With words after `--`, it runs those whose names contain one of them. The exit status
 * is 1 if a bound is exceeded.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { HOSTILE } from '../hostile/shaders.ts';
import { installBundle } from '../pod/node/installed.ts';
import { startArena } from './arena.ts';
import { type Entry, environment, moduleItems, places, type Report, runCorpus, shaderItems } from './corpus.ts';
import { SHADERS } from './shaders.ts';

const BEFORE_MS = 15_000;
const HEALTH_MS_MAX = 250;
const PICTURES_MIN = 0.9;
/** Most memory of the host and all processes below it, in which shared libraries count for each process. */
const BYTES_MAX = 2 * 2 ** 30;

/** Number of the host's last lines that are printed if the player loses the connection. */
const LINES_MAX = 40;
const LINE_CHARS_MAX = 200;

const row = (cells: (string | number)[]): string => `| ${cells.join(' | ')} |\n`;
const mebibytes = (bytes: number) => Math.round(bytes / 2 ** 20);

function print({ name, end, health, pictures, residentBytes }: Entry): void {
  const code = /NL_\w+/.exec(end)?.[0] ?? end.slice(0, 30);
  const figures = [
    Math.round(health.maxMs),
    health.failures,
    pictures.perSecond.toFixed(1),
    Math.round(pictures.gapMs),
  ];
  process.stdout.write(row([name, code, ...figures, mebibytes(residentBytes)]));
}

/** Prints the figures with their bounds. Returns whether all are within them. */
function summarize({ entries, before, peakBytes, killed, stayed }: Report, wanted: number): boolean {
  const pictures = entries.reduce((sum, entry) => sum + entry.pictures.count, 0);
  const seconds = entries.reduce((sum, entry) => sum + entry.pictures.seconds, 0);
  const share = pictures / seconds / before;
  const maxMs = Math.max(...entries.map(({ health }) => health.maxMs));
  const failures = entries.reduce((sum, { health }) => sum + health.failures, 0);
  const tried = entries.filter((entry) => entry.tried).length;
  const bounds: [string, string, string, boolean][] = [
    ['hostile modules and shaders that were tried', String(tried), `${wanted}`, tried === wanted],
    ['longest answer of /healthz', `${Math.round(maxMs)} ms`, `at most ${HEALTH_MS_MAX} ms`, maxMs <= HEALTH_MS_MAX],
    ['answers of /healthz other than 200', String(failures), 'none', failures === 0],
    ['connection of the player', stayed ? 'kept' : 'lost', 'kept', stayed],
    ["player's pictures", `${Math.round(share * 100)} %`, `at least ${PICTURES_MIN * 100} %`, share >= PICTURES_MIN],
    ['memory', `${mebibytes(peakBytes)} MiB`, `at most ${mebibytes(BYTES_MAX)} MiB`, !killed && peakBytes <= BYTES_MAX],
  ];
  process.stdout.write(`\n${row(['figure', 'value', 'bound', ''])}${row(['---', '--:', '--:', '---'])}`);
  for (const [name, value, bound, met] of bounds)
    process.stdout.write(row([name, value, bound, met ? 'met' : 'NOT met']));
  return bounds.every(([, , , met]) => met);
}

async function main(): Promise<number> {
  const given = process.env.NEARLIGHT_INSTALLED;
  const folder = given ?? mkdtempSync('/tmp/nl-installed-');
  process.env.NEARLIGHT_INSTALLED = folder;
  try {
    if (given === undefined) await installBundle(folder, (line) => process.stdout.write(`${line}\n`));
    const arena = await startArena(places(), environment);
    const words = process.argv.slice(2);
    const single = HOSTILE.map(([name, code]) => ({ name, code, use: 'compute' as const }));
    const all = [...moduleItems(), ...shaderItems([...SHADERS, ...single])];
    const items = all.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
    const head = ['hostile', 'end', '/healthz ms', 'failed', 'pictures/s', 'gap ms', 'MiB'];
    process.stdout.write(`${row(head)}${row(head.map(() => '---'))}`);
    try {
      const report = await runCorpus(arena, { items, beforeMs: BEFORE_MS, bytesMax: BYTES_MAX, seen: print });
      if (!report.stayed) {
        const lines = arena.host.output().trimEnd().split('\n').slice(-LINES_MAX);
        process.stdout.write(`\n${lines.map((line) => line.slice(0, LINE_CHARS_MAX)).join('\n')}\n`);
        process.stdout.write(`notices: ${JSON.stringify(arena.player.notices)}\n`);
      }
      return summarize(report, items.length) ? 0 : 1;
    } finally {
      await arena.close();
    }
  } finally {
    if (given === undefined) rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main();
// node-datachannel's threads would keep the process alive.
process.exit();
