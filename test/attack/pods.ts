import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { good } from '../engine/modules.ts';
import { poll, type Rig } from '../k3s/containerd.ts';
import { importGame } from '../k3s/image.ts';
import { commandLine, descendants } from '../process-tree.ts';
import { sleep } from '../wait.ts';
import { cpuMs } from './facts.ts';

/** Whether a process is the guest program itself with this command, and not a program that starts it. */
function isGuest(pid: number, command: 'run' | 'compile'): boolean {
  const [program = '', ...words] = commandLine(pid).split(' ');
  // The dynamic loader of the node bundle's C library may come first.
  const at = [program, ...words].findIndex((word) => word.endsWith('/guest'));
  return !program.endsWith('/jailer') && at >= 0 && words[at] === command;
}

/** Finds the guest process of a container: the process in the container's cgroup. */
export function guestOf(rig: Rig, { pod, container }: { pod: string; container: string }): Promise<number> {
  const folder = join(rig.cri.cgroupParent(pod), container);
  const files = ['pids', 'memory', '.'].map((part) => join('/sys/fs/cgroup', part, folder, 'cgroup.procs'));
  return poll(() => {
    const path = files.find(existsSync);
    const pids = path === undefined ? [] : readFileSync(path, 'utf8').trim().split('\n').filter(Boolean).map(Number);
    return pids.find((pid) => isGuest(pid, 'run')) ?? false;
  }, "the container's cgroup has no guest process");
}

/** Finds the host process of a pod: the process of its sandbox, or Node below it if that is a supervisor. */
export async function hostOf(rig: Rig, pod: string): Promise<number> {
  const sandbox = await rig.cri.sandboxPid(pod);
  const isNode = (pid: number) => /^\S*\/node\b/.test(commandLine(pid));
  return [sandbox, ...descendants(sandbox)].find(isNode) ?? sandbox;
}

/** Processor time after which a compiler has loaded its libraries and is at work on the module. */
const LOADING_MS = 300;

let modules = 0;

/** A module with so many branches that compiling it takes some seconds, in proportion to them. No two are the same. */
export function slowModule(branches = 1500): Uint8Array {
  const salt = (process.pid * 1000 + modules++) | 0;
  const branch = (n: number) =>
    `(if (i32.and (local.get $x) (i32.const ${n * 7 + 1})) (then (local.set $x (i32.mul (local.get $x) (i32.const ${n | 1})))))`;
  const body = Array.from({ length: branches }, (_, n) => branch(n)).join('\n');
  return good({
    fields: `(global $x (mut i32) (i32.const ${salt}))
      (func $slow (local $x i32) (local.set $x (global.get $x)) ${body} (global.set $x (local.get $x)))`,
    join: '(call $slow)',
  });
}

/**
 * Starts a pod whose module takes long to compile. Resolves with the id of the process that compiles it.
 * `settled` resolves once containerd has an answer, whatever it is.
 */
export async function compiling(rig: Rig): Promise<{ pid: number; settled: Promise<unknown> }> {
  const name = `slow${modules}`;
  const image = await importGame(rig, name, slowModule());
  const pod = await rig.cri.runPod({ name });
  const settled = rig.cri
    .create(pod, { name: 'game', image, env: { PORT: '0', OPERATOR_PORT: '0' } })
    .then((container) => rig.cri.start(container))
    .catch(() => {})
    .then(() => rig.cri.removePod(pod))
    .catch(() => {});
  let isSettled = false;
  void settled.then(() => {
    isSettled = true;
  });
  while (!isSettled) {
    const isBusy = (pid: number) => isGuest(pid, 'compile') && cpuMs(pid) > LOADING_MS;
    const found = descendants(rig.keeperPid()).find(isBusy);
    if (found !== undefined) return { pid: found, settled };
    await sleep(5);
  }
  throw new Error('no process that compiles was seen below the keeper');
}
