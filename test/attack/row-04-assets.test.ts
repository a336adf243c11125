import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { at } from '../at.ts';
import { good } from '../engine/modules.ts';
import { poll, type Rig } from '../k3s/containerd.ts';
import { hostOf } from '../pod/run-folder.ts';
import { startInstalledRig } from './installed.ts';
import { guardMemory, residentBytes } from './watch.ts';

/** Size of the assets. They are a hole in a file, so they take no disk; in a layer they take 9 MB. */
const ASSET_BYTES = 1.75 * 2 ** 30;
/** Bytes by which all processes of the node may grow for this container, whose memory limit is 64 MiB. */
const GROWTH_BYTES_MAX = 512 * 2 ** 20;

let rig: Rig;

beforeAll(async () => {
  rig = await startInstalledRig();
});
afterAll(() => rig?.close());

/** Makes a folder with a game and an asset of this size; `ctr` runs it as the image of a container. */
function image(name: string, bytes: number): string {
  const folder = join(rig.folder, name);
  mkdirSync(join(folder, 'assets'), { recursive: true });
  writeFileSync(join(folder, 'app.wasm'), good());
  writeFileSync(join(folder, 'assets/zeros.bin'), '');
  truncateSync(join(folder, 'assets/zeros.bin'), bytes);
  return folder;
}

function run(folder: string, id: string) {
  const options = ['-d', '--net-host', '--runtime', 'io.containerd.wasmedge.v1', '--env', 'PORT=0'];
  const own = [
    '--env',
    'OPERATOR_PORT=0',
    '--env',
    'ADMISSION=open',
    '--memory-limit',
    String(64 * 2 ** 20),
    '--rootfs',
  ];
  return rig.ctr('run', ...options, ...own, folder, id, '/app.wasm');
}

it('a game with assets of some size starts', async () => {
  await run(image('small', 2 ** 20), 'small');
  await poll(async () => (await rig.ctr('task', 'ls')).stdout.includes('RUNNING'), 'the game does not run');
  await rig.ctr('task', 'kill', '-s', 'SIGKILL', 'small');
});

it('assets of 1.75 GiB are refused with a code, or the node uses no more memory for them', async () => {
  await poll(() => rig.warm().length > 0, 'no host waits for a pod');
  const host = hostOf(at(rig.warm(), 0));
  const guard = guardMemory(host, residentBytes(host) + GROWTH_BYTES_MAX);
  const outcome = await run(image('large', ASSET_BYTES), 'large').then(
    () => 'runs',
    (error: { stderr?: string; message: string }) => `refused: ${error.stderr ?? error.message}`,
  );
  const { killed } = guard.stop();
  await rig.ctr('task', 'rm', '-f', 'large').catch(() => {});
  expect(killed).toBe(false);
  expect(outcome).toMatch(/^runs|NL_/);
});
