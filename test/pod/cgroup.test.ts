import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Cgroup, leaveCgroups, openCgroup } from '../../host/pod/cgroup.ts';
import { type CgroupMounts, ownMounts } from '../../host/pod/hierarchy.ts';
import { eventually } from '../wait.ts';

const MIB = 2 ** 20;
const parent = `/nearlight-cgroup-${process.pid}`;
const { controllers, unified } = ownMounts();

describe(`cgroups of this machine, version ${unified === undefined ? 1 : 2}`, () => {
  let cgroup: Cgroup;
  let children: ChildProcess[] = [];

  beforeEach(() => {
    cgroup = openCgroup(`${parent}/container`);
    cgroup.create();
  });
  afterEach(async () => {
    for (const child of children) await end(child);
    children = [];
    await cgroup.kill();
    await cgroup.remove();
    await openCgroup(parent).remove();
    expect(cgroup.folders.filter((folder) => existsSync(dirname(folder)))).toEqual([]);
  });

  /** A shell that runs a script once it is told to. */
  async function child(script: string): Promise<ChildProcess> {
    const process = spawn('sh', ['-c', `read line; ${script}`], { stdio: ['pipe', 'ignore', 'ignore'] });
    children.push(process);
    await once(process, 'spawn');
    return process;
  }

  async function end(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  const go = (child: ChildProcess) => child.stdin!.write('\n');
  const file = (name: string) =>
    readFileSync(cgroup.folders.map((folder) => join(folder, name)).find(existsSync)!, 'utf8').trim();

  test('a process is in it with all its threads, and leaves it again', async () => {
    const node = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000); console.log()'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    children.push(node);
    await once(node.stdout!, 'data');
    await cgroup.add(node.pid!);
    expect(await cgroup.pids()).toEqual([node.pid]);
    const threads = readdirSync(`/proc/${node.pid}/task`);
    expect(threads.length).toBeGreaterThan(4);
    for (const thread of threads)
      expect(readFileSync(`/proc/${node.pid}/task/${thread}/cgroup`, 'utf8')).toContain(`${parent}/container`);
    const { memory, pids } = await cgroup.stats();
    expect(pids.current).toBe(threads.length);
    expect(memory.limitBytes).toBe(0);
    await leaveCgroups(node.pid!);
    expect(await cgroup.pids()).toEqual([]);
  });

  test('a process that uses more memory than it may is killed and counted', async () => {
    const [hog, modest] = [await child('exec tail /dev/zero'), await child('exec sleep 60')];
    await cgroup.limit({ memory: { limit: 16 * MIB, swap: 16 * MIB } });
    for (const { pid } of [hog, modest]) await cgroup.add(pid!);
    expect(await cgroup.oomKills()).toBe(0);
    const ended = once(hog, 'exit');
    go(hog);
    expect(await ended).toEqual([null, 'SIGKILL']);
    expect(await cgroup.oomKills()).toBe(1);
    const { memory } = await cgroup.stats();
    expect(memory.limitBytes).toBe(16 * MIB);
    expect(memory.oomKills).toBe(1);
    expect(memory.usageBytes).toBeLessThanOrEqual(16 * MIB);
    expect(memory.pageFaults).toBeGreaterThan(1000);
    expect(await cgroup.pids()).toEqual([modest.pid]);
  });

  test('a quota throttles', async () => {
    const busy = await child('while :; do :; done');
    await cgroup.limit({ cpu: { shares: 2, quota: 5000, period: 50_000 } });
    await cgroup.add(busy.pid!);
    go(busy);
    await eventually(async () => expect((await cgroup.stats()).cpu.throttledPeriods).toBeGreaterThan(4));
    const { cpu } = await cgroup.stats();
    expect(cpu.periods).toBeGreaterThanOrEqual(cpu.throttledPeriods);
    expect(cpu.throttledNs).toBeGreaterThan(0);
    expect(cpu.usageNs).toBeGreaterThan(5e6);
    expect(cpu.usageNs).toBeLessThan((cpu.periods + 2) * 5e6 * 2);
    expect(cpu.userNs + cpu.systemNs).toBeCloseTo(cpu.usageNs, -8);
  });

  test('no more processes begin than may', async () => {
    const shell = await child('sleep 60 & sleep 60 & sleep 60 & wait');
    await cgroup.limit({ pids: { limit: 2 } });
    await cgroup.add(shell.pid!);
    go(shell);
    await eventually(async () => expect(await file('pids.events')).toMatch(/^max [1-9]/));
    // The shell gives up where it cannot fork.
    const { current, limit } = (await cgroup.stats()).pids;
    expect([current <= 2, limit]).toEqual([true, 2]);
    await cgroup.limit({ pids: { limit: -1 } });
    expect((await cgroup.stats()).pids.limit).toBe(0);
    await cgroup.kill();
    expect(await cgroup.pids()).toEqual([]);
  });

  test('limits go up and down, and a refused one says why', async () => {
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

  test('a memory limit below what cannot be taken back is refused', async () => {
    const node = spawn(
      process.execPath,
      ['-e', "process.stdin.once('data', () => { globalThis.kept = Buffer.alloc(48 << 20, 1); console.log(); })"],
      {
        stdio: ['pipe', 'pipe', 'ignore'],
      },
    );
    children.push(node);
    await cgroup.add(node.pid!);
    const ready = once(node.stdout!, 'data');
    go(node);
    await ready;
    await cgroup.limit({ memory: { limit: 128 * MIB, swap: 128 * MIB } });
    const lower = cgroup.limit({ memory: { limit: 4 * MIB, swap: 4 * MIB } });
    await expect(lower).rejects.toThrow(/cannot be set to 4194304: more than that is in use/);
    expect(node.signalCode).toBe(null);
  });

  test('kill ends whatever is in it', async () => {
    for (let count = 0; count < 3; count++) await cgroup.add((await child('exec sleep 60')).pid!);
    expect((await cgroup.pids()).length).toBe(3);
    await cgroup.kill();
    expect(await cgroup.pids()).toEqual([]);
    await cgroup.kill();
  });

  test('what is in use is not removed, what is gone need not be, and its neighbours stay', async () => {
    const sleeper = await child('exec sleep 60');
    await cgroup.add(sleeper.pid!);
    await cgroup.remove();
    expect(cgroup.folders.every(existsSync)).toBe(true);
    const neighbour = openCgroup(`${parent}/neighbour`);
    neighbour.create();
    const gone = sleep(50).then(() => sleeper.kill('SIGKILL'));
    await Promise.all([cgroup.remove(), gone]);
    expect(cgroup.folders.some(existsSync)).toBe(false);
    expect(neighbour.folders.every(existsSync)).toBe(true);
    await cgroup.remove();
    await neighbour.remove();
  });

  test('a process or a cgroup that is not there is not found', async () => {
    await expect(cgroup.add(4_194_303)).rejects.toMatchObject({ code: 5, message: expect.stringContaining('4194303') });
    const missing = openCgroup(`${parent}/missing`);
    await expect(missing.add(process.pid)).rejects.toMatchObject({ code: 5 });
    await missing.limit({ memory: { limit: MIB } });
    expect(await missing.pids()).toEqual([]);
    expect(await missing.oomKills()).toBe(0);
    expect((await missing.stats()).cpu.usageNs).toBe(0);
    await missing.remove();
  });
});

// Where version 1 has the controllers, version 2 has none: its files are played by a folder here.
describe('a folder in the form of version 2', () => {
  let mount: string;
  let mounts: CgroupMounts;
  let cgroup: Cgroup;
  beforeEach(() => {
    mount = mkdtempSync(join(tmpdir(), 'nearlight-cgroup-'));
    mounts = { controllers: new Map(), unified: mount };
    cgroup = openCgroup('kubepods-burstable-podab.slice:cri-containerd:cd', mounts);
    mkdirSync(cgroup.folders[0]!, { recursive: true });
  });
  afterEach(() => rmSync(mount, { recursive: true }));

  function has(folder: string, files: Record<string, string>): void {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  }
  const value = (name: string) => readFileSync(join(cgroup.folders[0]!, name), 'utf8');

  test('every folder above it hands down what it lacks and has', () => {
    const slice = join(mount, 'kubepods.slice');
    has(mount, {
      'cgroup.controllers': 'cpuset cpu io memory pids\n',
      'cgroup.subtree_control': 'cpuset cpu memory\n',
    });
    has(slice, { 'cgroup.controllers': 'cpu memory\n', 'cgroup.subtree_control': 'cpu memory\n' });
    cgroup.create();
    // A real file adds to what is set; this one holds what was written, over what it held.
    expect(readFileSync(join(mount, 'cgroup.subtree_control'), 'utf8')).toBe('+pidst cpu memory\n');
    expect(readFileSync(join(slice, 'cgroup.subtree_control'), 'utf8')).toBe('cpu memory\n');
    expect(existsSync(join(cgroup.folders[0]!, 'cgroup.subtree_control'))).toBe(false);
  });

  const cases: [string, Parameters<Cgroup['limit']>[0], Record<string, string>][] = [
    ['the least shares', { cpu: { shares: 2 } }, { 'cpu.weight': '1' }],
    ['shares below the least', { cpu: { shares: 1 } }, { 'cpu.weight': '1' }],
    ['shares of one processor', { cpu: { shares: 1024 } }, { 'cpu.weight': '39' }],
    ['the most shares', { cpu: { shares: 262_144 } }, { 'cpu.weight': '10000' }],
    ['shares above the most', { cpu: { shares: 262_145 } }, { 'cpu.weight': '10000' }],
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
    ['memory and any swap', { memory: { limit: MIB, swap: -1 } }, { 'memory.max': `${MIB}`, 'memory.swap.max': 'max' }],
    ['any memory', { memory: { limit: -1 } }, { 'memory.max': 'max', 'memory.swap.max': 'max' }],
    ['processes', { pids: { limit: 7 } }, { 'pids.max': '7' }],
    ['any processes', { pids: { limit: -1 } }, { 'pids.max': 'max' }],
    ['processors', { cpu: { cpus: '0-1' } }, { 'cpuset.cpus': '0-1' }],
  ];
  test.each(cases)('%s', async (_name, resources, expected) => {
    const names = ['cpu.weight', 'cpu.max', 'memory.max', 'memory.swap.max', 'pids.max', 'cpuset.cpus'];
    has(cgroup.folders[0]!, Object.fromEntries(names.map((name) => [name, ''])));
    await cgroup.limit(resources);
    expect(Object.fromEntries(names.map((name) => [name, value(name)]).filter(([, text]) => text !== ''))).toEqual(
      expected,
    );
  });

  test('a memory limit is refused below what is used: version 2 would kill', async () => {
    has(cgroup.folders[0]!, { 'memory.current': '1000000\n', 'memory.max': '' });
    await expect(cgroup.limit({ memory: { limit: 999_999 } })).rejects.toThrow(/999999: more than that is in use/);
    await expect(cgroup.limit({ memory: { limit: 2_000_000, swap: 1_999_999 } })).rejects.toThrow(
      /less than the memory/,
    );
    expect(value('memory.max')).toBe('');
    await cgroup.limit({ memory: { limit: 1_000_000 } });
    expect(value('memory.max')).toBe('1000000');
  });

  test('a controller that is not there is left out', async () => {
    await cgroup.limit({ cpu: { shares: 2, quota: 5000 }, memory: { limit: MIB }, pids: { limit: 5 } });
    expect(readdirSync(cgroup.folders[0]!)).toEqual([]);
  });

  test('its figures', async () => {
    has(cgroup.folders[0]!, {
      'cpu.stat': 'usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_periods 5\nnr_throttled 4\nthrottled_usec 3\n',
      'memory.stat': 'anon 100\nfile 200\ninactive_file 50\npgfault 7\npgmajfault 2\n',
      'memory.current': '400\n',
      'memory.max': 'max\n',
      'memory.swap.current': '11\n',
      'memory.events': 'low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\n',
      'pids.current': '6\n',
      'pids.max': '8\n',
      'cgroup.procs': '12\n34\n',
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
    expect(await cgroup.pids()).toEqual([12, 34]);
  });

  test('kill spares a cgroup that holds this process', async () => {
    has(cgroup.folders[0]!, { 'cgroup.procs': `${process.pid}\n`, 'cgroup.kill': '' });
    await expect(cgroup.kill()).rejects.toThrow('holds this process');
    expect(value('cgroup.kill')).toBe('');
  });

  test('kill asks the kernel for all at once', async () => {
    has(cgroup.folders[0]!, { 'cgroup.procs': '4194303\n', 'cgroup.kill': '' });
    const killed = cgroup.kill();
    await eventually(() => expect(value('cgroup.kill')).toBe('1'));
    has(cgroup.folders[0]!, { 'cgroup.procs': '' });
    await killed;
  });
});

test('the cgroups of this machine are found', () => {
  expect([...controllers.keys()].length > 0).toBe(unified === undefined);
  for (const folder of unified === undefined ? controllers.values() : [unified])
    expect(existsSync(join(folder, 'cgroup.procs'))).toBe(true);
});
