import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Addon, loadAddon } from '../../host/engine/wasmedge/addon.ts';
import { addonPath, guestCommand } from '../../host/engine/wasmedge/build.ts';
import { WasmEdgeInstance } from '../../host/engine/wasmedge/instance.ts';
import { GuestProcess } from '../../host/engine/wasmedge/process.ts';
import { options } from './modules.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 });

const folder = mkdtempSync(join(tmpdir(), 'nearlight-test-'));
const program = join(folder, 'rogue');
let addon: Addon;

beforeAll(async () => {
  addon = await loadAddon();
  const source = join(import.meta.dirname, 'rogue.cc');
  execFileSync('c++', ['-std=c++17', `-I${dirname(addonPath)}`, source, '-o', program]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Starts a rogue; resolves with how its instance ended, if it did. */
async function meet(seed: number): Promise<string> {
  const settings = { ...options({ initMsMax: 3000 }), seed };
  const process = new GuestProcess(addon, [program], settings.limits);
  const instance = new WasmEdgeInstance(process, settings);
  const loaded = instance.load({ fds: [], interpreter: false, codeBytes: 0, saves: false, codeShift: 0 });
  const outcome = await loaded.then(
    () => 'loaded',
    (error: Error) => error.message,
  );
  const later = outcome === 'loaded' ? new Promise((resolve) => setTimeout(resolve, 300)) : undefined;
  const ended = await Promise.race([instance.ended, later]);
  await instance.close();
  expect(process.memory.byteLength).toBe(0);
  return ended instanceof Error ? ended.message : outcome;
}

describe('a guest process that has been taken over', () => {
  test.each([
    ['claims more commands than there is room for', 1, /^NL_GUEST_PROTOCOL: .*more than its mapping/],
    ['claims more data than there is room for', 2, /^NL_GUEST_PROTOCOL: .*more than its mapping/],
    ['answers with an unknown status', 3, /^NL_GUEST_PROTOCOL/],
    ['overwrites the whole header', 4, /^NL_GUEST_PROTOCOL/],
    ['floods the socket', 5, /^NL_GUEST_PROTOCOL: .*out of turn/],
    ['speaks twice', 6, /^NL_GUEST_PROTOCOL: .*out of turn/],
    ['tries to cut off the memory', 7, /^loaded$/],
    ['writes log records without end', 8, /^loaded$/],
    ['makes a forbidden system call', 9, /^NL_GUEST_CRASH: .*seccomp/],
    ['aborts', 10, /^NL_GUEST_MEMORY/],
    ['leaves without a word', 11, /^NL_GUEST_CRASH: .*status 0/],
    ['closes its socket', 12, /^NL_GUEST_KILLED/],
    ['answers and never says so', 13, /^NL_GUEST_TIMEOUT/],
    ['exits with a status that there is not', 14, /^NL_GUEST_PROTOCOL: .*status 8/],
  ])('%s', async (_, seed, outcome) => {
    expect(await meet(seed)).toMatch(outcome);
  });
});

test('a program that cannot be started is told', async () => {
  const process = new GuestProcess(addon, [join(folder, 'nothing')], options().limits);
  await process.gone;
  expect(process.ended).toEqual({ status: null, signal: null, timedOut: false });
});

test('a process waits for its module, and goes with its owner', async () => {
  const process = new GuestProcess(addon, guestCommand(), options().limits);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(process.ended).toBeUndefined();
  process.kill();
  await process.gone;
  expect(process.ended?.signal).toBe('SIGKILL');
});
