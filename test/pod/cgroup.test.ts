import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { type Cgroup, leaveCgroups, openCgroup } from '../../host/pod/cgroup.ts';
import { type CgroupMounts, ownMounts } from '../../host/pod/hierarchy.ts';
import { eventually } from '../wait.ts';

const MIB = 2 ** 20;
const PARENT = `/nearlight-cgroup-${process.pid}`;
const { controllers, unified } = ownMounts();

/** The ids of the processes in a cgroup; empty if it does not exist. */
function pidsIn({ folders: [folder = ''] }: Cgroup): number[] {
  const file = join(folder, 'cgroup.procs');
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number) : [];
}

describe(`cgroups of this machine, version ${unified === undefined ? 1 : 2}`, () => {
  let cgroup: Cgroup;
  let children: ChildProcess[] = [];

  beforeEach(async () => {
    cgroup = openCgroup(`${PARENT}/container`);
    await cgroup.create();
  });
  afterEach(async () => {
    for (const child of children) await end(child);
    children = [];
    await killAll(cgroup);
    await cgroup.remove();
    await openCgroup(PARENT).remove();
    expect(cgroup.folders.filter((folder) => existsSync(dirname(folder)))).toEqual([]);
  });

  interface Child {
    process: ChildProcess;
    pid: number;
    /** Sends the line for which the child waits. */
    go(): void;
  }

  /** Starts a shell that runs a script after `go`. */
  async function child(script: string): Promise<Child> {
    const shell = spawn('sh', ['-c', `read line; ${script}`], { stdio: ['pipe', 'ignore', 'ignore'] });
    children.push(shell);
    await once(shell, 'spawn');
    return { process: shell, pid: must(shell.pid, 'process id'), go: () => shell.stdin.write('\n') };
  }

  /** Starts Node with a script; resolves when the script has written its first output. */
  async function node(script: string): Promise<Child> {
    const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'ignore'] });
    children.push(child);
    await once(child.stdout, 'data');
    return { process: child, pid: must(child.pid, 'process id'), go: () => child.stdin.write('\n') };
  }

  /** Kills all processes in a cgroup, including those that start meanwhile. */
  async function killAll(cgroup: Cgroup): Promise<void> {
    await eventually(() => {
      const pids = pidsIn(cgroup);
      for (const pid of pids) process.kill(pid, 'SIGKILL');
      expect(pids).toEqual([]);
    });
  }

  async function end(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  const file = (name: string) =>
    readFileSync(must(cgroup.folders.map((folder) => join(folder, name)).find(existsSync), name), 'utf8').trim();

  test('a process joins a cgroup with all its threads, and leaves it again', async () => {
    const { pid } = await node('setInterval(() => {}, 1000); console.log()');
    await cgroup.add(pid);
    expect(pidsIn(cgroup)).toEqual([pid]);
    const threads = readdirSync(`/proc/${pid}/task`);
    expect(threads.length).toBeGreaterThan(4);
    for (const thread of threads)
      expect(readFileSync(`/proc/${pid}/task/${thread}/cgroup`, 'utf8')).toContain(`${PARENT}/container`);
    const { memory, pids } = await cgroup.stats();
    expect(pids.current).toBe(threads.length);
    expect(memory.limitBytes).toBe(0);
    await leaveCgroups(pid);
    expect(pidsIn(cgroup)).toEqual([]);
  });

  test('the kernel kills a process that uses too much memory, and counts that', async () => {
    const [hog, modest] = [await child('exec tail /dev/zero'), await child('exec sleep 60')];
    await cgroup.limit({ memory: { limit: 16 * MIB, swap: 16 * MIB } });
    for (const { pid } of [hog, modest]) await cgroup.add(pid);
    expect(await cgroup.oomKills()).toBe(0);
    const ended = once(hog.process, 'exit');
    hog.go();
    expect(await ended).toEqual([null, 'SIGKILL']);
    expect(await cgroup.oomKills()).toBe(1);
    const { memory } = await cgroup.stats();
    expect(memory.limitBytes).toBe(16 * MIB);
    expect(memory.oomKills).toBe(1);
    expect(memory.usageBytes).toBeLessThanOrEqual(16 * MIB);
    expect(memory.pageFaults).toBeGreaterThan(1000);
    expect(pidsIn(cgroup)).toEqual([modest.pid]);
  });

  test('a quota of a cgroup limits its processor time', async () => {
    const busy = await child('while :; do :; done');
    await cgroup.limit({ cpu: { shares: 2, quota: 5000, period: 50_000 } });
    await cgroup.add(busy.pid);
    busy.go();
    await eventually(async () => expect((await cgroup.stats()).cpu.throttledPeriods).toBeGreaterThan(4));
    const { cpu } = await cgroup.stats();
    expect(cpu.periods).toBeGreaterThanOrEqual(cpu.throttledPeriods);
    expect(cpu.throttledNs).toBeGreaterThan(0);
    expect(cpu.usageNs).toBeGreaterThan(5e6);
    expect(cpu.usageNs).toBeLessThan((cpu.periods + 2) * 5e6 * 2);
    expect(cpu.userNs + cpu.systemNs).toBeCloseTo(cpu.usageNs, -8);
  });

  test('a limit on the number of processes holds, and can be removed', async () => {
    const shell = await child('sleep 60 & sleep 60 & sleep 60 & wait');
    await cgroup.limit({ pids: { limit: 2 } });
    await cgroup.add(shell.pid);
    shell.go();
    await eventually(() => expect(file('pids.events')).toMatch(/^max [1-9]/));
    // A shell that cannot fork ends.
    const { current, limit } = (await cgroup.stats()).pids;
    expect([current <= 2, limit]).toEqual([true, 2]);
    await cgroup.limit({ pids: { limit: -1 } });
    expect((await cgroup.stats()).pids.limit).toBe(0);
  });

  test('limits of a cgroup can be raised and lowered, and a refusal says why', async () => {
    for (const mib of [64, 32, 128]) {
      await cgroup.limit({ memory: { limit: mib * MIB, swap: mib * MIB } });
      expect((await cgroup.stats()).memory.limitBytes).toBe(mib * MIB);
    }
    await cgroup.limit({ memory: { limit: -1 } });
    expect((await cgroup.stats()).memory.limitBytes).toBe(0);
    const quota = cgroup.limit({ cpu: { quota: 999 } });
    await expect(quota).rejects.toThrow(/cfs_quota_us cannot be set to 999: EINVAL|cpu.max/);
    await cgroup.limit({ cpu: { quota: 1000 } });
    await expect(cgroup.limit({ cpu: { cpus: '4095' } })).rejects.toThrow(/cpuset.cpus cannot be set to 4095/);
    await cgroup.limit({ cpu: { cpus: '0' } });
    expect(file('cpuset.cpus')).toBe('0');
  });

  test('a memory limit below what the processes need is refused', async () => {
    const fill = 'globalThis.kept = Buffer.alloc(48 << 20, 1); console.log("full");';
    const hungry = await node(`console.log("empty"); process.stdin.once('data', () => { ${fill} })`);
    await cgroup.add(hungry.pid);
    const full = once(must(hungry.process.stdout, 'output'), 'data');
    hungry.go();
    await full;
    await cgroup.limit({ memory: { limit: 128 * MIB, swap: 128 * MIB } });
    const lower = cgroup.limit({ memory: { limit: 4 * MIB, swap: 4 * MIB } });
    await expect(lower).rejects.toThrow(/cannot be set to 4194304: more than that is in use/);
    expect(hungry.process.signalCode).toBe(null);
  });

  test('a cgroup is removed once it is empty, and its neighbours stay', async () => {
    const sleeper = await child('exec sleep 60');
    await cgroup.add(sleeper.pid);
    await cgroup.remove();
    expect(cgroup.folders.every(existsSync)).toBe(true);
    const neighbour = openCgroup(`${PARENT}/neighbour`);
    await neighbour.create();
    const gone = sleep(50).then(() => sleeper.process.kill('SIGKILL'));
    await Promise.all([cgroup.remove(), gone]);
    expect(cgroup.folders.some(existsSync)).toBe(false);
    expect(neighbour.folders.every(existsSync)).toBe(true);
    await cgroup.remove();
    await neighbour.remove();
  });

  test('a process or a cgroup that does not exist is not found', async () => {
    await expect(cgroup.add(4_194_303)).rejects.toMatchObject({ code: 5, message: expect.stringContaining('4194303') });
    const missing = openCgroup(`${PARENT}/missing`);
    await expect(missing.add(process.pid)).rejects.toMatchObject({ code: 5 });
    await missing.limit({ memory: { limit: MIB } });
    expect(pidsIn(missing)).toEqual([]);
    expect(await missing.oomKills()).toBe(0);
    expect((await missing.stats()).cpu.usageNs).toBe(0);
    await missing.remove();
  });
});

// On a machine where cgroups of version 1 have the controllers, version 2 has none. Here, ordinary files take its place.
describe('a folder with the files of version 2', () => {
  let mount: string;
  let mounts: CgroupMounts;
  let cgroup: Cgroup;
  let folder: string;
  beforeEach(() => {
    mount = mkdtempSync(join(tmpdir(), 'nearlight-cgroup-'));
    mounts = { controllers: new Map(), unified: mount };
    cgroup = openCgroup('kubepods-burstable-podab.slice:cri-containerd:cd', mounts);
    folder = must(cgroup.folders[0], 'folder of the cgroup');
    mkdirSync(folder, { recursive: true });
  });
  afterEach(() => rmSync(mount, { recursive: true }));

  function writeFiles(folder: string, files: Record<string, string>): void {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  }
  const value = (name: string) => readFileSync(join(folder, name), 'utf8');

  test('every folder above a cgroup passes down the controllers that it has and does not pass down yet', async () => {
    const slice = join(mount, 'kubepods.slice');
    writeFiles(mount, {
      'cgroup.controllers': 'cpuset cpu io memory pids\n',
      'cgroup.subtree_control': 'cpuset cpu memory\n',
    });
    writeFiles(slice, { 'cgroup.controllers': 'cpu memory\n', 'cgroup.subtree_control': 'cpu memory\n' });
    await cgroup.create();
    // The kernel would add the written controller to those before; an ordinary file is overwritten from its start.
    expect(readFileSync(join(mount, 'cgroup.subtree_control'), 'utf8')).toBe('+pidst cpu memory\n');
    expect(readFileSync(join(slice, 'cgroup.subtree_control'), 'utf8')).toBe('cpu memory\n');
    expect(existsSync(join(folder, 'cgroup.subtree_control'))).toBe(false);
  });

  const cases: [string, Parameters<Cgroup['limit']>[0], Record<string, string>][] = [
    ['the fewest shares', { cpu: { shares: 2 } }, { 'cpu.weight': '1' }],
    ['fewer shares than the fewest', { cpu: { shares: 1 } }, { 'cpu.weight': '1' }],
    ['shares of one processor', { cpu: { shares: 1024 } }, { 'cpu.weight': '39' }],
    ['the most shares', { cpu: { shares: 262_144 } }, { 'cpu.weight': '10000' }],
    ['more shares than the most', { cpu: { shares: 262_145 } }, { 'cpu.weight': '10000' }],
    ['a quota', { cpu: { quota: 5000 } }, { 'cpu.max': '5000 100000' }],
    ['a quota and its period', { cpu: { quota: 5000, period: 10_000 } }, { 'cpu.max': '5000 10000' }],
    ['no quota', { cpu: { quota: -1, period: 10_000 } }, { 'cpu.max': 'max 10000' }],
    ['memory', { memory: { limit: MIB } }, { 'memory.max': `${MIB}` }],
    ['memory and no swap', { memory: { limit: MIB, swap: MIB } }, { 'memory.max': `${MIB}`, 'memory.swap.max': '0' }],
    [
      'memory and swap',
      { memory: { limit: MIB, swap: 3 * MIB } },
      { 'memory.max': `${MIB}`, 'memory.swap.max': `${2 * MIB}` },
    ],
    [
      'memory and unlimited swap',
      { memory: { limit: MIB, swap: -1 } },
      { 'memory.max': `${MIB}`, 'memory.swap.max': 'max' },
    ],
    ['unlimited memory', { memory: { limit: -1 } }, { 'memory.max': 'max', 'memory.swap.max': 'max' }],
    ['processes', { pids: { limit: 7 } }, { 'pids.max': '7' }],
    ['unlimited processes', { pids: { limit: -1 } }, { 'pids.max': 'max' }],
    ['processors', { cpu: { cpus: '0-1' } }, { 'cpuset.cpus': '0-1' }],
  ];
  test.each(cases)('the limit for %s is written', async (_name, resources, expected) => {
    const names = ['cpu.weight', 'cpu.max', 'memory.max', 'memory.swap.max', 'pids.max', 'cpuset.cpus'];
    writeFiles(folder, Object.fromEntries(names.map((name) => [name, ''])));
    await cgroup.limit(resources);
    expect(Object.fromEntries(names.map((name) => [name, value(name)]).filter(([, text]) => text !== ''))).toEqual(
      expected,
    );
  });

  test('a memory limit below what is in use is refused, because the kernel would kill processes', async () => {
    writeFiles(folder, { 'memory.current': '1000000\n', 'memory.max': '' });
    await expect(cgroup.limit({ memory: { limit: 999_999 } })).rejects.toThrow(/999999: more than that is in use/);
    await expect(cgroup.limit({ memory: { limit: 2_000_000, swap: 1_999_999 } })).rejects.toThrow(
      /below the limit for memory/,
    );
    expect(value('memory.max')).toBe('');
    await cgroup.limit({ memory: { limit: 1_000_000 } });
    expect(value('memory.max')).toBe('1000000');
  });

  test('limits of controllers that the node does not have are skipped', async () => {
    await cgroup.limit({ cpu: { shares: 2, quota: 5000 }, memory: { limit: MIB }, pids: { limit: 5 } });
    expect(readdirSync(folder)).toEqual([]);
  });

  test('the statistics of a cgroup of version 2 are read', async () => {
    writeFiles(folder, {
      'cpu.stat': 'usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_periods 5\nnr_throttled 4\nthrottled_usec 3\n',
      'memory.stat': 'anon 100\nfile 200\ninactive_file 50\npgfault 7\npgmajfault 2\n',
      'memory.current': '400\n',
      'memory.max': 'max\n',
      'memory.swap.current': '11\n',
      'memory.events': 'low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\n',
      'pids.current': '6\n',
      'pids.max': '8\n',
    });
    expect(await cgroup.stats()).toEqual({
      version: 2,
      cpu: { usageNs: 30_000, userNs: 20_000, systemNs: 10_000, periods: 5, throttledPeriods: 4, throttledNs: 3000 },
      memory: {
        usageBytes: 400,
        limitBytes: 0,
        rssBytes: 100,
        cacheBytes: 200,
        inactiveFileBytes: 50,
        swapBytes: 11,
        pageFaults: 7,
        majorPageFaults: 2,
        oomKills: 2,
      },
      pids: { current: 6, limit: 8 },
    });
    expect(await cgroup.oomKills()).toBe(2);
  });
});

test('the cgroups of this machine are found', () => {
  expect([...controllers.keys()].length > 0).toBe(unified === undefined);
  for (const folder of unified === undefined ? controllers.values() : [unified])
    expect(existsSync(join(folder, 'cgroup.procs'))).toBe(true);
});
