import { closeSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeAccess } from './access.ts';
import { readOciBundle } from './oci-bundle.ts';
import { discard, fifoOutput } from './stdio.ts';
import type { Supervisor } from './supervisor.ts';
import { TaskError } from './tasks.ts';

/** How long a keeper may take to start. It takes less than a second on a node that is not busy. */
const KEEPER_MS_MAX = 15_000;
const KEEPER_POLL_MS = 50;

/** Has the supervisor do what takes privileges. It opens files of this pod's containers only, and outputs only if they are FIFOs. */
export function supervisedAccess(supervisor: Pick<Supervisor, 'ask'>): NodeAccess {
  const open = async (...call: string[]): Promise<number> => {
    const fd = await supervisor.ask(...call);
    if (fd === undefined) throw new Error(`${call[0]}: the supervisor has sent no descriptor`);
    return fd;
  };
  const run = async (...call: string[]) => void (await supervisor.ask(...call));
  return {
    async readBundle(folder) {
      const fd = await open('bundle', join(folder, 'config.json')).catch((cause: Error) => {
        throw new TaskError('invalidArgument', `${folder}/config.json cannot be used: ${cause.message}`, { cause });
      });
      try {
        return readOciBundle(folder, fd);
      } finally {
        closeSync(fd);
      }
    },
    async openOutput(path) {
      if (path === '') return discard;
      const fd = await open('fifo', path, 'both').catch((cause: Error) => {
        throw new TaskError('notFound', `output ${path} cannot be opened as a FIFO: ${cause.message}`, { cause });
      });
      return fifoOutput(fd, () => open('fifo', path, 'write'));
    },
    async writeTermination(path, message) {
      const fd = await open('termination', path);
      try {
        writeSync(fd, message);
      } finally {
        closeSync(fd);
      }
    },
    cgroups: {
      make: (folder) => run('mkdir', folder),
      write: (path, value) => run('write', path, value),
      remove: (folder) => run('rmdir', folder),
    },
  };
}

/** Connects to a unix socket that only the supervisor can open. @throws Error of connect(2), such as ECONNREFUSED */
export async function connectSupervised(
  supervisor: Pick<Supervisor, 'ask'>,
  name: 'keeper' | 'vetting' | 'containerd',
): Promise<Socket> {
  const fd = await supervisor.ask('connect', name);
  return new Socket({ fd, readable: true, writable: true });
}

/**
 * Connects to one of the keeper's services. If none answers, has one started, and tries again until it does.
 * @throws Error of connect(2) after KEEPER_MS_MAX
 */
export async function connectKeeper(
  supervisor: Pick<Supervisor, 'ask' | 'startKeeper'>,
  service: 'keeper' | 'vetting',
): Promise<Socket> {
  for (const deadline = performance.now() + KEEPER_MS_MAX; ; await sleep(KEEPER_POLL_MS))
    try {
      return await connectSupervised(supervisor, service);
    } catch (error) {
      if (performance.now() > deadline) throw error;
      supervisor.startKeeper();
    }
}
