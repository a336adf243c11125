import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Kernel } from './kernel.ts';
import { Pod, type Stage } from './pod.ts';
import { decode, encode } from './proto.ts';
import { taskServices } from './service.ts';
import { dial, serve } from './ttrpc.ts';

const TASK = 'containerd.task.v2.Task';

export interface RehearsalOptions {
  stage: Stage;
  /** Folder of a module, and its name there. */
  folder: string;
  module: string;
  moduleBytesMax: number;
  /** Resolves when players could come. */
  opened: Promise<void>;
}

/**
 * Plays containerd to a pod of its own, once from Create to Delete over a real socket: what it runs through is compiled and loaded
 * then, and need not be when a player waits.
 */
export async function rehearse({ stage, folder, module, moduleBytesMax, opened }: RehearsalOptions): Promise<void> {
  const bundle = mkdtempSync(join(tmpdir(), 'nearlight-'));
  // A container enters nothing and gives up nothing: its sandbox has.
  const annotations = {
    'io.kubernetes.cri.container-type': 'container',
    'io.kubernetes.cri.container-name': 'rehearsal',
  };
  const process = { args: [`/${module}`], env: ['PORT=0', 'HOST=127.0.0.1'] };
  writeFileSync(join(bundle, 'config.json'), JSON.stringify({ annotations, process, root: { path: folder } }));
  const [stdout, socket] = [join(bundle, 'stdout'), join(bundle, 'socket')];
  execFileSync('mkfifo', [stdout]);
  const pod = new Pod({
    stage,
    kernel: {} as Kernel,
    publisher: () => ({ publish: (_topic, type, event) => void encode(type, event), flush: async () => {} }),
    moduleBytesMax,
    log: () => {},
    note: async () => {},
    forget: async () => {},
    exit: () => {},
  });
  const server = await serve(socket, taskServices(pod));
  const client = await dial(socket);
  const id = 'rehearsal';
  try {
    await client.call(TASK, 'Create', encode('CreateTaskRequest', { id, bundle, stdout, stderr: stdout }));
    await client.call(TASK, 'Start', encode('ProcessRequest', { id }));
    await opened;
    decode('StateResponse', await client.call(TASK, 'State', encode('ProcessRequest', { id })));
    await client.call(TASK, 'Kill', encode('KillRequest', { id, signal: 15 }));
    await client.call(TASK, 'Delete', encode('ProcessRequest', { id }));
  } finally {
    client.close();
    await server.close();
    rmSync(bundle, { recursive: true });
  }
}
