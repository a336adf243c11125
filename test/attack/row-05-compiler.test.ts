import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { must } from '../../host/base/assert.ts';
import type { Rig } from '../k3s/containerd.ts';
import { type Call, HERE, OPEN, reached } from '../k3s/inject.ts';
import { commandLine } from '../process-tree.ts';
import { eventually } from '../wait.ts';
import { readFacts } from './facts.ts';
import { startInstalledRig } from './installed.ts';
import { compiling } from './pods.ts';

const SIGCHLD = 17;
const SIGKILL = 9;
/** CLONE_NEWUSER: a namespace in which the process would have every capability. */
const NEW_USER = 0x10000000;

let rig: Rig;

beforeAll(async () => {
  rig = await startInstalledRig();
});
afterAll(() => rig?.close());

it('the compiler of a stranger’s module has no user of the node, no capability and namespaces of its own', async () => {
  const { pid, settled } = await compiling(rig);
  const { uid, gid, effective, permitted, seccomp, noNewPrivs, ownNamespaces } = readFacts(pid);
  await settled;
  expect({ seccomp, noNewPrivs }).toEqual({ seccomp: 2, noNewPrivs: true });
  expect([uid === 0, gid === 0]).toEqual([false, false]);
  expect([effective, permitted].map((mask) => Number.parseInt(mask, 16))).toEqual([0, 0]);
  for (const name of ['mnt', 'pid', 'net', 'ipc'] as const) expect(ownNamespaces, name).toContain(name);
});

it('the compiler has an empty root and no descriptor of a file of the node', async () => {
  const { pid, settled } = await compiling(rig);
  const { root, descriptors } = readFacts(pid);
  await settled;
  expect(root.filter((name) => ['etc', 'home', 'root', 'usr', 'var'].includes(name))).toEqual([]);
  const files = [...descriptors.values()].filter((target) => /^\/(?!dev\/null$|memfd:)/.test(target));
  expect(files.filter((target) => !target.endsWith(' (deleted)'))).toEqual([]);
});

it('code that has taken over the compiler opens no file, socket or ring, starts no process and signals none', async () => {
  const victim = spawn('sleep', ['1000'], { stdio: 'ignore' });
  const pid = must(victim.pid, 'process to signal');
  const calls: Call[] = [
    { aim: 'read /etc/shadow', name: 'openat', args: [HERE, 's:/etc/shadow', OPEN.read] },
    { aim: 'write /etc/passwd', name: 'openat', args: [HERE, 's:/etc/passwd', OPEN.write] },
    {
      aim: 'write into the compile cache',
      name: 'openat',
      args: [HERE, `s:${join(rig.cacheDir, 'evil.native')}`, OPEN.createAndWrite, 0o600],
    },
    { aim: 'open a socket', name: 'socket', args: [2, 1, 0] },
    { aim: 'make an io_uring', name: 'io_uring_setup', args: [1, 'z:256'] },
    { aim: 'signal a process of the node', name: 'tgkill', args: [pid, pid, SIGKILL] },
    { aim: 'make a user namespace', name: 'unshare', args: [NEW_USER] },
    { aim: 'leave a child behind', name: 'clone', args: [SIGCHLD, 0, 0, 0, 0] },
  ];
  const settled: Promise<unknown>[] = [];
  const aims = await reached(calls, async () => {
    const one = await compiling(rig);
    settled.push(one.settled);
    return one.pid;
  });
  await Promise.all(settled);
  const isAlive = victim.exitCode === null && victim.signalCode === null;
  victim.kill('SIGKILL');
  expect(aims).toEqual([]);
  expect(isAlive).toBe(true);
  expect(readdirSync(rig.cacheDir)).not.toContain('evil.native');
});

it('no compiler outlives the keeper that has started it', async () => {
  const { pid, settled } = await compiling(rig);
  process.kill(rig.keeperPid(), 'SIGKILL');
  await eventually(() => expect(commandLine(pid)).toBe(''), 5000);
  await settled;
});
