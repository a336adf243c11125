import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../../host/base/assert.ts';
import { type HostProcess, startHostProcess } from '../e2e/host.ts';
import { type Rig, SANDBOX_IMAGE, startRig } from '../k3s/containerd.ts';
import { importGame } from '../k3s/image.ts';
import { type Installation, installedIn } from '../pod/node/installed.ts';

const root = join(import.meta.dirname, '../..');

/** The installation that the attacks are made on; `npm run test:attack` makes it. */
export function installation(): Installation {
  return installedIn(must(process.env.NEARLIGHT_INSTALLED, 'folder of the installation: run npm run test:attack'));
}

/** Starts the installed program, as `npm start` does in a checkout. */
export function startInstalledHost(modules: string[], environment: Record<string, string> = {}): Promise<HostProcess> {
  const { home } = installation();
  return startHostProcess(modules, environment, [join(home, 'bin/node'), join(home, 'host/cli/main.js')]);
}

/** Starts a containerd whose pods run on the installed node bundle. The image of sandboxes is there already. */
export async function startInstalledRig(poolSize = 1): Promise<Rig> {
  const rig = await startRig({ poolSize, installation: installation() });
  const latency = await importGame(rig, 'latency', readFileSync(join(root, 'build/latency.wasm')));
  await rig.ctr('-n', 'k8s.io', 'images', 'tag', latency, SANDBOX_IMAGE);
  return rig;
}
