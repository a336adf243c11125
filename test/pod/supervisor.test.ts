import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openCgroup } from '../../host/pod/cgroup.ts';
import { buildKernel } from '../../host/pod/native.ts';
import { startedAt } from '../../host/pod/process.ts';
import type { HostIdentity } from '../../host/pod/supervisor.ts';
import { eventually } from '../wait.ts';
import { hostOf } from './run-folder.ts';
import { Supervised } from './supervised.ts';

const UID = 1_999_999_999;
/** A shell keeps a descriptor of its own while it redirects another one. */
const SHELL_FD = '10';

let folder: string;
let run: string;
let hosts: Supervised[];

beforeEach(async () => {
  await buildKernel();
  folder = mkdtempSync(join(tmpdir(), 'nl-sv-'));
  run = join(folder, 'run');
  for (const name of [
    'warm',
    'claim',
    'state',
    'host',
    'log',
    'pod/k8s.io',
    'bundles/one',
    'bundles/two',
    'other/three',
  ])
    mkdirSync(join(name.startsWith('bundles') || name.startsWith('other') ? folder : run, name), { recursive: true });
  hosts = [];
});

afterEach(async () => {
  for (const { child } of hosts)
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  rmSync(folder, { recursive: true });
});

function start(): Supervised {
  const host = new Supervised(run);
  hosts.push(host);
  return host;
}

const path = (...names: string[]) => join(folder, ...names);

test('a host has namespaces of its own, and is known by the id of its supervisor', async () => {
  const host = start();
  const { inside, ...identity } = await host.ask<HostIdentity & { inside: number }>('identity');
  expect(identity).toEqual({ pid: host.pid, started: startedAt(host.pid) });
  expect(inside).toBe(1);
  expect(await host.ask('outsidePid')).toBe(hostOf(host.pid));
  for (const name of ['pid', 'mnt', 'ipc', 'uts'])
    expect(readlinkSync(`/proc/${hostOf(host.pid)}/ns/${name}`)).not.toBe(readlinkSync(`/proc/self/ns/${name}`));
  await expect(host.ask('read', `/proc/${process.pid}/status`)).rejects.toThrow('ENOENT');
});

test('a supervisor ends as its host does, and a host ends with its supervisor, as do all guests', async () => {
  const [exits, killed, victim] = [start(), start(), start()];
  for (const host of [exits, killed, victim]) await host.ask('guest', ['/bin/sleep', '60']);
  const guests = await Promise.all(
    [exits, killed, victim].map(async (host) => (await host.ask<{ pid: number }>('guestState', 0)).pid),
  );
  const processes = [...guests, ...[exits, killed, victim].map(({ pid }) => hostOf(pid))];
  const ends = [exits, killed, victim].map(({ child }) => once(child, 'exit'));
  exits.child.stdin.write('["exit",5]\n');
  process.kill(hostOf(killed.pid), 'SIGKILL');
  victim.child.kill('SIGKILL');
  expect(await Promise.all(ends)).toEqual([
    [5, null],
    [null, 'SIGKILL'],
    [null, 'SIGKILL'],
  ]);
  await eventually(() => expect(processes.map(startedAt)).toEqual(processes.map(() => undefined)));
});

test('a host that has become another user still ends with its supervisor', async () => {
  const host = start();
  expect(await host.ask('becomeUser', UID)).toEqual([]);
  const inner = hostOf(host.pid);
  host.child.kill('SIGKILL');
  await eventually(() => expect(startedAt(inner)).toBeUndefined());
});

test('SIGTERM reaches the host', async () => {
  const host = start();
  await host.ask('handle', 'SIGTERM');
  host.child.kill('SIGTERM');
  expect(await once(host.child, 'exit')).toEqual([7, null]);
});

test("the end of a guest is reported, and the list of what the shim's delete must remove follows", async () => {
  const host = start();
  const state = () => readFileSync(join(run, `state/${host.pid}`), 'utf8');
  await host.ask('guest', ['/bin/sleep', '60']);
  const { pid } = await host.ask<{ pid: number }>('guestState', 0);
  await host.ask('guest', ['/bin/true']);
  expect(state().split('\n')).toContain(`guest ${pid} ${startedAt(pid)}`);
  process.kill(pid, 'SIGKILL');
  await eventually(async () => expect(await host.ask('guestState', 0)).toEqual({ pid, end: [null, 'SIGKILL'] }));
  expect(state()).not.toContain(`guest ${pid} `);
});

test('a guest inherits two descriptors and a pipe, gets its user and arguments, and ends by that pipe', async () => {
  const host = start();
  // A stand-in for the jailer, which ends when the other end of the pipe is closed.
  const script = 'echo "$@" > "$0"; cat <&5; exit 7';
  const guest = ['/bin/sh', '-c', script, path('guest'), '{uid}', '{gid}', 'uid'];
  await host.ask('guest', guest, 'run', '255');
  await eventually(() => expect(readFileSync(path('guest'), 'utf8')).toBe('5 6 uid run 255\n'));
  const { pid } = await host.ask<{ pid: number }>('guestState', 0);
  await eventually(() =>
    expect(readdirSync(`/proc/${pid}/fd`).filter((fd) => fd !== SHELL_FD)).toEqual(['0', '1', '2', '3', '4', '5']),
  );
  await host.ask('kill', 0);
  await eventually(async () => expect(await host.ask('guestState', 0)).toMatchObject({ end: [7, null] }));
});

test.each(['a/b', '-x', '{uid}', 'a b', '..'])(
  'an argument of a guest with other characters than letters and digits is refused: %s',
  async (word) => {
    const host = start();
    await host.ask('guest', ['/bin/true'], word);
    await eventually(async () =>
      expect(await host.ask('guestState', 0)).toMatchObject({ error: expect.stringContaining('EINVAL') }),
    );
  },
);

test('a host runs no more than 16 programs at a time', async () => {
  const host = start();
  for (let n = 0; n < 17; n++) await host.ask('guest', ['/bin/sleep', '60']);
  expect(await host.ask('guestState', 15)).not.toHaveProperty('error');
  expect(await host.ask('guestState', 16)).toMatchObject({ error: expect.stringContaining('EAGAIN') });
});

test('after the seal, a host can change neither the command of its guests nor its rights', async () => {
  const host = start();
  await host.ask('guest', ['/bin/sleep', '60']);
  await host.ask('seal');
  await host.ask('guest', ['/bin/sh', '-c', 'exit 3']);
  const { pid } = await host.ask<{ pid: number }>('guestState', 1);
  // The process is reported before it has started the program.
  await eventually(() => expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toBe('/bin/sleep\x0060\0'));
  execFileSync('mkfifo', [path('fifo')]);
  await host.ask('grant', 'fifos', '/');
  await expect(host.ask('ask', 'fifo', path('fifo'), 'both')).rejects.toThrow('EACCES');
});

test('a host gets the bundles and FIFOs of the containers of its own pod, and no other file', async () => {
  const config = (sandbox: string, more = {}) =>
    JSON.stringify({ annotations: { 'io.kubernetes.cri.sandbox-id': sandbox, ...more } });
  const bundles: Record<string, string> = {
    'bundles/one': config('mine'),
    'bundles/two': config('theirs', { note: '"io.kubernetes.cri.sandbox-id":"mine"' }),
    'other/three': config('mine'),
  };
  for (const [name, text] of Object.entries(bundles)) writeFileSync(path(name, 'config.json'), text);
  writeFileSync(path('bundles/one/secret'), config('mine'));
  for (const name of ['link', 'pipe']) mkdirSync(path('bundles', name));
  symlinkSync('/etc/shadow', path('bundles/link/config.json'));
  execFileSync('mkfifo', [path('bundles/pipe/config.json')]);
  for (const name of ['one', 'two']) {
    mkdirSync(path('containers', name), { recursive: true });
    execFileSync('mkfifo', [path('containers', name, 'stdout')]);
  }
  symlinkSync(path('containers/two/stdout'), path('containers/one/link'));
  writeFileSync(path('containers/one/file'), '');
  const host = start();
  await host.ask('grant', 'bundles', path('bundles'));
  await host.ask('grant', 'sandbox', 'mine');
  await host.ask('seal');
  const open = (name: string) => host.ask<string>('ask', 'bundle', `${folder}/${name}`);
  const fifo = (name: string, mode = 'both') => host.ask('ask', 'fifo', `${folder}/containers/${name}`, mode);
  await expect(fifo('one/stdout')).rejects.toThrow('EACCES');
  expect(await open('bundles/one/config.json')).toBe(config('mine'));
  for (const name of [
    'bundles/two/config.json',
    'other/three/config.json',
    'bundles/one/secret',
    'bundles/../other/three/config.json',
    'bundles/config.json',
    'bundles/pipe/config.json',
  ])
    await expect(open(name), name).rejects.toThrow('EACCES');
  await expect(open('bundles/link/config.json')).rejects.toThrow('ELOOP');
  await expect(open('bundles/none/config.json')).rejects.toThrow('ENOENT');

  expect(await fifo('one/stdout')).toBe('FIFO');
  await expect(fifo('one/stdout', 'write')).rejects.toThrow('ENXIO');
  for (const name of ['two/stdout', 'one/../two/stdout', 'one/file', 'one/'])
    await expect(fifo(name), name).rejects.toThrow('EACCES');
  await expect(fifo('one/link')).rejects.toThrow('ELOOP');
  await expect(host.ask('ask', 'fifo', 'containers/one/stdout', 'both')).rejects.toThrow('EACCES');
});

test("a host writes termination messages of its own pod's containers, and to no other file", async () => {
  for (const pod of ['mine', 'theirs']) {
    mkdirSync(path('pods', pod, 'containers/game'), { recursive: true });
    writeFileSync(path('pods', pod, 'containers/game/log'), 'before');
  }
  const host = start();
  await host.ask('grant', 'terminations', '/pods/mine/containers/');
  await host.ask('seal');
  await host.ask('ask', 'termination', path('pods/mine/containers/game/log')).catch(() => {});
  expect(readFileSync(path('pods/mine/containers/game/log'), 'utf8')).toBe('');
  for (const name of ['pods/theirs/containers/game/log', 'pods/mine/containers/../../theirs/containers/game/log'])
    await expect(host.ask('ask', 'termination', `${folder}/${name}`), name).rejects.toThrow('EACCES');
  expect(readFileSync(path('pods/theirs/containers/game/log'), 'utf8')).toBe('before');
});

test('a host changes the cgroups in the folder of its pod, and moves only its own processes', async () => {
  const parent = openCgroup(`/nearlight-supervisor-${process.pid}`);
  const [pod, other] = [openCgroup(`${parent.path}/pod`), openCgroup(`${parent.path}/other`)];
  const [mine = ''] = pod.folders;
  const [theirs = ''] = other.folders;
  for (const cgroup of [parent, pod, other]) await cgroup.create();
  const host = start();
  try {
    await host.ask('grant', 'cgroup', `${mine}/`);
    await host.ask('guest', ['/bin/sleep', '60']);
    await host.ask('seal');
    expect(await host.ask('ask', 'mkdir', `${mine}/game`)).toBe('done');
    expect(await host.ask('ask', 'mkdir', `${mine}/game`)).toBe('done');
    const state = readFileSync(join(run, `state/${host.pid}`), 'utf8');
    expect(state.split('\n')).toContain(`cgroup ${mine}/game`);
    for (const folder of [mine, theirs, `${theirs}/x`, `${mine}/game/x`, `${mine}/..`, `${mine}/../other/x`])
      for (const call of ['mkdir', 'rmdir'])
        await expect(host.ask('ask', call, folder), folder).rejects.toThrow('EACCES');
    const procs = `${mine}/game/cgroup.procs`;
    for (const folder of [mine, `${mine}/game`])
      expect(await host.ask('ask', 'read', `${folder}/cgroup.procs`)).toMatch(/^(\d+\n)*$/);
    for (const path of [
      `${theirs}/cgroup.procs`,
      `${mine}/../cgroup.procs`,
      `${mine}/game/x/cgroup.procs`,
      '/etc/shadow',
    ])
      await expect(host.ask('ask', 'read', path), path).rejects.toThrow('EACCES');
    await expect(host.ask('ask', 'read', `${mine}/none`)).rejects.toThrow('ENOENT');
    const guest = (await host.ask<{ pid: number }>('guestState', 0)).pid;
    for (const pid of [guest, hostOf(host.pid), host.pid]) {
      expect(await host.ask('ask', 'write', procs, `${pid}`)).toBe('done');
      expect(readFileSync(procs, 'utf8').split('\n')).toContain(`${pid}`);
    }
    for (const pid of [process.pid, 1, 0, -1])
      await expect(host.ask('ask', 'write', procs, `${pid}`)).rejects.toThrow('ESRCH');
    for (const file of [`${theirs}/cgroup.procs`, `${mine}/game/notify_on_release`, `${mine}/game/../cgroup.procs`])
      await expect(host.ask('ask', 'write', file, `${guest}`), file).rejects.toThrow('EACCES');
  } finally {
    host.child.kill('SIGKILL');
    await once(host.child, 'exit');
    await eventually(() => expect(readFileSync(`${mine}/game/cgroup.procs`, 'utf8')).toBe(''));
    for (const cgroup of [openCgroup(`${pod.path}/game`), pod, other, parent]) await cgroup.remove();
  }
});

test('the order in which the kernel ends processes is that of the config.json of a container, and only for own processes', async () => {
  const config = { process: { oomScoreAdj: 900 }, annotations: { 'io.kubernetes.cri.sandbox-id': 'mine' } };
  writeFileSync(path('bundles/one/config.json'), JSON.stringify(config));
  const theirs = { ...config, process: { oomScoreAdj: 800 }, annotations: { a: '"oomScoreAdj":700' } };
  writeFileSync(path('bundles/two/config.json'), JSON.stringify(theirs));
  const host = start();
  await host.ask('grant', 'bundles', path('bundles'));
  await host.ask('grant', 'sandbox', 'mine');
  await host.ask('grant', 'oom', '500');
  await host.ask('guest', ['/bin/sleep', '60']);
  await host.ask('seal');
  const { pid } = await host.ask<{ pid: number }>('guestState', 0);
  const score = (of: number) => readFileSync(`/proc/${of}/oom_score_adj`, 'utf8').trim();
  const set = (value: string, of: number) => host.ask('ask', 'oom', value, `${of}`);
  await expect(set('900', pid)).rejects.toThrow('EACCES');
  await host.ask('ask', 'bundle', path('bundles/one/config.json'));
  await host.ask('ask', 'bundle', path('bundles/two/config.json')).catch(() => {});
  for (const [of, value] of [
    [pid, '500'],
    [pid, '900'],
    [hostOf(host.pid), '900'],
    [host.pid, '900'],
  ] as const) {
    expect(await set(value, of)).toBe('done');
    expect(score(of)).toBe(value);
  }
  for (const value of ['800', '700', '-1000', '', '900 '])
    await expect(set(value, pid), value).rejects.toThrow('EACCES');
  for (const of of [process.pid, 1, 0, -1]) await expect(set('900', of), `${of}`).rejects.toThrow('ESRCH');
});

test('a host connects to the sockets that it was granted, and to no other', async () => {
  const [keeper, other] = [createServer(), createServer()];
  keeper.listen(path('keeper.sock'));
  other.listen(path('other.sock'));
  const host = start();
  await host.ask('grant', 'keeper', path('keeper.sock'));
  await host.ask('seal');
  expect(await host.ask('ask', 'connect', 'keeper')).toBe('socket');
  await expect(host.ask('ask', 'connect', 'containerd')).rejects.toThrow('EACCES');
  await expect(host.ask('ask', 'connect', path('other.sock'))).rejects.toThrow('EACCES');
  keeper.close();
  other.close();
});

test('a host connects to the edge service only if the owner of its folder listens there', async () => {
  const server = createServer();
  mkdirSync(path('edge'));
  server.listen(path('edge/edge.sock'));
  await once(server, 'listening');
  const host = start();
  await host.ask('grant', 'edge', path('edge/edge.sock'));
  await host.ask('seal');
  expect(await host.ask('ask', 'connect', 'edge')).toBe('socket');
  // A folder of another user could hold a link to a socket of root.
  chownSync(path('edge'), UID, UID);
  await expect(host.ask('ask', 'connect', 'edge')).rejects.toThrow('EACCES');
  server.close();
});

test('a host has the record of a container of its namespace removed, and no other file', async () => {
  writeFileSync(join(run, 'pod/k8s.io/one'), '');
  writeFileSync(join(run, 'keeper.pid'), '');
  const host = start();
  await host.ask('grant', 'pods', join(run, 'pod/k8s.io'));
  await host.ask('seal');
  expect(await host.ask('ask', 'forget', 'one')).toBe('done');
  expect(await host.ask('ask', 'forget', 'one')).toBe('done');
  expect(existsSync(join(run, 'pod/k8s.io/one'))).toBe(false);
  for (const name of ['../../keeper.pid', '..', '.', '', '/etc/x'])
    await expect(host.ask('ask', 'forget', name), name).rejects.toThrow('EACCES');
});

test('a call of a host waits while its supervisor takes no message', async () => {
  const calls = 1000;
  const host = start();
  await host.ask('grant', 'pods', join(run, 'pod/k8s.io'));
  await host.ask('seal');
  host.child.kill('SIGSTOP');
  await host.ask('askMany', calls, 'forget', 'one');
  host.child.kill('SIGCONT');
  expect(await host.ask('answered')).toBe(calls);
});

test('an unknown call, or one without arguments, is refused', async () => {
  const host = start();
  await expect(host.ask('ask', 'unlink', '/etc/passwd')).rejects.toThrow('EINVAL');
  await expect(host.ask('ask', 'mkdir')).rejects.toThrow('EINVAL');
});

test('a host that is another user under its filter starts no program, signals no process, and goes on working', async () => {
  const server = createHttpServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = start();
  await host.ask('guest', ['/bin/sleep', '60']);
  expect(await host.ask('run', '/bin/true')).toBe(0);
  expect(await host.ask('becomeUser', UID)).toEqual([]);
  await host.ask('filter');
  const status = await host.ask<string>('read', '/proc/self/status');
  expect(status).toMatch(/^Uid:\t1999999999\t1999999999\t1999999999\t1999999999$/m);
  expect(status).toMatch(/^Groups:\t7 ?$/m);
  expect(status).toMatch(/^NoNewPrivs:\t1$/m);
  expect(status).toMatch(/^Seccomp:\t2$/m);
  for (const set of ['Inh', 'Prm', 'Eff', 'Bnd', 'Amb']) expect(status).toMatch(new RegExp(`^Cap${set}:\\t0+$`, 'm'));
  await expect(host.ask('run', '/bin/true')).rejects.toThrow('EPERM');
  await expect(host.ask('signal', 1, 'SIGTERM')).rejects.toThrow('EPERM');
  await expect(host.ask('read', '/etc/shadow')).rejects.toThrow('EACCES');
  expect(await host.ask('fetch', `http://127.0.0.1:${(server.address() as AddressInfo).port}/`)).toBe('hello');
  expect(await host.ask('guest', ['/bin/sleep', '60'])).toBe(1);
  server.close();
});
