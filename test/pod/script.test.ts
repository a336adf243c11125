import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseClaim } from '../../host/pod/paths.ts';
import { startedAt } from '../../host/pod/process.ts';
import { eventually } from '../wait.ts';
import { Folder, list, text } from './folder.ts';

const script = join(import.meta.dirname, '../../host/pod/containerd-shim-wasmedge-v1');
const deadPid = 4_194_303;

let folder: Folder;
beforeEach(() => {
  folder = new Folder();
});
afterEach(() => folder.close());

interface Result {
  status: number | null;
  /** Both streams, as containerd reads them. */
  output: Buffer;
}

async function run(args: string[], cwd: string, env: Record<string, string> = {}): Promise<Result> {
  const child: ChildProcess = spawn(script, args, {
    cwd,
    env: { PATH: process.env.PATH, NEARLIGHT_HOME: folder.home, NEARLIGHT_RUN_DIR: folder.run, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const parts: Buffer[] = [];
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (part: Buffer) => parts.push(part));
  // It closes when nobody holds the pipes any more, as containerd waits for.
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, output: Buffer.concat(parts) };
}

const flags = (id: string) => [
  '-namespace',
  'k8s.io',
  '-address',
  '/run/c.sock',
  '-publish-binary',
  '/bin/c',
  '-id',
  id,
];

/** A bundle, in which containerd starts the script. */
function bundle(id: string, config: string = JSON.stringify({ ociVersion: '1.1.0' })): string {
  const path = join(folder.root, 'bundles', id);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'config.json'), config);
  return path;
}

const start = (id: string, config?: string, env?: Record<string, string>) =>
  run([...flags(id), 'start'], bundle(id, config), env);
const remove = (id: string) => run([...flags(id), '-bundle', bundle(id), 'delete'], bundle(id));

/** A live keeper, for tests that are about something else. */
function keeper(): void {
  writeFileSync(folder.paths.keeperPid, `${process.pid} ${startedAt(process.pid)}`);
}

const address = (pid: number) => `unix://${folder.paths.host}/${pid}.sock`;
const claimed = (pid: number) => existsSync(join(folder.paths.claim, `${pid}`));

const gone = (pid: number) => eventually(() => expect(startedAt(pid)).toBeUndefined());

/** The process id in an address that `start` printed. */
function pidOf({ status, output }: Result): number {
  expect(output.toString()).toMatch(/^unix:\/\/\S+\/host\/\d+\.sock\n$/);
  expect(status).toBe(0);
  return Number(/(\d+)\.sock/.exec(output.toString())![1]);
}

test('start claims a warm host and prints its address and nothing else', async () => {
  keeper();
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

test('forty starts at once on forty warm hosts claim one each', async () => {
  keeper();
  const warm = await Promise.all(Array.from({ length: 40 }, () => folder.warm()));
  const results = await Promise.all(warm.map((_, n) => start(`c${n}`)));
  expect(results.map(pidOf).sort()).toEqual(warm.sort());
});

test('hosts that are dead, taken, or another process by now are left alone', async () => {
  keeper();
  const { warm, claim } = folder.paths;
  writeFileSync(join(warm, `${deadPid}`), '1\n');
  const [taken, reused, good] = [await folder.warm(), await folder.warm(), await folder.warm()];
  writeFileSync(join(claim, `${taken}`), 'id=other\n');
  writeFileSync(join(warm, `${reused}`), `${Number(startedAt(reused)) - 1}\n`);
  expect(pidOf(await start('one'))).toBe(good);
  expect(claimed(reused)).toBe(false);
  expect(text(join(claim, `${taken}`))).toBe('id=other\n');
});

const annotated = (sandbox: string, filler = 0) => ({
  process: {
    args: ['io.kubernetes.cri.sandbox-id', ':', 'liar'],
    env: ['X="io.kubernetes.cri.sandbox-id":"liar"', 'é'.repeat(filler)],
  },
  annotations: { 'io.kubernetes.cri.container-type': 'container', 'io.kubernetes.cri.sandbox-id': sandbox },
});

test.each([
  ['on one line', JSON.stringify(annotated('sandbox'))],
  ['in many lines', JSON.stringify(annotated('sandbox'), null, '\t')],
  ['of a megabyte', JSON.stringify(annotated('sandbox', 500_000))],
])("a container goes to its sandbox's host, with a config.json %s", async (_, config) => {
  keeper();
  const [host, other] = [await folder.process(), await folder.warm()];
  folder.serve('sandbox', host);
  expect(pidOf(await start('container', config))).toBe(host);
  expect(claimed(other)).toBe(false);
  expect(text(join(folder.paths.pod, 'k8s.io/container'))).toBe(`${host} ${startedAt(host)}\n`);
});

test('a container without a sandbox, and the sandbox itself, get a host of their own', async () => {
  keeper();
  folder.serve('sandbox', await folder.process());
  const warm = [await folder.warm(), await folder.warm()];
  const taken = [pidOf(await start('alone')), pidOf(await start('sandbox', JSON.stringify(annotated('sandbox'))))];
  expect(taken.sort()).toEqual(warm.sort());
});

test("a container whose sandbox's host has died is refused", async () => {
  keeper();
  const warm = await folder.warm();
  folder.serve('sandbox', deadPid, '1');
  const { status, output } = await start('container', JSON.stringify(annotated('sandbox')));
  expect([status, output.toString()]).toEqual([1, expect.stringMatching(/host of sandbox sandbox has died\n$/)]);
  expect(claimed(warm)).toBe(false);
});

test('with no warm host one is started, in a mount namespace of its own, and a keeper beside it, once', async () => {
  const pids = (await Promise.all(['a', 'b', 'c'].map((id) => start(id)))).map(pidOf);
  expect(new Set(pids).size).toBe(3);
  for (const pid of pids) {
    const socket = connect(join(folder.paths.host, `${pid}.sock`));
    await once(socket, 'connect');
    socket.destroy();
    expect(parseClaim(text(join(folder.paths.claim, `${pid}`)))?.started).toBe(startedAt(pid));
    const namespaces = ['self', pid].map((process) => text(`/proc/${process}/mountinfo`).split(' ')[0]);
    expect(namespaces[0]).not.toBe(namespaces[1]);
  }
  await eventually(() => expect(existsSync(join(folder.run, 'keepers'))).toBe(true));
  pidOf(await start('d'));
  expect(text(join(folder.run, 'keepers')).trim().split('\n').length).toBe(1);
});

test('it works from the sources and makes its folders itself', async () => {
  const run2 = join(folder.root, 'new/run');
  const home = join(folder.root, 'home2');
  for (const name of ['host/pod', 'node_modules/.bin']) mkdirSync(join(home, name), { recursive: true });
  symlinkSync(process.execPath, join(home, 'node_modules/.bin/node'));
  symlinkSync(join(folder.home, 'host/pod/main.ts'), join(home, 'host/pod/main.ts'));
  writeFileSync(join(home, 'host/pod/shim'), readFileSync(script), { mode: 0o755 });
  const child = spawn(join(home, 'host/pod/shim'), [...flags('one'), 'start'], {
    cwd: bundle('one'),
    env: { PATH: process.env.PATH, NEARLIGHT_RUN_DIR: run2 },
  });
  const [output] = (await once(child.stdout, 'data')) as [Buffer];
  expect(output.toString()).toContain(`unix://${run2}/host/`);
  await eventually(() => expect(existsSync(join(run2, 'keepers'))).toBe(true));
  const pids = [...list(join(run2, 'warm')), ...text(join(run2, 'keepers')).trim().split('\n')];
  for (const pid of pids) process.kill(Number(pid), 'SIGKILL');
});

test('a host that ends while it starts is told with what it said, and leaves nothing', async () => {
  keeper();
  writeFileSync(join(folder.run, 'crash'), '');
  const { status, output } = await start('one');
  expect(status).toBe(1);
  expect(output.toString()).toMatch(
    /^containerd-shim-wasmedge-v1: the host process ended while it started \(.*log\): no usable GPU\n$/,
  );
  for (const name of ['warm', 'claim', 'host', 'pod/k8s.io']) expect(list(join(folder.run, name))).toEqual([]);
});

test('a folder that holds no installation is told', async () => {
  const { status, output } = await start('one', undefined, { NEARLIGHT_HOME: '/nonexistent' });
  expect([status, output.toString()]).toEqual([
    1,
    expect.stringContaining('NEARLIGHT_HOME=/nonexistent; install Nearlight again'),
  ]);
});

test('where the address cannot be written the host is given up, and the pod told', async () => {
  keeper();
  const host = await folder.warm();
  mkdirSync(join(folder.paths.pod, 'k8s.io/one'));
  const { status, output } = await start('one');
  expect([status, output.toString()]).toEqual([
    1,
    expect.stringMatching(/^\S+: the address cannot be written .*full\?\n$/),
  ]);
  await gone(host);
});

test('a keeper that cannot be started fails no pod', async () => {
  const host = await folder.warm();
  expect(pidOf(await start('one', undefined, { NEARLIGHT_HOME: '/nonexistent' }))).toBe(host);
});

test.each(['../x', '.', '', 'a b', 'a/b'])('the id %j is refused', async (id) => {
  keeper();
  await folder.warm();
  for (const action of ['start', 'delete']) {
    const { status, output } = await run([...flags(id), action], folder.root);
    expect([status, output.toString()]).toEqual([1, expect.stringContaining('must be names')]);
  }
  expect(list(folder.paths.claim)).toEqual([]);
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

test('delete after an ordinary end finds nothing to do', async () => {
  const bystander = await folder.warm();
  expect(decode(await remove('one'))).toEqual({ exitStatus: 137 });
  expect(startedAt(bystander)).toBeDefined();
});

test('delete clears away what a dead host has left, and can be repeated', async () => {
  const { warm, claim, state, host } = folder.paths;
  const files = [join(warm, `${deadPid}`), join(claim, `${deadPid}`), join(host, `${deadPid}.sock`)];
  for (const path of files) writeFileSync(path, '1');
  const guests = [await folder.process('guest'), await folder.process('loader')];
  const bystanders = [await folder.process('guest'), await folder.process('other')];
  const lines = [
    `guest ${guests[0]}`,
    `guest ${guests[1]} ${startedAt(guests[1]!)}`,
    `guest ${bystanders[0]} 1`,
    `guest ${bystanders[1]}`,
    'cgroup /tmp',
    'cgroup /sys/fs/cgroup/../../tmp',
  ];
  writeFileSync(join(state, `${deadPid}`), `${lines.join('\n')}\n`);
  folder.serve('one', deadPid, '1');
  const before = Math.floor(Date.now() / 1000);
  const { pid, exitStatus, exitedAt } = decode(await remove('one'));
  expect([pid, exitStatus]).toEqual([deadPid, 137]);
  expect(exitedAt.seconds).toBeGreaterThanOrEqual(before);
  expect(exitedAt.seconds).toBeLessThanOrEqual(Date.now() / 1000);
  for (const guest of guests) await gone(guest);
  expect(bystanders.map(startedAt)).not.toContain(undefined);
  for (const name of ['warm', 'claim', 'host', 'state', 'pod/k8s.io']) expect(list(join(folder.run, name))).toEqual([]);
  expect(decode(await remove('one'))).toEqual({ exitStatus: 137 });
});

test('delete removes the cgroup of a dead host, with what runs in it', async () => {
  const parent = existsSync('/sys/fs/cgroup/pids/cgroup.procs') ? '/sys/fs/cgroup/pids' : '/sys/fs/cgroup';
  const cgroup = join(parent, `nearlight-test-${process.pid}`);
  mkdirSync(cgroup);
  const member = await folder.process();
  writeFileSync(join(cgroup, 'cgroup.procs'), `${member}`);
  folder.serve('one', deadPid, '1');
  writeFileSync(join(folder.paths.state, `${deadPid}`), `cgroup ${cgroup}\n`);
  decode(await remove('one'));
  await gone(member);
  await eventually(() => expect(existsSync(cgroup)).toBe(false));
});

test('delete of one of two containers leaves their host alone; of the last one, ends it', async () => {
  const host = await folder.process();
  folder.serve('one', host);
  folder.serve('two', host);
  decode(await remove('one'));
  expect(startedAt(host)).toBeDefined();
  expect(list(join(folder.paths.pod, 'k8s.io'))).toEqual(['two']);
  decode(await remove('two'));
  expect(startedAt(host)).toBeUndefined();
});

test('delete ends a host that does not listen to SIGTERM', async () => {
  keeper();
  writeFileSync(join(folder.run, 'deaf'), '');
  const host = pidOf(await start('one'));
  decode(await remove('one'));
  await gone(host);
  expect(list(folder.paths.claim)).toEqual([]);
});

test('containerd 2 is told who this is', async () => {
  const info = decode(await run(['-info'], '/'), 'RuntimeInfo');
  expect(info).toEqual({ name: 'io.containerd.wasmedge.v1', version: { version: '@VERSION@' } });
  expect((await run(['-v'], '/')).output.toString()).toMatch(/^containerd-shim-wasmedge-v1:\n {2}Version: {2}\S+\n$/);
});
