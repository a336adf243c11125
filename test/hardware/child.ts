import { fork } from 'node:child_process';
import { createWriteStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SOURCE_ENDING } from '../../host/base/self.ts';
import type { Part } from './parts.ts';
import type { Finding, PartResult } from './report.ts';

const PROGRAM = join(import.meta.dirname, `part.${SOURCE_ENDING}`);
/** Time beyond its limit that a part of the measurements may take to finish its current step. */
const GRACE_SECONDS = 12;

export interface RunOptions {
  /** Folder for the files that the part of the measurements writes. */
  out: string;
  /** Name of the file in that folder for the part's output, without .log; the part's own name by default. */
  log?: string;
  /** Time that the part of the measurements may take. Its process is killed some seconds later. */
  seconds: number;
  environment: Record<string, string>;
  onFinding(finding: Finding): void;
}

/**
 * Runs a part of the measurements in a process of its own. Even if the process crashes, the result has its findings up to
 * then.
 */
export async function runPart({ name, about }: Part, options: RunOptions): Promise<PartResult> {
  const { out, seconds, environment, onFinding } = options;
  const begun = performance.now();
  const findings: Finding[] = [];
  const log = join(out, `${options.log ?? name}.log`);
  const child = fork(PROGRAM, [name, out, String(seconds)], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const output = createWriteStream(log);
  let lost = '';
  output.on('error', (error) => {
    lost = `; its output is lost: ${error.message}`;
  });
  const streams = [child.stdout, child.stderr];
  for (const stream of streams) stream?.pipe(output, { end: false });
  child.on('message', (finding) => {
    findings.push(finding as Finding);
    onFinding(finding as Finding);
  });
  let killed = false;
  const killer = setTimeout(
    () => {
      killed = true;
      child.kill('SIGKILL');
    },
    (seconds + GRACE_SECONDS) * 1000,
  );
  const { code, signal } = await new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    // A process that is blocked in the driver of the GPU may end late, or never.
    const giveUp = setTimeout(() => resolve({ code: null, signal: 'nothing' }), (seconds + 2 * GRACE_SECONDS) * 1000);
    child.on('close', (code, signal) => {
      clearTimeout(giveUp);
      resolve({ code, signal });
    });
  });
  clearTimeout(killer);
  // A process that never ends still writes, which is an error once the file is closed.
  for (const stream of streams) stream?.unpipe(output).destroy();
  if (!output.closed) await new Promise<void>((resolve) => output.once('close', resolve).end());
  const result = { name, about, seconds: (performance.now() - begun) / 1000, findings };
  if (code === 0) return result;
  const how = killed ? `it did not end within ${seconds + GRACE_SECONDS} s` : `it ended with ${signal ?? code}`;
  return { ...result, failure: `${how}; its last line: ${lastLine(log) || 'none'} (${log})${lost}` };
}

function lastLine(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim().split('\n').at(-1);
  } catch {
    return undefined;
  }
}
