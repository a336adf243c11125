import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { loadKernel } from '../../host/pod/kernel.ts';
import { kernelPath } from '../../host/pod/native.ts';
import { peerOf } from '../../host/pod/peer.ts';
import { startedAt } from '../../host/pod/process.ts';
import { NODE_TENANT, tenantOf } from '../../host/pod/tenant.ts';
import { DEAD_PID, RunFolder } from './run-folder.ts';

let folder: RunFolder;
beforeEach(() => {
  folder = new RunFolder();
});
afterEach(() => folder.close());

/** Records that a process serves a pod, as the shim's script and containerd do. */
function claim(pid: number, annotations: Record<string, string> | undefined, started = startedAt(pid)): void {
  const bundle = join(folder.root, `bundle${pid}`);
  mkdirSync(bundle, { recursive: true });
  if (annotations) writeFileSync(join(bundle, 'config.json'), JSON.stringify({ annotations }));
  const text = `started=${started}\nnamespace=k8s.io\nid=c1\nbundle=${bundle}\nttrpc=/t\naddress=/a\n`;
  writeFileSync(join(folder.paths.claim, `${pid}`), text);
}

const POD = { 'io.kubernetes.cri.sandbox-namespace': 'team', 'io.kubernetes.cri.sandbox-name': 'game-0' };

test('the tenant of a host is the pod for which containerd has taken it', async () => {
  const pid = await folder.process();
  expect(tenantOf(folder.paths, pid)).toEqual(NODE_TENANT);
  claim(pid, POD);
  expect(tenantOf(folder.paths, pid)).toEqual({ namespace: 'team', pod: 'game-0' });
});

test('the tenant of a host that was claimed through its supervisor is the same pod', async () => {
  const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; wait'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = (await once(must(parent.stdout, 'output'), 'data')) as [Buffer];
  claim(must(parent.pid, 'process id'), POD);
  expect(tenantOf(folder.paths, Number(`${line}`))).toEqual({ namespace: 'team', pod: 'game-0' });
  process.kill(Number(`${line}`), 'SIGKILL');
  await once(parent, 'exit');
});

test('a container without Kubernetes is a tenant of its own', async () => {
  const pid = await folder.process();
  claim(pid, {});
  expect(tenantOf(folder.paths, pid)).toEqual({ namespace: 'k8s.io/c1', pod: 'c1' });
  rmSync(join(folder.root, `bundle${pid}/config.json`));
  expect(tenantOf(folder.paths, pid)).toEqual({ namespace: 'k8s.io/c1', pod: 'c1' });
});

test('a claim on an earlier process with the same id does not count, and an unknown process belongs to the node', async () => {
  const pid = await folder.process();
  claim(pid, POD, '1');
  for (const id of [pid, DEAD_PID, undefined]) expect(tenantOf(folder.paths, id)).toEqual(NODE_TENANT);
});

test('the kernel says which process is at the other end of a socket', async () => {
  const path = join(folder.root, 'socket');
  const server = createServer().listen(path);
  await once(server, 'listening');
  const connected = once(server, 'connection') as Promise<[Socket]>;
  const program = `require('node:net').connect(${JSON.stringify(path)}); setTimeout(() => {}, 60000)`;
  const child: ChildProcess = spawn(process.execPath, ['-e', program]);
  const [socket] = await connected;
  expect(peerOf(socket, loadKernel(kernelPath))).toBe(child.pid);
  child.kill('SIGKILL');
  await once(socket.on('error', () => {}).resume(), 'close');
  expect(peerOf(socket, loadKernel(kernelPath))).toBeUndefined();
  server.close();
});
