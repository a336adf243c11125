/** Findings of earlier fuzzing campaigns as files: the commands that a module submits, and how its run must end. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../../host/base/assert.ts';
import type { Call } from './encode.ts';
import { type Backend, type Manner, Subject } from './subject.ts';

export interface Finding {
  /** Describes the fault in the host that this finding showed. */
  about: string;
  backends: Backend[];
  manner: Manner;
  /**
   * Part of the message of the error with which the calls must end; '' for no error. If it is not given, the calls may end
   * with any coded error, or without one.
   */
  error?: string;
  calls: Call[];
}

const folder = join(import.meta.dirname, 'corpus');

/** Reads the findings in the corpus, by name. */
export function readCorpus(): Record<string, Finding> {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  return Object.fromEntries(
    files.map((file) => [file.slice(0, -5), JSON.parse(readFileSync(join(folder, file), 'utf8'))]),
  );
}

/** Runs the calls of a finding again. Returns a message for everything that is wrong. */
export async function faultsOf(subject: Subject, { calls, manner, error }: Finding): Promise<string[]> {
  const outcome = await subject.judge(calls, { manner });
  const faults = [...outcome.faults, ...(await subject.settle())];
  if (!(await subject.works())) faults.push('a valid stream does not draw its picture any more');
  if (error !== undefined && (error === '' ? outcome.message !== '' : !outcome.message.includes(error)))
    faults.push(`the calls end with "${outcome.message}" instead of "${error}"`);
  return faults;
}

if (import.meta.main) {
  const [backend, path] = process.argv.slice(2);
  const faults = await faultsOf(
    await Subject.open(backend as Backend),
    JSON.parse(readFileSync(must(path, 'path on the command line'), 'utf8')),
  );
  process.stdout.write(faults.map((fault) => `${fault}\n`).join(''));
  process.exit(faults.length === 0 ? 0 : 1);
}
