import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { type Addon, loadAddon } from '../../host/engine/wasmedge/addon.ts';
import { reopened, type SealedCode } from '../../host/engine/wasmedge/sealed.ts';
import { CodeBudget } from '../../host/pod/code-budget.ts';
import { startedAt } from '../../host/pod/process.ts';
import { eventually } from '../wait.ts';
import { DEAD_PID } from './run-folder.ts';

let addon: Addon;
beforeAll(async () => {
  addon = await loadAddon();
});
const code = (bytes: number): SealedCode => ({ fd: addon.sealed(new Uint8Array(bytes)), bytes });

test('a process gets as much code as the bound allows, and the same memory any number of times', () => {
  const budget = new CodeBudget(100);
  const codes = [code(60), code(40), code(1)] as const;
  const again = reopened(codes[0]);
  expect(codes.map((one) => budget.take(process.pid, one))).toEqual([true, true, false]);
  expect([again, ...codes].map((one) => budget.take(process.pid, one))).toEqual([true, true, true, false]);
  // Another process has a bound of its own.
  expect(budget.take(process.ppid, codes[2])).toBe(true);
  for (const { fd } of [again, ...codes]) closeSync(fd);
});

test('a process that follows another one with the same id has a bound of its own', async () => {
  const budget = new CodeBudget(100);
  const [large, other] = [code(100), code(1)];
  const child = spawn('sleep', ['60']);
  const pid = must(child.pid, 'process');
  await eventually(() => expect(startedAt(pid)).toBeDefined());
  expect([large, other].map((one) => budget.take(pid, one))).toEqual([true, false]);
  child.kill('SIGKILL');
  await eventually(() => expect(startedAt(pid)).toBeUndefined());
  expect(budget.take(pid, other)).toBe(true);
  expect(budget.take(DEAD_PID, large)).toBe(true);
  for (const { fd } of [large, other]) closeSync(fd);
});
