import { closeSync, constants, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeAccess } from './access.ts';
import type { Kernel } from './kernel.ts';
import { readOciBundle } from './oci-bundle.ts';
import { discard, fifoOutput, openOutput } from './stdio.ts';
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
      return fifoOutput(fd, () => openWriter(supervisor, path));
    },
    async writeTermination(path, message) {
      const fd = await open('termination', path);
      try {
        writeSync(fd, message);
      } finally {
        closeSync(fd);
      }
    },
    setOomScore: (pid, value) => run('oom', String(value), String(pid)),
    cgroups: {
      async read(path) {
        const fd = await supervisor.ask('read', path).catch(() => undefined);
        if (fd === undefined) return undefined;
        try {
          return readFileSync(fd, 'utf8');
        } finally {
          closeSync(fd);
        }
      },
      make: (folder) => run('mkdir', folder),
      write: (path, value) => run('write', path, value),
      remove: (folder) => run('rmdir', folder),
    },
  };
}

/** Opens files of the node with this process's own privileges, as long as it has some (Kernel.openOnNode). */
export function nodeAccess(kernel: Pick<Kernel, 'openOnNode'>, supervisor: Pick<Supervisor, 'ask'>): NodeAccess {
  return {
    ...supervisedAccess(supervisor),
    async readBundle(folder) {
      const fd = kernel.openOnNode(join(folder, 'config.json'), constants.O_RDONLY);
      try {
        return readOciBundle(folder, fd);
      } finally {
        closeSync(fd);
      }
    },
    openOutput: async (path) =>
      openOutput(
        path,
        (file, flags) => kernel.openOnNode(file, flags),
        () => openWriter(supervisor, path),
      ),
  };
}

async function openWriter(supervisor: Pick<Supervisor, 'ask'>, path: string): Promise<number> {
  const fd = await supervisor.ask('fifo', path, 'write');
  if (fd === undefined) throw new Error('the supervisor has sent no descriptor');
  return fd;
}

/**
 * Connects to a unix socket that only the supervisor can open. Resolves with its descriptor, which belongs to the caller.
 * @throws Error of connect(2), such as ECONNREFUSED
 */
export async function connectSupervised(
  supervisor: Pick<Supervisor, 'ask'>,
  name: 'keeper' | 'vetting' | 'edge',
): Promise<number> {
  const fd = await supervisor.ask('connect', name);
  if (fd === undefined) throw new Error(`${name}: the supervisor has sent no descriptor`);
  return fd;
}

/**
 * Connects to one of the keeper's services. If none answers, has one started, and tries again until it does.
 * @throws Error of connect(2) after KEEPER_MS_MAX
 */
export async function connectKeeper(
  supervisor: Pick<Supervisor, 'ask' | 'startKeeper'>,
  service: 'keeper' | 'vetting',
): Promise<number> {
  for (const deadline = performance.now() + KEEPER_MS_MAX; ; await sleep(KEEPER_POLL_MS))
    try {
      return await connectSupervised(supervisor, service);
    } catch (error) {
      if (performance.now() > deadline) throw error;
      supervisor.startKeeper();
    }
}
