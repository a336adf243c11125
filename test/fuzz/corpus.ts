/** Findings as files: what a module submits, small and readable, and what must come of it. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../../host/base/assert.ts';
import type { Call } from './encode.ts';
import { type Backend, type Manner, Subject } from './subject.ts';

export interface Finding {
  /** What went wrong with it once. */
  about: string;
  backends: Backend[];
  manner: Manner;
  /** Of the error that it ends with, a part; '' for none. Not given, any coded error will do. */
  error?: string;
  calls: Call[];
}

const folder = join(import.meta.dirname, 'corpus');

/** The findings by name. */
export function readCorpus(): Record<string, Finding> {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  return Object.fromEntries(
    files.map((file) => [file.slice(0, -5), JSON.parse(readFileSync(join(folder, file), 'utf8'))]),
  );
}

/** What must not be and is, in words. */
export async function faultsOf(subject: Subject, { calls, manner, error }: Finding): Promise<string[]> {
  const outcome = await subject.judge(calls, { manner });
  const faults = [...outcome.faults, ...(await subject.settle())];
  if (!(await subject.works())) faults.push('a right picture does not come out any more');
  if (error !== undefined && (error === '' ? outcome.message !== '' : !outcome.message.includes(error)))
    faults.push(`it ends with "${outcome.message}" instead of "${error}"`);
  return faults;
}

if (import.meta.main) {
  const [backend, path] = process.argv.slice(2);
  const faults = await faultsOf(
    await Subject.open(backend as Backend),
    JSON.parse(readFileSync(must(path, 'path'), 'utf8')),
  );
  process.stdout.write(faults.map((fault) => `${fault}\n`).join(''));
  process.exit(faults.length === 0 ? 0 : 1);
}
