/**
 * The containerd that the tests of this folder share, because its start with two waiting hosts takes longer than most of them. A
 * file that imports this one starts it before its tests, and closes it after them.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { buildModules } from '../../../host/play/modules.ts';
import { FILL_MS_MAX, poll, type Rig, SANDBOX_IMAGE, startRig } from '../containerd.ts';
import { importGame } from '../image.ts';

export const ROOT = join(import.meta.dirname, '../../..');
export const POOL_SIZE = 2;

export let rig: Rig;
/** Name of the imported image of latency.wasm. Sandboxes start from the same image. */
export let latency: string;

beforeAll(async () => {
  await buildModules(['arena', 'latency']);
  rig = await startRig({ poolSize: POOL_SIZE });
  latency = await importGame(rig, 'latency', moduleOf('latency'));
  await rig.ctr('-n', 'k8s.io', 'images', 'tag', latency, SANDBOX_IMAGE);
});

afterAll(() => rig?.close());

/** Reads the compiled module of a game of this repository. */
export function moduleOf(game: 'arena' | 'latency'): Uint8Array {
  return readFileSync(join(ROOT, `build/${game}.wasm`));
}

/** Waits until as many hosts wait for pods as the keeper keeps ready. */
export function poolIsFull(): Promise<boolean> {
  return poll(() => rig.warm().length === POOL_SIZE, 'the pool of waiting hosts is not refilled', FILL_MS_MAX);
}
