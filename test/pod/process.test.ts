import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { hasReleasedFiles, isAlive, ownIdentity, startedAt } from '../../host/pod/process.ts';
import { DEAD_PID } from './run-folder.ts';

let folder: string;
let headless: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nearlight-process-'));
  headless = join(folder, 'headless');
  execFileSync('c++', ['-std=c++17', join(import.meta.dirname, 'headless.cc'), '-pthread', '-o', headless]);
});
afterAll(() => rmSync(folder, { recursive: true }));

test('a process is alive until its main thread ends, and holds files until its last thread ends', async () => {
  const child = spawn(headless, { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(child.stdout, 'data');
    const pid = must(child.pid, 'process id');
    expect(readFileSync(`/proc/${pid}/stat`, 'utf8')).toContain(') Z ');
    expect([startedAt(pid), hasReleasedFiles(pid)]).toEqual([undefined, false]);
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    expect([startedAt(pid), hasReleasedFiles(pid)]).toEqual([undefined, true]);
  } finally {
    child.kill('SIGKILL');
  }
});

test('the identity of a process is its id and, if it is given, its start time', () => {
  const { pid } = process;
  expect([startedAt(DEAD_PID), hasReleasedFiles(DEAD_PID)]).toEqual([undefined, true]);
  expect(hasReleasedFiles(pid)).toBe(false);
  expect(ownIdentity()).toBe(`${pid} ${startedAt(pid)}`);
  for (const identity of [ownIdentity(), `${pid}`, `${ownIdentity()}\n`]) expect(isAlive(identity)).toBe(true);
  for (const identity of ['', 'x', '0', '-1', `${pid} 1`, `${DEAD_PID}`]) expect(isAlive(identity)).toBe(false);
});
