import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, expect, it } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { memoryOf, occupiedMib } from './processes.ts';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** Starts a process that maps the same program as this one, and resolves with its id when it runs. */
async function start(script: string): Promise<number> {
  const child = spawn(process.execPath, ['-e', `${script}; console.log('runs'); process.stdin.resume()`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  await once(must(child.stdout, 'output'), 'data');
  return must(child.pid, 'process id');
}

it('a file that another program maps, too, counts fully in the memory that a process occupies', async () => {
  const pid = await start('');
  const { pss, rss } = memoryOf(pid);
  const occupied = occupiedMib([pid]);
  expect(occupied).toBeGreaterThan(pss + 5);
  expect(occupied).toBeLessThan(rss + 1);
});

it('a file that several processes of the list map counts once in the memory that they occupy', async () => {
  const [first, second] = [await start(''), await start('')];
  const one = occupiedMib([first]);
  const both = occupiedMib([first, second]);
  expect(both).toBeGreaterThan(one + 5);
  expect(both).toBeLessThan(2 * one - 10);
});

it('memory without a file counts for each process', async () => {
  const [small, large] = [await start(''), await start('globalThis.kept = Buffer.alloc(64 * 2 ** 20, 1)')];
  expect(occupiedMib([large]) - occupiedMib([small])).toBeGreaterThan(60);
  expect(occupiedMib([large]) - occupiedMib([small])).toBeLessThan(80);
});
