import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Addon, loadAddon } from '../../host/engine/wasmedge/addon.ts';
import { guestCommand } from '../../host/engine/wasmedge/build.ts';
import { WasmEdgeInstance } from '../../host/engine/wasmedge/instance.ts';
import { GuestProcess } from '../../host/engine/wasmedge/process.ts';
import { sleep } from '../wait.ts';
import { buildJailed } from './jailed.ts';
import { options } from './modules.ts';

const SILENT = 13;
/** Exit status of the jailer if it finds no program. */
const NO_PROGRAM = 127;
/** A stand-in for the guest program need not confine itself. */
const UNCONFINED = { required: [], interpreter: false };
const folder = mkdtempSync(join(tmpdir(), 'nearlight-test-'));
const program = join(folder, 'rogue');
let addon: Addon;

beforeAll(async () => {
  addon = await loadAddon();
  buildJailed('rogue.cc', program);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/**
 * Runs the guest program of rogue.cc, which attacks the host. Resolves with the error that ended its instance.
 * @param survives true if the attack should fail: then the result is "loaded" if the instance still lives after a while
 */
async function runRogue(seed: number, survives: boolean): Promise<string> {
  // Only the guest program that never answers may reach its time limit.
  const settings = { ...options({ initMsMax: seed === SILENT ? 500 : 600_000 }), seed };
  const process = new GuestProcess(addon, [program], { ...settings.limits, ...UNCONFINED });
  const instance = new WasmEdgeInstance(process, settings);
  const loaded = instance.load({ fds: [], codeBytes: 0, saves: false, moves: false, sounds: false, codeShift: 0 });
  const outcome = await loaded.then(
    () => 'loaded',
    (error: Error) => error.message,
  );
  const ended = await Promise.race([instance.ended, ...(survives && outcome === 'loaded' ? [sleep(300)] : [])]);
  await instance.close();
  expect(process.memory.byteLength).toBe(0);
  return ended instanceof Error ? ended.message : outcome;
}

describe('a guest process under the control of an attacker', () => {
  test.each([
    ['a guest process that claims more commands than fit', 1, /^NL_GUEST_PROTOCOL: .*more than the shared memory/],
    ['a guest process that claims more data than fits', 2, /^NL_GUEST_PROTOCOL: .*more than the shared memory/],
    ['a guest process that responds with an unknown status', 3, /^NL_GUEST_PROTOCOL/],
    ['a guest process that overwrites every field of the shared memory', 4, /^NL_GUEST_PROTOCOL/],
    ['a guest process that floods the socket', 5, /^NL_GUEST_PROTOCOL: .*out of turn/],
    ['a guest process that responds twice', 6, /^NL_GUEST_PROTOCOL: .*out of turn/],
    ['a guest process that tries to shrink the shared memory', 7, /^loaded$/],
    ['a guest process that claims endless log records', 8, /^loaded$/],
    ['a guest process that makes a forbidden system call', 9, /^NL_GUEST_CRASH: .*seccomp/],
    ['a guest process that aborts', 10, /^NL_GUEST_MEMORY/],
    ['a guest process that exits without a response', 11, /^NL_GUEST_CRASH: .*status 0/],
    ['a guest process that closes its socket', 12, /^NL_GUEST_KILLED/],
    ['a guest process that completes its response and never signals it', SILENT, /^NL_GUEST_TIMEOUT/],
    ['a guest process that reports an exit status that no game can have', 14, /^NL_GUEST_PROTOCOL: .*status 8/],
  ])('the host handles %s', async (_, seed, outcome) => {
    expect(await runRogue(seed, outcome.test('loaded'))).toMatch(outcome);
  });
});

test('a guest program that does not exist is reported as not started', async () => {
  const process = new GuestProcess(addon, [join(folder, 'nothing')], { ...options().limits, ...UNCONFINED });
  await process.gone;
  expect(process.ended).toEqual({ status: NO_PROGRAM, signal: null, timedOut: false });
});

test('a guest process without a module waits until it is killed', async () => {
  const process = new GuestProcess(addon, guestCommand(), { ...options().limits, ...UNCONFINED });
  await process.ready;
  await sleep(100);
  expect(process.ended).toBeUndefined();
  process.kill();
  await process.gone;
  expect(process.ended?.signal).toBe('SIGKILL');
});
