import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import type { ThreadChange } from '../../host/pod/kernel.ts';
import { buildKernel, kernelPath } from '../../host/pod/native.ts';

import { eventually } from '../wait.ts';
import type { Thread } from './kernel-host.ts';
import { LineProgram } from './line-program.ts';

const PROGRAM = join(import.meta.dirname, 'kernel-host.ts');
const NAMESPACE = `nl-kernel-${process.pid}`;
const PATH = `/run/netns/${NAMESPACE}`;
const ADDRESS = '10.213.7.1';
/** Command that runs a program with its own mount namespace, as a host process runs. */
const OWN_MOUNTS = ['unshare', '-m', '--propagation', 'slave'];
const USER = 1_999_999_998;
const GROUPS = [7, 9];
/** The same with the node's root folder as descriptor 3. */
const WITH_NODE = ['sh', '-c', `exec ${OWN_MOUNTS.join(' ')} "$@" 3</`, 'sh'];
/** After this many pauses, kernel.cc skips threads that block signals (BLOCKED_MS_MAX). */
const PAUSES_MAX = 200;

/** A process that runs kernel-host.ts, which tries the kernel addon. */
class KernelHost extends LineProgram {
  /** @param prefix the command line that starts the program */
  constructor(kind: 'full' | 'bare', [command, ...args]: readonly [string, ...string[]]) {
    const env = { UV_THREADPOOL_SIZE: '8', XDG_RUNTIME_DIR: tmpdir() };
    super(command, [...args, process.execPath, PROGRAM, kernelPath, kind], env);
  }
}

let folder: string;
let hosts: KernelHost[] = [];

beforeAll(async () => {
  await buildKernel();
  folder = mkdtempSync(join(tmpdir(), 'nearlight-kernel-'));
  execFileSync('ip', ['netns', 'add', NAMESPACE]);
  for (const command of [
    ['link', 'set', 'lo', 'up'],
    ['link', 'add', 'inside', 'type', 'veth', 'peer', 'name', 'insidepeer'],
    ['address', 'add', `${ADDRESS}/24`, 'dev', 'inside'],
    ['link', 'set', 'inside', 'up'],
    ['link', 'set', 'insidepeer', 'up'],
  ])
    execFileSync('ip', ['-n', NAMESPACE, ...command]);
});

afterEach(async () => {
  for (const { child } of hosts)
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  hosts = [];
});

afterAll(() => {
  execFileSync('ip', ['netns', 'delete', NAMESPACE]);
  rmSync(folder, { recursive: true });
});

async function start(kind: 'full' | 'bare', prefix: readonly string[] = OWN_MOUNTS): Promise<KernelHost> {
  const host = new KernelHost(kind, ['env', ...prefix]);
  hosts.push(host);
  await host.ask('ready');
  return host;
}

const distinct = (threads: Thread[], key: keyof Thread) => [...new Set(threads.map((thread) => String(thread[key])))];

test('every thread of a busy host enters the network, and every thread becomes another user without privileges', async () => {
  const host = await start('full');
  const before = await eventually(async () => {
    const threads = await host.ask<Thread[]>('threads');
    const names = threads.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['libuv-worker', 'RTC worker', 'llvmpipe-0']));
    return threads;
  });
  expect(before.length).toBeGreaterThan(20);
  const outside = readlinkSync('/proc/self/ns/net');
  expect(distinct(before, 'network')).toEqual([outside]);

  const entered = await host.ask<ThreadChange>('enterNetwork', PATH);
  const within = await host.ask<Thread[]>('threads');
  expect(entered.skipped).toEqual([]);
  expect(entered.changed).toBeGreaterThan(20);
  expect(distinct(within, 'network').length).toBe(1);
  expect(distinct(within, 'network')).not.toContain(outside);

  const dropped = await host.ask<ThreadChange>('becomeUser', USER, GROUPS);
  const after = await host.ask<Thread[]>('threads');
  expect(dropped.skipped).toEqual([]);
  expect(distinct(after, 'capabilities')).toEqual(['0,0,0,0,0']);
  expect(distinct(after, 'noNewPrivileges')).toEqual(['1']);
  // The start of a pod waits for both calls, so they must not pause for long.
  expect(entered.pauses).toBeLessThan(PAUSES_MAX);
  expect(dropped.pauses).toBeLessThan(PAUSES_MAX);
});

test('a host that has entered a network listens, sends and connects there, and nowhere else', async () => {
  const host = await start('full');
  await host.ask('enterNetwork', PATH);
  expect(Object.keys(await host.ask<object>('interfaces')).sort()).toEqual(['inside', 'insidepeer', 'lo']);
  expect(await host.ask('datagram', ADDRESS)).toBe(ADDRESS);

  const port = await host.ask<number>('serve');
  const url = `http://${ADDRESS}:${port}`;
  const inside = execFileSync('ip', ['netns', 'exec', NAMESPACE, process.execPath, '-e', GET, url]);
  expect(inside.toString()).toBe('from inside');
  await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toThrow();

  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: outer } = server.address() as AddressInfo;
  await expect(host.ask('connect', outer, '127.0.0.1')).rejects.toThrow('ECONNREFUSED');
  server.close();
});

const GET = 'fetch(process.argv[1]).then((response) => response.text()).then((text) => process.stdout.write(text))';

test("worker threads look names up with the pod's files and in the pod's network", async () => {
  const host = await start('full', WITH_NODE);
  const [names, resolver] = [join(folder, 'hosts'), join(folder, 'resolv.conf')];
  // Without its own name there, the busy workers would ask the name server, which does not answer.
  writeFileSync(names, '127.0.0.1 localhost\n10.213.7.9 only-in-the-pod\n');
  writeFileSync(resolver, 'nameserver 10.213.7.53\n');
  const outside = () => ['/etc/hosts', '/etc/resolv.conf'].map((file) => readFileSync(file, 'utf8'));
  const before = outside();
  await expect(host.ask('copyFromNode', names, '/etc/hosts')).rejects.toThrow(/NL_POD.*the node's root/);
  expect(outside()).toEqual(before);
  await host.ask('emptyRoot');
  await host.ask('copyFromNode', names, '/etc/hosts');
  await host.ask('copyFromNode', resolver, '/etc/resolv.conf');
  await host.ask('enterNetwork', PATH);
  await host.ask('leaveNode');
  expect(await host.ask('lookup', 'only-in-the-pod')).toEqual({ address: '10.213.7.9', family: 4 });
  expect(await host.ask('read', '/etc/resolv.conf')).toBe('nameserver 10.213.7.53\n');
  await expect(host.ask('copyFromNode', names, '/etc/hosts')).rejects.toThrow(/NL_POD.*No such file/);
  expect(outside()).toEqual(before);
});

test('a network that is mounted after the host has started can be entered, even where mounts are private', async () => {
  const [late, link] = [join(folder, 'late'), join(folder, 'link')];
  writeFileSync(late, '');
  symlinkSync(late, link);
  // A node whose mounts are private: new mounts do not appear in the mount namespaces of its host processes.
  const node = (script: string) => ['unshare', '-m', '--propagation', 'private', 'sh', '-c', script, 'sh'];
  const asHost = await start('bare', node(`${OWN_MOUNTS.join(' ')} "$@" 3</; exit $?`));
  const without = await start('bare', node(`${OWN_MOUNTS.join(' ')} "$@"; exit $?`));
  for (const { child } of [asHost, without])
    execFileSync('nsenter', ['-t', String(child.pid), '-m', 'mount', '--bind', PATH, late]);

  await expect(without.ask('enterNetwork', link)).rejects.toThrow(/NL_POD.*setns: Invalid argument/);
  expect(await asHost.ask<string[]>('descriptors')).toContain('3');
  await asHost.ask('enterNetwork', link);
  expect(Object.keys(await asHost.ask<object>('interfaces')).sort()).toEqual(['inside', 'insidepeer', 'lo']);
  expect(readFileSync(late, 'utf8')).toBe('');
});

test("a process that shares the node's mount namespace does not change its root", async () => {
  const host = await start('bare', []);
  const mounts = () => readFileSync('/proc/self/mountinfo', 'utf8');
  const before = mounts();
  await expect(host.ask('emptyRoot')).rejects.toThrow(/NL_POD.*the node's mount namespace/);
  expect(mounts()).toBe(before);
  expect(await host.ask('list', '/')).toContain('usr');
});

test('a new root shows what it was given, read-only and without privileges, and nothing else', async () => {
  const [given, secret] = [join(folder, 'given'), join(folder, 'secret')];
  for (const path of [given, join(given, 'inner'), secret]) mkdirSync(path);
  for (const path of [join(given, 'file'), join(given, 'inner/file')]) writeFileSync(path, 'the node');
  execFileSync('mknod', [join(given, 'null'), 'c', '1', '3']);
  const host = await start('bare');
  await host.ask('emptyRoot', [
    { kind: 'proc', target: '/proc' },
    { kind: 'memory', target: '/scratch' },
    { kind: 'read', target: '/below/given', source: given },
    { kind: 'read', target: '/scratch/file', source: join(given, 'file') },
    { kind: 'hidden', target: '/below/given/inner' },
    { kind: 'read', target: '/dev/null', source: '/dev/null' },
    { kind: 'link', target: '/usr/link', source: '/below/given/file' },
  ]);
  expect((await host.ask<string[]>('list', '/')).sort()).toEqual(['below', 'dev', 'proc', 'scratch', 'usr']);
  expect(await host.ask('read', '/below/given/file')).toBe('the node');
  expect(await host.ask('read', '/usr/link')).toBe('the node');
  expect(await host.ask('read', '/scratch/file')).toBe('the node');
  expect(await host.ask('list', '/below/given/inner')).toEqual([]);
  for (const path of ['/new', '/below/given/file', '/below/given/new', '/scratch/file', '/below/given/inner/new'])
    await expect(host.ask('write', path), path).rejects.toThrow('EROFS');
  await host.ask('write', '/scratch/new');
  await host.ask('write', '/dev/null');
  // Devices work only where they are expected.
  await expect(host.ask('read', '/below/given/null')).rejects.toThrow('EACCES');
  for (const path of [secret, '/proc/1/root/etc', '/proc/self/cwd/etc', '/..'])
    expect(await host.ask<string[]>('list', path).catch(() => [])).not.toContain('passwd');
  expect(readFileSync(join(given, 'inner/file'), 'utf8')).toBe('the node');
});

test('a process with a new root writes to files of the node until it leaves the node', async () => {
  const log = join(folder, 'log');
  const host = await start('bare', WITH_NODE);
  await host.ask('emptyRoot');
  for (const text of ['one', 'two']) await host.ask('append', log, text);
  expect([readFileSync(log, 'utf8'), statSync(log).mode & 0o777]).toEqual(['onetwo', 0o640]);
  await host.ask('leaveNode');
  await expect(host.ask('append', log, 'three')).rejects.toThrow(/NL_POD.*No such file/);
  expect(readFileSync(log, 'utf8')).toBe('onetwo');
});

test('a new root with an entry that does not exist is refused by its name', async () => {
  const host = await start('bare');
  const missing = { kind: 'read', target: '/missing', source: join(folder, 'missing') };
  await expect(host.ask('emptyRoot', [missing])).rejects.toThrow(/NL_POD.*read \/missing: No such file/);
});

test('a new network namespace has a loopback device that is up, and no other device', async () => {
  const host = await start('bare');
  const { skipped } = await host.ask<ThreadChange>('newNetwork');
  expect(skipped).toEqual([]);
  expect(Object.keys(await host.ask<object>('interfaces'))).toEqual(['lo']);
  const own = distinct(await host.ask<Thread[]>('threads'), 'network');
  expect(own.length).toBe(1);
  expect(own).not.toContain(readlinkSync('/proc/self/ns/net'));
});

test('a call of the kernel addon that fails says why, and changes no thread', async () => {
  const host = await start('bare');
  const missing = '/run/netns/nearlight-missing';
  await expect(host.ask('enterNetwork', missing)).rejects.toThrow(new RegExp(`NL_POD.*${missing}.*No such file`));
  await expect(host.ask('enterNetwork', '/etc/hostname')).rejects.toThrow(/setns: Invalid argument/);
  await expect(host.ask('becomeUser', 0, [])).rejects.toThrow(/invalid user/);
  await expect(host.ask('becomeUser', USER, Array(17).fill(7))).rejects.toThrow(/too many groups/);
  expect(distinct(await host.ask<Thread[]>('threads'), 'network')).toEqual([readlinkSync('/proc/self/ns/net')]);

  await host.ask('becomeUser', USER, []);
  expect(distinct(await host.ask<Thread[]>('threads'), 'capabilities')).toEqual(['0,0,0,0,0']);
  await expect(host.ask('enterNetwork', PATH)).rejects.toThrow(/NL_POD.*setns: Operation not permitted/);
});

test('after a host has entered a network, glibc has its signal back: setegid() still reaches all threads', async () => {
  const host = await start('bare');
  await host.ask('enterNetwork', PATH);
  await host.ask('setGroup', 1);
  const status = await host.ask<string>('read', '/proc/self/status');
  expect(/^Gid:\s+(.*)$/m.exec(status)?.[1]?.split('\t')[1]).toBe('1');
});

test('a process without privileges cannot leave its network', async () => {
  const host = await start('bare');
  await host.ask('enterNetwork', PATH);
  await host.ask('becomeUser', USER, []);
  await expect(host.ask('enterNetwork', `/proc/${process.pid}/ns/net`)).rejects.toThrow('NL_POD');
  await expect(host.ask('becomeUser', USER + 1, [])).rejects.toThrow(/setresuid: Operation not permitted/);
});

test('threads that start and exit while a host enters a network are neither missed nor waited for', async () => {
  const host = await start('bare');
  expect(await host.ask<number>('enterOften', PATH, 80)).toBeLessThan(PAUSES_MAX);
});
