/**
 * Fuzzes the execution of command streams with many seeds, in other processes. A process that crashes or hangs is a finding.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must } from '../../host/base/assert.ts';
import type { Backend } from './subject.ts';
import type { Report } from './worker.ts';

export interface CampaignOptions {
  backend: Backend;
  /** The first seed to run. A fuzzing campaign that was stopped goes on from the seed that it reported last. */
  from: number;
  /** The least number of command streams to run. */
  streams: number;
  onProgress(totals: Totals): void;
}

export type Totals = Report & { crashes: number; hangs: number; seconds: number };

/** Number of seeds that one process runs. The end of the process frees everything that leaks slowly, also in drivers. */
const SEEDS_MAX = 20_000;
/** Approximate number of command streams that are generated from one seed. */
const STREAMS_A_SEED = 8;
/** A fuzzing process that reports nothing for this long hangs. */
const SILENCE_MS = 120_000;

interface Died {
  /** The seed that the process ran when it died. */
  seed?: number;
  why: string;
}

/** Runs one fuzzing process to its end. Returns why it died; undefined if it ended normally. */
function run(
  { backend, from }: CampaignOptions,
  count: number,
  onReport: (report: Report) => void,
): Promise<Died | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'nearlight-fuzz-'));
  const place = join(folder, 'seed');
  const child: ChildProcess = fork(
    join(import.meta.dirname, 'worker.ts'),
    [backend, String(from), String(count), place],
    {
      execArgv: ['--expose-gc'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    },
  );
  let errors = '';
  must(child.stderr, 'stderr of the worker').on('data', (chunk: Buffer) => {
    errors = `${errors}${chunk}`.slice(-4000);
  });
  let hangs = false;
  const silent = (): void => {
    hangs = true;
    child.kill('SIGKILL');
  };
  let watchdog = setTimeout(silent, SILENCE_MS);
  child.on('message', (report: Report) => {
    clearTimeout(watchdog);
    watchdog = setTimeout(silent, SILENCE_MS);
    onReport(report);
  });
  return new Promise((resolve) => {
    const ended = (code: number | null, how: string): void => {
      clearTimeout(watchdog);
      const seed = seedIn(place);
      rmSync(folder, { recursive: true, force: true });
      const why = hangs ? `it hangs: no report for ${SILENCE_MS} ms` : `${how}: ${errors.trim()}`;
      resolve(code === 0 ? undefined : { why, ...(seed === undefined ? {} : { seed }) });
    };
    child.on('exit', (code, signal) => ended(code, `it ended with ${signal ?? code}`));
    child.on('error', (error) => ended(null, `it cannot be started or killed (${error.message})`));
  });
}

/** Returns the seed that a fuzzing process noted in a file; undefined if it died before it noted one. */
function seedIn(path: string): number | undefined {
  try {
    const bytes = readFileSync(path);
    return bytes.length < 8 ? undefined : bytes.readDoubleLE(0);
  } catch {
    return undefined;
  }
}

/** Fuzzes with seeds from `options.from` on, until at least `options.streams` command streams were run. */
export async function campaign(options: CampaignOptions): Promise<Totals> {
  const begun = performance.now();
  const totals: Totals = {
    next: options.from,
    cases: 0,
    streams: 0,
    commands: 0,
    right: 0,
    codes: {},
    slowestMs: 0,
    findings: [],
    crashes: 0,
    hangs: 0,
    seconds: 0,
  };
  while (totals.streams < options.streams) {
    const seeds = Math.min(SEEDS_MAX, Math.ceil((options.streams - totals.streams) / STREAMS_A_SEED));
    const died = await run({ ...options, from: totals.next }, seeds, (report) => {
      add(totals, report);
      totals.seconds = (performance.now() - begun) / 1000;
      options.onProgress(totals);
    });
    if (died === undefined) continue;
    if (died.why.startsWith('it hangs')) totals.hangs++;
    else totals.crashes++;
    const seed = died.seed ?? totals.next;
    totals.findings.push({ seed, faults: [died.why], message: '' });
    totals.next = seed + 1;
  }
  return totals;
}

function add(totals: Totals, report: Report): void {
  totals.next = report.next;
  totals.cases += report.cases;
  totals.streams += report.streams;
  totals.commands += report.commands;
  totals.right += report.right;
  totals.slowestMs = Math.max(totals.slowestMs, report.slowestMs);
  totals.findings.push(...report.findings);
  for (const [code, count] of Object.entries(report.codes)) totals.codes[code] = (totals.codes[code] ?? 0) + count;
}

/** The folder for a campaign's findings and figures. */
export function resultsFolder(): string {
  const folder = join(import.meta.dirname, '../../build/fuzz');
  mkdirSync(folder, { recursive: true });
  return folder;
}
