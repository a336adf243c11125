import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const PROGRAM = join(import.meta.dirname, 'endless.host.ts');

interface Seen {
  culpritError: string;
  otherError: string;
  /** Number of ticks that the game that saves its state had made when the GPU was lost. */
  ticksBefore: number;
  /** Longest time, in milliseconds, for which the player of the game that saves its state got no picture. */
  gapMs: number;
  after: { ticks: number; pictures: number };
  later: { ticks: number; pictures: number; players: number; closed: boolean };
  /** Number of pictures of the game that cannot save its state, after its room was opened again. */
  again: number;
  saverNotices: string[];
  lost: boolean;
  letters: number;
}

/** Runs endless.host.ts. Returns its results, its exit status, and the time from the results to its exit. */
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

test('an endless shader ends its own room, another room goes on with its players, and the host can still be closed', {
  timeout: 120_000,
}, async () => {
  const { seen, code, endMs, lines } = await run();
  expect(code, lines).toBe(0);
  expect(seen.culpritError).toMatch(/^NL_GPU_TIME: .*GPU_MS_MAX/);
  expect(seen.otherError).toMatch(/^NL_GPU_LOST/);
  // The state may include the tick that was waiting for the GPU when the device was lost.
  expect([seen.ticksBefore, seen.ticksBefore + 1]).toContain(seen.letters);
  expect(seen.saverNotices).toEqual([]);
  expect(seen.later).toMatchObject({ players: 1, closed: false });
  expect(seen.later.ticks).toBeGreaterThan(seen.after.ticks + 60);
  expect(seen.later.pictures).toBeGreaterThan(seen.after.pictures + 10);
  expect(seen.again).toBeGreaterThan(0);
  expect(seen.lost).toBe(false);
  process.stdout.write(
    `endless shader: ${Math.round(seen.gapMs)} ms without another game's picture; the host exited in ${Math.round(endMs)} ms\n`,
  );
});
