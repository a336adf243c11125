import { good } from '../engine/modules.ts';
import type { Rig } from '../k3s/containerd.ts';
import { isGuest } from '../k3s/guest.ts';
import { importGame } from '../k3s/image.ts';
import { commandLine, descendants } from '../process-tree.ts';
import { sleep } from '../wait.ts';
import { cpuMs } from './facts.ts';

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
