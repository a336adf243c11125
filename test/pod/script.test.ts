import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { supervisorPath } from '../../host/pod/native.ts';
import { parseClaim } from '../../host/pod/paths.ts';
import { namesIn } from '../../host/pod/pool.ts';
import { startedAt } from '../../host/pod/process.ts';
import { eventually } from '../wait.ts';
import { DEAD_PID, hostOf, RunFolder, text } from './run-folder.ts';

const SCRIPT = join(import.meta.dirname, '../../host/pod/containerd-shim-wasmedge-v1');

let folder: RunFolder;
beforeEach(() => {
  folder = new RunFolder();
});
afterEach(() => folder.close());

interface Result {
  status: number | null;
  /** The text that the script wrote to its output and error streams, which containerd reads as one. */
  output: Buffer;
}

async function run(args: string[], cwd: string, env: Record<string, string> = {}): Promise<Result> {
  const child = spawn(SCRIPT, args, {
    cwd,
    env: { PATH: process.env.PATH, NEARLIGHT_HOME: folder.home, NEARLIGHT_RUN_DIR: folder.run, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const parts: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => parts.push(part));
  // The event "close" comes when no process holds the script's pipes any more. containerd waits for that, too.
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, output: Buffer.concat(parts) };
}

const flags = (id: string) =>
  ['-namespace', 'k8s.io', '-address', '/run/c.sock', '-publish-binary', '/bin/c', '-id', id] as const;

/** Creates an OCI bundle; returns its folder. containerd runs the script in it. */
function bundle(id: string, config: string = JSON.stringify({ ociVersion: '1.1.0' })): string {
  const path = join(folder.root, 'bundles', id);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'config.json'), config);
  return path;
}

const start = (id: string, config?: string, env?: Record<string, string>) =>
  run([...flags(id), 'start'], bundle(id, config), env);
const remove = (id: string) => run([...flags(id), '-bundle', bundle(id), 'delete'], bundle(id));

/** Makes this process look like a keeper, for tests in which the shim's script should start no keeper. */
function pretendKeeper(): void {
  writeFileSync(folder.paths.keeperPid, `${process.pid} ${startedAt(process.pid)}`);
}

const address = (pid: number) => `unix://${folder.paths.host}/${pid}.sock`;
const claimed = (pid: number) => existsSync(join(folder.paths.claim, `${pid}`));

const hasDied = (pid: number) => eventually(() => expect(startedAt(pid)).toBeUndefined());

/** The process id in the address that `start` printed. */
function pidOf({ status, output }: Result): number {
  expect(output.toString()).toMatch(/^unix:\/\/\S+\/host\/\d+\.sock\n$/);
  expect(status).toBe(0);
  return Number(/(\d+)\.sock/.exec(output.toString())?.[1]);
}

test("the shim's start takes a waiting host, and prints its address and nothing else", async () => {
  pretendKeeper();
  const pid = await folder.warm();
  const result = await start('one', undefined, { TTRPC_ADDRESS: '/run/c.sock.ttrpc' });
  expect(result).toEqual({ status: 0, output: Buffer.from(`${address(pid)}\n`) });
  expect(text(join(bundle('one'), 'address'))).toBe(address(pid));
  expect(text(join(folder.paths.pod, 'k8s.io/one'))).toBe(`${pid} ${startedAt(pid)}\n`);
  expect(parseClaim(text(join(folder.paths.claim, `${pid}`)))).toEqual({
    started: startedAt(pid),
    namespace: 'k8s.io',
    id: 'one',
    bundle: bundle('one'),
    ttrpc: '/run/c.sock.ttrpc',
    address: '/run/c.sock',
  });
});

test('when forty containers start at once with forty waiting hosts, each takes a different one', async () => {
  pretendKeeper();
  const warm = await Promise.all(Array.from({ length: 40 }, () => folder.warm()));
  const results = await Promise.all(warm.map((_, n) => start(`c${n}`)));
  expect(results.map(pidOf).sort()).toEqual(warm.sort());
});

test("the shim's start takes no host that is dead or taken, and no process with the id of a former host", async () => {
  pretendKeeper();
  const { warm, claim } = folder.paths;
  writeFileSync(join(warm, `${DEAD_PID}`), '1\n');
  const [taken, reused, good] = [await folder.warm(), await folder.warm(), await folder.warm()];
  writeFileSync(join(claim, `${taken}`), 'id=other\n');
  writeFileSync(join(warm, `${reused}`), `${Number(startedAt(reused)) - 1}\n`);
  expect(pidOf(await start('one'))).toBe(good);
  expect(claimed(reused)).toBe(false);
  expect(text(join(claim, `${taken}`))).toBe('id=other\n');
});

const annotated = (sandbox: string, filler = 0) => ({
  process: {
    args: ['/app.wasm', 'io.kubernetes.cri.sandbox-id', ':', 'liar'],
    env: ['X="io.kubernetes.cri.sandbox-id":"liar"', 'é'.repeat(filler)],
  },
  annotations: { 'io.kubernetes.cri.container-type': 'container', 'io.kubernetes.cri.sandbox-id': sandbox },
});

test.each([
  ['on one line', JSON.stringify(annotated('sandbox'))],
  ['in many lines', JSON.stringify(annotated('sandbox'), null, '\t')],
  ['of one megabyte', JSON.stringify(annotated('sandbox', 500_000))],
])("a container goes to its sandbox's host, with a config.json %s", async (_, config) => {
  pretendKeeper();
  const [host, other] = [await folder.process(), await folder.warm()];
  folder.serve('sandbox', host);
  expect(pidOf(await start('container', config))).toBe(host);
  expect(claimed(other)).toBe(false);
  expect(text(join(folder.paths.pod, 'k8s.io/container'))).toBe(`${host} ${startedAt(host)}\n`);
});

/** The config.json of an ordinary program in a pod. */
const sidecar = (cgroupsPath = '/kubepods/pod/c') =>
  JSON.stringify({
    ociVersion: '1.1.0',
    process: { user: { uid: 0 }, args: ['/bin/proxy', 'app.wasm'], env: ['"args":["/app.wasm"'] },
    annotations: annotated('sandbox').annotations,
    linux: { cgroupsPath },
  });

/** Puts stand-ins for runc and for its shim on a PATH, which print how they are called; returns the PATH. */
function pathWithRunc(): string {
  const bin = join(folder.root, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'containerd-shim-runc-v2'), '#!/bin/sh\necho "$@"; umask; runc run\n', { mode: 0o755 });
  writeFileSync(join(bin, 'runc'), '#!/bin/sh\necho "runc $*"\n', { mode: 0o755 });
  return `${bin}:${process.env.PATH}`;
}

/** A PATH with nothing but what the script needs. */
function pathWithoutRunc(): string {
  const bin = join(folder.root, 'bare');
  mkdirSync(bin);
  symlinkSync('/bin/cat', join(bin, 'cat'));
  return bin;
}

test("an ordinary program in the pod of a game is handed over to runc's shim, by start and by delete", async () => {
  pretendKeeper();
  folder.serve('sandbox', await folder.process());
  const env = { PATH: pathWithRunc() };
  const started = await start('container', sidecar(), env);
  const call = '-namespace k8s.io -id container -address /run/c.sock -publish-binary /bin/c';
  expect([started.status, started.output.toString()]).toEqual([0, `${call} start\n0022\nrunc run\n`]);
  const path = bundle('container', sidecar());
  const removed = await run([...flags('container'), '-debug', '-bundle', path, 'delete'], path, env);
  expect(removed.output.toString()).toBe(`${call} -bundle ${path} -debug delete\n0022\nrunc run\n`);
  expect(namesIn(join(folder.paths.pod, 'k8s.io'))).toEqual(['sandbox']);
});

test('runc learns that systemd manages cgroups, if the cgroup of the container is named so', async () => {
  pretendKeeper();
  folder.serve('sandbox', await folder.process());
  symlinkSync(join(SCRIPT, '../systemd'), join(folder.home, 'host/pod/systemd'));
  const { output } = await start('container', sidecar('kubepods-pod1.slice:cri-containerd:c'), {
    PATH: pathWithRunc(),
  });
  expect(output.toString()).toContain('runc --systemd-cgroup run\n');
});

test.each<[string, () => Record<string, string>, string]>([
  ['the node runs none', () => ({ PATH: pathWithRunc(), NEARLIGHT_SIDECARS: 'off' }), 'this node runs none in pods'],
  ['there is no runc', () => ({ PATH: pathWithoutRunc() }), 'there is no containerd-shim-runc-v2 to run it'],
])('an ordinary program in the pod of a game is refused if %s', async (_, env, message) => {
  pretendKeeper();
  folder.serve('sandbox', await folder.process());
  const { status, output } = await start('container', sidecar(), env());
  expect(status).toBe(1);
  expect(output.toString()).toContain(`/bin/proxy is an ordinary program, and ${message}`);
});

test('a container without a sandbox gets its own host, and so does a sandbox', async () => {
  pretendKeeper();
  folder.serve('sandbox', await folder.process());
  const warm = [await folder.warm(), await folder.warm()];
  const taken = [pidOf(await start('alone')), pidOf(await start('sandbox', JSON.stringify(annotated('sandbox'))))];
  expect(taken.sort()).toEqual(warm.sort());
});

test('a container is refused if the host of its sandbox has died', async () => {
  pretendKeeper();
  const warm = await folder.warm();
  folder.serve('sandbox', DEAD_PID, '1');
  const { status, output } = await start('container', JSON.stringify(annotated('sandbox')));
  expect([status, output.toString()]).toEqual([1, expect.stringMatching(/host of sandbox sandbox has died\n$/)]);
  expect(claimed(warm)).toBe(false);
});

test("without a waiting host, the shim starts one with its own mounts that can see the node's, and one keeper", async () => {
  const pids = (await Promise.all(['a', 'b', 'c'].map((id) => start(id)))).map(pidOf);
  expect(new Set(pids).size).toBe(3);
  for (const pid of pids) {
    const socket = connect(join(folder.paths.host, `${pid}.sock`));
    await once(socket, 'connect');
    socket.destroy();
    expect(parseClaim(text(join(folder.paths.claim, `${pid}`)))?.started).toBe(startedAt(pid));
    const namespaces = ['self', hostOf(pid)].map((process) => text(`/proc/${process}/mountinfo`).split(' ')[0]);
    expect(namespaces[0]).not.toBe(namespaces[1]);
    expect(readlinkSync(`/proc/${hostOf(pid)}/fd/3`)).toBe('/');
  }
  await eventually(() => expect(existsSync(join(folder.run, 'keepers'))).toBe(true));
  pidOf(await start('d'));
  expect(text(join(folder.run, 'keepers')).trim().split('\n').length).toBe(1);
});

test("the shim's start works from the sources, and creates the folders that it needs", async () => {
  const run2 = join(folder.root, 'new/run');
  const home = join(folder.root, 'home2');
  for (const name of ['host/pod', 'node_modules/.bin', 'build/native'])
    mkdirSync(join(home, name), { recursive: true });
  symlinkSync(process.execPath, join(home, 'node_modules/.bin/node'));
  symlinkSync(supervisorPath, join(home, 'build/native/supervisor'));
  symlinkSync(join(folder.home, 'host/pod/main.ts'), join(home, 'host/pod/main.ts'));
  writeFileSync(join(home, 'host/pod/shim'), readFileSync(SCRIPT), { mode: 0o755 });
  const child = spawn(join(home, 'host/pod/shim'), [...flags('one'), 'start'], {
    cwd: bundle('one'),
    env: { PATH: process.env.PATH, NEARLIGHT_RUN_DIR: run2 },
  });
  const [output] = (await once(child.stdout, 'data')) as [Buffer];
  expect(output.toString()).toContain(`unix://${run2}/host/`);
  await eventually(() => expect(existsSync(join(run2, 'keepers'))).toBe(true));
  const pids = [...namesIn(join(run2, 'warm')), ...text(join(run2, 'keepers')).trim().split('\n')];
  for (const pid of pids) process.kill(Number(pid), 'SIGKILL');
});

test('if a host ends while it starts, the error shows its last output, and no file is left', async () => {
  pretendKeeper();
  folder.misbehave('crash');
  const { status, output } = await start('one');
  expect(status).toBe(1);
  expect(output.toString()).toMatch(
    /^containerd-shim-wasmedge-v1: the host process ended while it started \(see .*log\): no usable GPU\n$/,
  );
  for (const name of ['warm', 'claim', 'host', 'pod/k8s.io']) expect(namesIn(join(folder.run, name))).toEqual([]);
});

test('a NEARLIGHT_HOME without an installation is an error', async () => {
  const { status, output } = await start('one', undefined, { NEARLIGHT_HOME: '/nonexistent' });
  expect([status, output.toString()]).toEqual([
    1,
    expect.stringContaining('NEARLIGHT_HOME=/nonexistent; install Nearlight again'),
  ]);
});

test("if the host's address cannot be written, the shim's start fails and ends the host", async () => {
  pretendKeeper();
  const host = await folder.warm();
  mkdirSync(join(folder.paths.pod, 'k8s.io/one'));
  const { status, output } = await start('one');
  expect([status, output.toString()]).toEqual([
    1,
    expect.stringMatching(/^\S+: the address of the host cannot be written .*full\?\n$/),
  ]);
  await hasDied(host);
});

test("the shim's start succeeds even if no keeper can be started", async () => {
  const host = await folder.warm();
  expect(pidOf(await start('one', undefined, { NEARLIGHT_HOME: '/nonexistent' }))).toBe(host);
});

test.each(['../x', '.', '', 'a b', 'a/b'])('the id %j is refused', async (id) => {
  pretendKeeper();
  await folder.warm();
  for (const action of ['start', 'delete']) {
    const { status, output } = await run([...flags(id), action], folder.root);
    expect([status, output.toString()]).toEqual([1, expect.stringContaining('must be names')]);
  }
  expect(namesIn(folder.paths.claim)).toEqual([]);
});

const messages = protobuf.parse(`syntax = "proto3";
  message Timestamp { int64 seconds = 1; int32 nanos = 2; }
  message DeleteResponse { uint32 pid = 1; uint32 exit_status = 2; Timestamp exited_at = 3; }
  message RuntimeVersion { string version = 1; string revision = 2; }
  message RuntimeInfo { string name = 1; RuntimeVersion version = 2; }`).root;

function decode({ status, output }: Result, name = 'DeleteResponse') {
  expect(status).toBe(0);
  const type = messages.lookupType(name);
  return type.toObject(type.decode(output), { longs: Number });
}

test("the shim's delete does nothing after a task was deleted in the ordinary way", async () => {
  const bystander = await folder.warm();
  expect(decode(await remove('one'))).toEqual({ exitStatus: 137 });
  expect(startedAt(bystander)).toBeDefined();
});

test("the shim's delete removes what a dead host has left, and can be repeated", async () => {
  const { warm, claim, state, host } = folder.paths;
  const files = [join(warm, `${DEAD_PID}`), join(claim, `${DEAD_PID}`), join(host, `${DEAD_PID}.sock`)];
  for (const path of files) writeFileSync(path, '1');
  const [guest, loader] = [await folder.process('guest'), await folder.process('loader')];
  const [namesake, other] = [await folder.process('guest'), await folder.process('other')];
  const lines = [
    `guest ${guest}`,
    `guest ${loader} ${startedAt(loader)}`,
    `guest ${namesake} 1`,
    `guest ${other}`,
    'cgroup /tmp',
    'cgroup /sys/fs/cgroup/../../tmp',
  ];
  writeFileSync(join(state, `${DEAD_PID}`), `${lines.join('\n')}\n`);
  folder.serve('one', DEAD_PID, '1');
  const before = Math.floor(Date.now() / 1000);
  const { pid, exitStatus, exitedAt } = decode(await remove('one'));
  expect([pid, exitStatus]).toEqual([DEAD_PID, 137]);
  expect(exitedAt.seconds).toBeGreaterThanOrEqual(before);
  expect(exitedAt.seconds).toBeLessThanOrEqual(Date.now() / 1000);
  for (const pid of [guest, loader]) await hasDied(pid);
  expect([namesake, other].map(startedAt)).not.toContain(undefined);
  for (const name of ['warm', 'claim', 'host', 'state', 'pod/k8s.io'])
    expect(namesIn(join(folder.run, name))).toEqual([]);
  expect(decode(await remove('one'))).toEqual({ exitStatus: 137 });
});

test("the shim's delete removes the cgroup of a dead host and kills the processes in it", async () => {
  const parent = existsSync('/sys/fs/cgroup/pids/cgroup.procs') ? '/sys/fs/cgroup/pids' : '/sys/fs/cgroup';
  const cgroup = join(parent, `nearlight-test-${process.pid}`);
  mkdirSync(cgroup);
  const member = await folder.process();
  writeFileSync(join(cgroup, 'cgroup.procs'), `${member}`);
  folder.serve('one', DEAD_PID, '1');
  writeFileSync(join(folder.paths.state, `${DEAD_PID}`), `cgroup ${cgroup}\n`);
  decode(await remove('one'));
  await hasDied(member);
  await eventually(() => expect(existsSync(cgroup)).toBe(false));
});

test("the shim's delete leaves the host of two containers running for the first, and ends it for the second", async () => {
  const host = await folder.process();
  folder.serve('one', host);
  folder.serve('two', host);
  decode(await remove('one'));
  expect(startedAt(host)).toBeDefined();
  expect(namesIn(join(folder.paths.pod, 'k8s.io'))).toEqual(['two']);
  decode(await remove('two'));
  expect(startedAt(host)).toBeUndefined();
});

test("the shim's delete kills a host that ignores SIGTERM", async () => {
  pretendKeeper();
  folder.misbehave('deaf');
  const host = pidOf(await start('one'));
  decode(await remove('one'));
  await hasDied(host);
  expect(namesIn(folder.paths.claim)).toEqual([]);
});

test('the script describes itself to containerd 2', async () => {
  const info = decode(await run(['-info'], '/'), 'RuntimeInfo');
  expect(info).toEqual({ name: 'io.containerd.wasmedge.v1', version: { version: '@VERSION@' } });
  expect((await run(['-v'], '/')).output.toString()).toMatch(/^containerd-shim-wasmedge-v1:\n {2}Version: {2}\S+\n$/);
});
