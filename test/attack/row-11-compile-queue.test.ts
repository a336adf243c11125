import { afterAll, beforeAll, expect, it } from 'vitest';
import { good } from '../engine/modules.ts';
import type { Rig } from '../k3s/containerd.ts';
import { importGame } from '../k3s/image.ts';
import { sleep } from '../wait.ts';
import { startInstalledRig } from './installed.ts';
import { slowModule } from './pods.ts';

const GREEDY = 3;
/** Time for the greedy tenant's requests to reach the keeper, one after the other. */
const ARRIVAL_MS = 1500;

let rig: Rig;

beforeAll(async () => {
  rig = await startInstalledRig(GREEDY + 1);
});
afterAll(() => rig?.close());

/** Starts a pod in a namespace; resolves when its module is compiled and loaded, or refused. */
async function start(namespace: string, name: string, image: string): Promise<string> {
  const pod = await rig.cri.runPod({ name, namespace });
  const env = { PORT: '0', OPERATOR_PORT: '0' };
  const container = await rig.cri.create(pod, { name: 'game', image, env });
  await rig.cri.start(container).catch(() => {});
  return pod;
}

it('a tenant with three slow modules lets at most one of them go before the module of another tenant', async () => {
  const done: string[] = [];
  const salt = `(data (i32.const 8192) "${process.pid} ${Date.now()}")`;
  const images: string[] = [];
  for (let n = 0; n < GREEDY; n++) images.push(await importGame(rig, `greedy${n}`, slowModule(3000)));
  const small = await importGame(rig, 'honest', good({ fields: salt }));
  const greedy = images.map(async (image, n) => {
    const pod = await start('greedy', `greedy${n}`, image);
    done.push('greedy');
    return pod;
  });
  await sleep(ARRIVAL_MS);
  // Otherwise the modules were not slow, and this test would show nothing.
  expect(done.length).toBeLessThan(GREEDY - 1);
  const honest = await start('honest', 'honest', small);
  const before = done.filter((name) => name === 'greedy').length;
  const pods = [honest, ...(await Promise.all(greedy))];
  for (const pod of pods) await rig.cri.removePod(pod);
  expect(before).toBeLessThanOrEqual(1);
});
