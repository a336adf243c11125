/** Reduces the calls of a seed that goes wrong to a small finding: node test/fuzz/minimise.ts BACKEND SEED NAME */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must } from '../../host/base/assert.ts';
import type { Finding } from './corpus.ts';
import type { Call } from './encode.ts';
import { makeCalls } from './stream.ts';
import { type Backend, mannerOf } from './subject.ts';

const TRIAL_MS = 30_000;

/** Returns the calls without `count` commands from number `at` on. The commands of all calls are numbered in a row. */
function without(calls: readonly Call[], at: number, count: number): Call[] {
  let place = 0;
  const outside = (): boolean => {
    const kept = place < at || place >= at + count;
    place++;
    return kept;
  };
  const rest = calls.map(({ render, items }) => ({ render, items: items.filter(outside) }));
  return rest.filter(({ items }) => items.length > 0);
}

/** Removes commands from calls, first many at a time and then fewer, as long as the remaining ones still go wrong. */
export function minimise(calls: readonly Call[], wrong: (calls: Call[]) => boolean): Call[] {
  let kept = calls.map((call) => ({ ...call }));
  const size = () => kept.reduce((sum, { items }) => sum + items.length, 0);
  for (let count = Math.ceil(size() / 2); count >= 1; count = count === 1 ? 0 : Math.ceil(count / 2))
    for (let at = 0; at < size(); ) {
      const fewer = without(kept, at, count);
      if (fewer.length > 0 && wrong(fewer)) kept = fewer;
      else at += count;
    }
  return kept;
}

function main(backend: Backend, seed: number, name: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'nearlight-minimise-'));
  const trial = join(folder, 'trial.json');
  const finding = (calls: Call[]): Finding => ({
    about: `seed ${seed}`,
    backends: [backend],
    manner: mannerOf(seed),
    calls,
  });
  // Runs the calls in another process, because they may crash it or let it hang.
  const wrong = (calls: Call[]): boolean => {
    writeFileSync(trial, JSON.stringify(finding(calls)));
    const args = ['--expose-gc', join(import.meta.dirname, 'corpus.ts'), backend, trial];
    const { status, stdout } = spawnSync(process.execPath, args, { timeout: TRIAL_MS, encoding: 'utf8' });
    process.stderr.write(status === 0 ? '.' : `x ${stdout.split('\n')[0]}\n`);
    return status !== 0;
  };
  const calls = makeCalls(seed, { tame: backend !== 'null' });
  const small = wrong([...calls]) ? minimise(calls, wrong) : undefined;
  rmSync(folder, { recursive: true });
  if (!small) throw new Error(`seed ${seed} does not go wrong`);
  writeFileSync(join(import.meta.dirname, 'corpus', `${name}.json`), `${JSON.stringify(finding(small), null, 2)}\n`);
}

if (import.meta.main) {
  const [backend, seed, name] = process.argv.slice(2);
  main(backend as Backend, Number(seed), must(name, 'name on the command line'));
}
