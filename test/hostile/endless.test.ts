import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const PROGRAM = join(import.meta.dirname, 'endless.host.ts');

interface Seen {
  culpritError: string;
  otherError: string;
  /** Ticks of the room that saves, when the device was lost. */
  ticksBefore: number;
  /** The longest that its player was without a picture. */
  gapMs: number;
  after: { ticks: number; pictures: number };
  later: { ticks: number; pictures: number; players: number; closed: boolean };
  /** Pictures of the room that was opened again. */
  again: number;
  saverNotices: string[];
  lost: boolean;
  letters: number;
}

/** Runs the program; gives what it printed last, its status, and how long it took to end after that. */
function run(): Promise<{ seen: Seen; code: number | null; endMs: number; lines: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [PROGRAM], { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    let lines = '';
    let printed = 0;
    child.stdout.on('data', (chunk) => {
      text += chunk;
      printed = performance.now();
    });
    child.stderr.on('data', (chunk) => {
      lines += chunk;
    });
    child.on('exit', (code) => {
      const last = text.trim().split('\n').at(-1) ?? '';
      const seen = (last.startsWith('{') ? JSON.parse(last) : {}) as Seen;
      resolve({ seen, code, lines, endMs: performance.now() - printed });
    });
  });
}

test('a shader that never ends costs its own room, the one beside it goes on with its players, and the host ends well', {
  timeout: 120_000,
}, async () => {
  const { seen, code, endMs, lines } = await run();
  expect(code, lines).toBe(0);
  expect(seen.culpritError).toMatch(/^NL_GPU_TIME: .*GPU_MS_MAX/);
  expect(seen.otherError).toMatch(/^NL_GPU_LOST/);
  // The tick that waits for the GPU when it is lost is in the state already.
  expect([seen.ticksBefore, seen.ticksBefore + 1]).toContain(seen.letters);
  expect(seen.saverNotices).toEqual([]);
  expect(seen.later).toMatchObject({ players: 1, closed: false });
  expect(seen.later.ticks).toBeGreaterThan(seen.after.ticks + 60);
  expect(seen.later.pictures).toBeGreaterThan(seen.after.pictures + 10);
  expect(seen.again).toBeGreaterThan(0);
  expect(seen.lost).toBe(false);
  process.stdout.write(
    `endless shader: ${Math.round(seen.gapMs)} ms without a picture beside it, ended in ${Math.round(endMs)} ms\n`,
  );
});
