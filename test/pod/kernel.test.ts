import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { buildNative, kernelPath } from '../../host/engine/wasmedge/build.ts';
import type { Moved } from '../../host/pod/kernel.ts';
import { eventually } from '../wait.ts';

const entrant = join(import.meta.dirname, 'entrant.ts');
const namespace = `nl-kernel-${process.pid}`;
const path = `/run/netns/${namespace}`;
const address = '10.213.7.1';
const OWN_MOUNTS = ['unshare', '-m', '--propagation', 'slave'];
/** CAP_DAC_READ_SEARCH and CAP_SYS_NICE, and the mask they make. */
const KEEP = [2, 23];
const KEPT = (2 ** 2 + 2 ** 23).toString(16);

interface Thread {
  name: string;
  network: string;
  capabilities: string[];
  noNewPrivileges: string;
}

class Entrant {
  readonly child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(kind: 'full' | 'bare', before: readonly string[]) {
    const [command, ...args] = [...before, process.execPath, entrant, kernelPath, kind];
    const env = { ...process.env, UV_THREADPOOL_SIZE: '8', XDG_RUNTIME_DIR: tmpdir() };
    this.child = spawn(command!, args, { stdio: ['pipe', 'pipe', 'inherit'], env });
    this.#lines = createInterface(this.child.stdout!)[Symbol.asyncIterator]();
  }

  /** @throws Error with what the process threw */
  async ask<T = null>(command: string, ...args: unknown[]): Promise<T> {
    this.child.stdin!.write(`${JSON.stringify([command, ...args])}\n`);
    const { value: line } = await this.#lines.next();
    const { value, error } = JSON.parse(line) as { value: T; error?: string };
    if (error !== undefined) throw new Error(error);
    return value;
  }
}

let folder: string;
let entrants: Entrant[] = [];

beforeAll(async () => {
  await buildNative();
  folder = mkdtempSync(join(tmpdir(), 'nearlight-kernel-'));
  execFileSync('ip', ['netns', 'add', namespace]);
  for (const command of [
    ['link', 'set', 'lo', 'up'],
    ['link', 'add', 'inside', 'type', 'veth', 'peer', 'name', 'insidepeer'],
    ['address', 'add', `${address}/24`, 'dev', 'inside'],
    ['link', 'set', 'inside', 'up'],
    ['link', 'set', 'insidepeer', 'up'],
  ])
    execFileSync('ip', ['-n', namespace, ...command]);
});

afterEach(async () => {
  for (const { child } of entrants)
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  entrants = [];
});

afterAll(() => {
  execFileSync('ip', ['netns', 'delete', namespace]);
  rmSync(folder, { recursive: true });
});

async function start(kind: 'full' | 'bare', before: readonly string[] = OWN_MOUNTS): Promise<Entrant> {
  const process = new Entrant(kind, before);
  entrants.push(process);
  await process.ask('ready');
  return process;
}

const distinct = (threads: Thread[], key: keyof Thread) => [...new Set(threads.map((thread) => String(thread[key])))];

test('every thread of a busy host enters the network, and every one gives up its privileges', async () => {
  const host = await start('full');
  let before: Thread[] = [];
  await eventually(async () => {
    before = await host.ask<Thread[]>('threads');
    expect(before.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['libuv-worker', 'RTC worker', 'llvmpipe-0']),
    );
  });
  expect(before.length).toBeGreaterThan(20);
  const outside = readlinkSync('/proc/self/ns/net');
  expect(distinct(before, 'network')).toEqual([outside]);

  const entered = await host.ask<Moved>('enterNetwork', path);
  const within = await host.ask<Thread[]>('threads');
  expect(entered.skipped).toEqual([]);
  expect(entered.moved).toBeGreaterThan(20);
  expect(distinct(within, 'network').length).toBe(1);
  expect(distinct(within, 'network')).not.toContain(outside);

  const dropped = await host.ask<Moved>('dropPrivileges', KEEP);
  const after = await host.ask<Thread[]>('threads');
  expect(dropped.skipped).toEqual([]);
  expect(distinct(after, 'capabilities')).toEqual([`0,${KEPT},${KEPT},${KEPT},0`]);
  expect(distinct(after, 'noNewPrivileges')).toEqual(['1']);
});

test('servers, datagrams and names are those of the network inside', async () => {
  const host = await start('full');
  await host.ask('enterNetwork', path);
  expect(Object.keys(await host.ask<object>('interfaces')).sort()).toEqual(['inside', 'insidepeer', 'lo']);
  expect(await host.ask('datagram', address)).toBe(address);

  const port = await host.ask<number>('serve');
  const inside = execFileSync('ip', [
    'netns',
    'exec',
    namespace,
    process.execPath,
    '-e',
    GET,
    `http://${address}:${port}`,
  ]);
  expect(inside.toString()).toBe('from inside');
  await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toThrow();

  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: outer } = server.address() as { port: number };
  await expect(host.ask('connect', outer, '127.0.0.1')).rejects.toThrow('ECONNREFUSED');
  server.close();
});

const GET = 'fetch(process.argv[1]).then((response) => response.text()).then((text) => process.stdout.write(text))';

test('workers look names up with the files and in the network of the pod', async () => {
  const host = await start('full');
  const [hosts, resolv] = [join(folder, 'hosts'), join(folder, 'resolv.conf')];
  writeFileSync(hosts, '10.213.7.9 only-in-the-pod\n');
  writeFileSync(resolv, 'nameserver 10.213.7.53\n');
  const [outsideHosts, outsideResolv] = ['/etc/hosts', '/etc/resolv.conf'].map((file) => readFileSync(file, 'utf8'));
  await host.ask('bindMount', hosts, '/etc/hosts', false);
  await host.ask('bindMount', resolv, '/etc/resolv.conf', true);
  await host.ask('enterNetwork', path);
  expect(await host.ask('lookup', 'only-in-the-pod')).toEqual({ address: '10.213.7.9', family: 4 });
  expect(await host.ask('read', '/etc/resolv.conf')).toBe('nameserver 10.213.7.53\n');
  await expect(host.ask('write', '/etc/resolv.conf')).rejects.toThrow('EROFS');
  expect(readFileSync('/etc/hosts', 'utf8')).toBe(outsideHosts);
  expect(readFileSync('/etc/resolv.conf', 'utf8')).toBe(outsideResolv);

  await host.ask('unmount', '/etc/resolv.conf');
  expect(await host.ask('read', '/etc/resolv.conf')).toBe(outsideResolv);
  await expect(host.ask('unmount', resolv)).rejects.toThrow(/NL_POD.*Invalid argument/);
});

test('a slave mount point keeps mounts from the namespace that it came of', async () => {
  // Shared with another namespace of this test's own, and not with the machine's.
  const mounts = join(folder, 'shared');
  const script = `mkdir -p ${mounts} && mount -t tmpfs nearlight ${mounts} && mount --make-shared ${mounts} && unshare -m --propagation unchanged "$@"`;
  const host = await start('bare', [...OWN_MOUNTS, 'sh', '-c', script, 'sh']);
  const shared = async () =>
    (await host.ask<string>('read', '/proc/self/mountinfo')).split('\n').find((line) => line.includes(mounts))!;
  expect(await shared()).toMatch(/ shared:\d+/);
  await host.ask('makeSlave', mounts);
  expect(await shared()).toMatch(/ master:\d+/);
  expect(await shared()).not.toMatch(/ shared:\d+/);
});

test('nothing is mounted where the node would see it', async () => {
  const host = await start('bare', []);
  const file = join(folder, 'target');
  writeFileSync(file, 'the node');
  for (const command of [
    ['bindMount', '/etc/hostname', file, false],
    ['unmount', file],
    ['makeSlave', '/'],
  ] as [string, ...unknown[]][])
    await expect(host.ask(...command)).rejects.toThrow(/NL_POD.*the node's mount namespace.*unshare -m/);
  expect(readFileSync(file, 'utf8')).toBe('the node');
});

test('a network of its own has a loopback device that is up, and no other', async () => {
  const host = await start('bare');
  const { skipped } = await host.ask<Moved>('newNetwork');
  expect(skipped).toEqual([]);
  expect(Object.keys(await host.ask<object>('interfaces'))).toEqual(['lo']);
  const own = distinct(await host.ask<Thread[]>('threads'), 'network');
  expect(own.length).toBe(1);
  expect(own).not.toContain(readlinkSync('/proc/self/ns/net'));
});

test('what cannot be entered is told, and nothing has moved', async () => {
  const host = await start('bare');
  const missing = '/run/netns/nearlight-missing';
  await expect(host.ask('enterNetwork', missing)).rejects.toThrow(new RegExp(`NL_POD.*${missing}.*No such file`));
  await expect(host.ask('enterNetwork', '/etc/hostname')).rejects.toThrow(/setns: Invalid argument/);
  await expect(host.ask('bindMount', missing, '/etc/hosts', false)).rejects.toThrow(/NL_POD.*No such file/);
  await expect(host.ask('dropPrivileges', [64])).rejects.toThrow(/no capability 64/);
  expect(distinct(await host.ask<Thread[]>('threads'), 'network')).toEqual([readlinkSync('/proc/self/ns/net')]);

  await host.ask('dropPrivileges', []);
  expect(distinct(await host.ask<Thread[]>('threads'), 'capabilities')).toEqual(['0,0,0,0,0']);
  await expect(host.ask('enterNetwork', path)).rejects.toThrow(/NL_POD.*setns: Operation not permitted/);
});

test('glibc has its signal back: all threads still follow it to another group', async () => {
  const host = await start('bare');
  await host.ask('enterNetwork', path);
  await host.ask('setGroup', 1);
  const groups = await host.ask<string>('read', '/proc/self/status');
  expect(/^Gid:\s+(.*)$/m.exec(groups)![1]!.split('\t')[1]).toBe('1');
});

test('once privileges are gone, so is the way out of the network', async () => {
  const host = await start('bare');
  await host.ask('enterNetwork', path);
  await host.ask('dropPrivileges', []);
  await expect(host.ask('enterNetwork', `/proc/${process.pid}/ns/net`)).rejects.toThrow('NL_POD');
  await host.ask('dropPrivileges', []);
});

test('threads that begin and end meanwhile are neither missed nor waited for', async () => {
  const host = await start('bare');
  // One that is waited for in vain is reported as skipped.
  expect(await host.ask<number>('enterOften', path, 80)).toBeLessThan(40);
});
