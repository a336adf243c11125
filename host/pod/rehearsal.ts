import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { directAccess } from './access.ts';
import { HostLog } from './host-log.ts';
import type { ImageAccess, ImageLimits } from './opener.ts';
import { decode, encode } from './proto.ts';
import type { GameRunner } from './runner.ts';
import { Sandbox } from './sandbox.ts';
import { taskServices } from './service.ts';
import { dial, serve } from './ttrpc.ts';

const TASK = 'containerd.task.v2.Task';
const ID = 'rehearsal';
/** The number of SIGTERM. */
const SIGTERM = 15;

export interface RehearsalOptions {
  runner: GameRunner;
  /** Folder that contains the module of the game to rehearse with. */
  folder: string;
  /** The module's file name. */
  module: string;
  images: ImageAccess;
  limits: ImageLimits;
  /** Resolves when players can join the game. */
  opened: Promise<void>;
}

/**
 * Runs a container from its creation to its deletion, with this process in the part of containerd. That loads and compiles all
 * JavaScript that the start of a container needs, before a player waits for it.
 */
export async function rehearse(options: RehearsalOptions): Promise<void> {
  const { runner, images, limits, folder, module, opened } = options;
  const bundle = mkdtempSync(join(tmpdir(), 'nearlight-'));
  // A container that belongs to a sandbox leaves the network and the privileges of this process as they are.
  const annotations = {
    'io.kubernetes.cri.container-type': 'container',
    'io.kubernetes.cri.container-name': ID,
  };
  const process = {
    args: [`/${module}`],
    env: ['PORT=0', 'HOST=127.0.0.1', 'OPERATOR_PORT=0', 'OPERATOR_HOST=127.0.0.1', 'DRAIN_SECONDS_MAX=0'],
  };
  writeFileSync(join(bundle, 'config.json'), JSON.stringify({ annotations, process, root: { path: folder } }));
  const [stdout, socket] = [join(bundle, 'stdout'), join(bundle, 'socket')];
  execFileSync('mkfifo', [stdout]);
  const sandbox = new Sandbox({
    runner,
    node: directAccess,
    enter: async () => {},
    publisher: () => ({ publish: (type, event) => void encode(type, event), flush: async () => {} }),
    images,
    limits,
    pid: 0,
    sandboxPid: 0,
    hostPids: [],
    hostLog: new HostLog(() => {}),
    forget: async () => {},
    exit: () => {},
  });
  const server = await serve(socket, taskServices(sandbox));
  const client = await dial(socket);
  try {
    await client.call(TASK, 'Create', encode('CreateTaskRequest', { id: ID, bundle, stdout, stderr: stdout }));
    await client.call(TASK, 'Start', encode('ProcessRequest', { id: ID }));
    await opened;
    decode('StateResponse', await client.call(TASK, 'State', encode('ProcessRequest', { id: ID })));
    await client.call(TASK, 'Kill', encode('KillRequest', { id: ID, signal: SIGTERM }));
    await client.call(TASK, 'Delete', encode('ProcessRequest', { id: ID }));
  } finally {
    client.close();
    await server.close();
    rmSync(bundle, { recursive: true });
  }
}
