/**
 * Fuzzes the execution of command streams with a range of seeds, in this process, which may crash or hang. Arguments: the
 * backend, the first seed, the number of seeds, and a file into which the seed at work is written.
 */

import { openSync, writeSync } from 'node:fs';
import { must } from '../../host/base/assert.ts';
import { makeCalls } from './stream.ts';
import { type Backend, mannerOf, Subject } from './subject.ts';

/** A fuzzing process's figures about the seeds since its last report. */
export interface Report {
  /** The seed with which the next fuzzing process has to continue. */
  next: number;
  cases: number;
  streams: number;
  commands: number;
  /** Number of cases that ended without an error. */
  right: number;
  /** Number of cases that ended with an error, by the code of the error. */
  codes: Record<string, number>;
  slowestMs: number;
  findings: { seed: number; faults: string[]; message: string }[];
}

/** Number of cases between two checks of the GPU device for leaks and late errors. */
const SETTLE_CASES = 500;
const FINDINGS_MAX = 20;

const fresh = (next: number): Report => ({
  next,
  cases: 0,
  streams: 0,
  commands: 0,
  right: 0,
  codes: {},
  slowestMs: 0,
  findings: [],
});

async function work(backend: Backend, from: number, count: number, place: number): Promise<void> {
  const subject = await Subject.open(backend);
  const seedAtWork = new Float64Array(1);
  const options = { tame: backend !== 'null' };
  let report = fresh(from);
  for (let seed = from; seed < from + count; seed++) {
    seedAtWork[0] = seed;
    writeSync(place, new Uint8Array(seedAtWork.buffer), 0, 8, 0);
    const outcome = await subject.judge(makeCalls(seed, options), { manner: mannerOf(seed) });
    report.cases++;
    report.streams += outcome.streams;
    report.commands += outcome.commands;
    report.slowestMs = Math.max(report.slowestMs, outcome.slowestMs);
    if (outcome.code === '') report.right++;
    else report.codes[outcome.code] = (report.codes[outcome.code] ?? 0) + 1;
    if (outcome.faults.length > 0 && report.findings.length < FINDINGS_MAX)
      report.findings.push({ seed, faults: outcome.faults, message: outcome.message });
    await new Promise((resolve) => setImmediate(resolve));
    if ((seed + 1) % SETTLE_CASES !== 0 && seed + 1 !== from + count) continue;
    const faults = await subject.settle();
    if (!(await subject.works())) faults.push('a valid stream does not draw its picture any more');
    if (faults.length > 0) report.findings.push({ seed, faults, message: `found after up to ${SETTLE_CASES} seeds` });
    report.next = seed + 1;
    process.send?.(report);
    report = fresh(seed + 1);
  }
}

process.on('disconnect', () => process.exit());
const [backend, from, count, path] = process.argv.slice(2);
await work(backend as Backend, Number(from), Number(count), openSync(must(path, 'path on the command line'), 'w'));
process.disconnect();
// Ends at once, because the process would wait for a device whose work does not end.
process.exit(0);
