import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../wait.ts';
import { enter, run } from './cluster.ts';

/**
 * Files with which a kubelet changes the kernel of the whole machine. On a node each is a file of its own with the value that the
 * kubelet wants, so that the machine of the tests stays as it is.
 */
const TUNABLES: Record<string, number> = {
  'vm/overcommit_memory': 1,
  'vm/panic_on_oom': 0,
  'kernel/panic': 10,
  'kernel/panic_on_oops': 1,
  'kernel/keys/root_maxkeys': 1_000_000,
  'kernel/keys/root_maxbytes': 25_000_000,
};

/** Folders of the system in place of which a node has empty ones of its own. */
const OWN_FOLDERS = ['run', 'var/lib', 'var/log'];
/** Folders to which a node adds files of its own. */
const LAYERED_FOLDERS = ['opt', 'etc', 'usr/local/bin'];

/** A machine of the test: a set of namespaces, which end with all processes in them when this process does. */
export interface Machine {
  /** Id of the first process. */
  readonly pid: number;
  close(): Promise<void>;
}

/**
 * Starts a machine. Its first process reads a pipe of this process, and ends with it.
 * @param folder receives the machine's own files; without it, the machine shares the file system and the network
 * @param opt a folder that the machine sees as /opt, for reading; what it writes there is its own
 */
export async function startMachine(name: string, folder?: string, opt?: string): Promise<Machine> {
  const namespaces =
    folder === undefined ? [] : ['--mount', '--propagation=private', '--net', '--uts', '--ipc', '--mount-proc'];
  const script = folder === undefined ? '' : fileSystem(folder, name, opt);
  // The shell stays the first process, and collects the processes that have lost their parents.
  const child = spawn(
    'unshare',
    [...namespaces, '--pid', '--fork', '--kill-child', 'sh', '-c', `set -e\n${script}\necho started; cat; exit 0`],
    { stdio: ['pipe', 'pipe', 'pipe'], detached: true },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk));
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  try {
    await eventually(() => {
      if (child.exitCode !== null) return;
      if (!output.includes('started')) throw new Error('it does not start');
    });
    if (child.exitCode !== null || child.pid === undefined) throw new Error('it has ended');
    return { pid: firstChild(child), close: () => end(child, ended) };
  } catch (error) {
    await end(child, ended);
    throw new Error(`the machine ${name} cannot be started: ${(error as Error).message}\n${output}`);
  }
}

async function end(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.stdin?.end();
  if (child.exitCode === null && child.signalCode === null) await ended;
}

/** The process that unshare(1) has forked, which is the first one of the new process ids. */
function firstChild({ pid }: ChildProcess): number {
  const [first = ''] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
  return Number(first);
}

/** A script that gives a node folders of its own. */
function fileSystem(folder: string, name: string, opt: string | undefined): string {
  for (const path of [...OWN_FOLDERS, ...LAYERED_FOLDERS]) {
    mkdirSync(join(folder, path), { recursive: true });
    mkdirSync(join(folder, 'work', path), { recursive: true });
  }
  const own = OWN_FOLDERS.map((path) => `mount --bind ${join(folder, path)} /${path}`);
  const layered = LAYERED_FOLDERS.map((path) => {
    const lower = path === 'opt' && opt !== undefined ? opt : `/${path}`;
    const [upper, work] = [join(folder, path), join(folder, 'work', path)];
    return `mount -t overlay -o lowerdir=${lower},upperdir=${upper},workdir=${work} node /${path}`;
  });
  const tunables = Object.entries(TUNABLES).map(([path, value]) => {
    const file = join(folder, 'work', path.replaceAll('/', '-'));
    return `if [ -e /proc/sys/${path} ]; then echo ${value} >${file}; mount --bind ${file} /proc/sys/${path}; fi`;
  });
  return [
    'umask 022',
    // Mounts of other tests, which this machine would keep from ending.
    "sed -n 's#^[^ ]* [^ ]* [^ ]* [^ ]* \\(/tmp/[^ ]*\\) .*#\\1#p' /proc/self/mountinfo | while read -r path; do umount -l $path; done",
    ...own,
    ...layered,
    'mkdir -p /run/lock',
    ...tunables,
    'mount --make-rshared /',
    `hostname ${name}`,
    'ip link set lo up',
  ].join('\n');
}

/** Runs a program on a machine. */
export function runOn({ pid }: Pick<Machine, 'pid'>, ...argv: string[]): Promise<string> {
  return run('nsenter', [...enter(pid), ...argv]);
}
