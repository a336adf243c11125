import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cgroup, findMounts, openCgroup, ownMounts, relativePath } from '../../host/shim/cgroup.ts';

describe('a path', () => {
  it.each([
    ['/kubepods/burstable/pod1/abc', 'kubepods/burstable/pod1/abc'],
    ['default/abc', 'default/abc'],
    [
      'kubepods-burstable-pod1_2.slice:cri-containerd:abc',
      'kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/cri-containerd-abc.scope',
    ],
    ['system.slice::abc', 'system.slice/abc.scope'],
    ['-.slice:cri:abc', 'cri-abc.scope'],
  ])('%s is %s', (path, folder) => expect(relativePath(path)).toBe(folder));
  it.each(['/a/../../etc', '..', '', '/', '.', `/${'a'.repeat(1024)}`, '/a\0b'])('%j is refused', (path) => {
    expect(() => relativePath(path)).toThrow('cannot be used');
  });
});

describe('the mounts', () => {
  const line = (path: string, type: string, options: string) =>
    `30 29 0:27 / ${path} rw,nosuid shared:4 - ${type} cgroup rw,${options}`;
  it('of version 2 are one folder', () => {
    expect(findMounts(line('/sys/fs/cgroup', 'cgroup2', 'nsdelegate'))).toEqual({
      controllers: new Map(),
      unified: '/sys/fs/cgroup',
    });
  });
  it('of version 1 and of hybrid mode are one for each controller', () => {
    const text = [
      line('/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'cpu,cpuacct'),
      line('/sys/fs/cgroup/memory', 'cgroup', 'memory'),
      line('/sys/fs/cgroup/unified', 'cgroup2', ''),
    ].join('\n');
    const { controllers, unified } = findMounts(text);
    expect(unified).toBeUndefined();
    expect([...controllers]).toEqual([
      ['cpu', '/sys/fs/cgroup/cpu,cpuacct'],
      ['cpuacct', '/sys/fs/cgroup/cpu,cpuacct'],
      ['memory', '/sys/fs/cgroup/memory'],
    ]);
  });
});

/** Folders and files as the kernel makes them; what the class writes can be read back. */
describe('version 2, on files of the test', () => {
  let root: string;
  let cgroup: Cgroup;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'cgroup-'));
    for (const folder of ['', 'pods']) {
      mkdirSync(join(root, folder), { recursive: true });
      writeFileSync(join(root, folder, 'cgroup.controllers'), 'cpu memory pids\n');
      writeFileSync(join(root, folder, 'cgroup.subtree_control'), '');
    }
    cgroup = new Cgroup('pods/abc', { controllers: new Map(), unified: root });
    cgroup.create();
    const files = {
      'cpu.weight': '100',
      'cpu.max': 'max 100000',
      'memory.max': 'max',
      'pids.max': 'max',
      'pids.current': '3',
      'memory.current': '5000',
      'memory.swap.current': '7',
      'memory.stat': 'anon 1000\nfile 2000\ninactive_file 30\npgfault 4\npgmajfault 5\n',
      'cpu.stat': 'usage_usec 10\nuser_usec 6\nsystem_usec 4\nnr_periods 2\nnr_throttled 1\nthrottled_usec 9\n',
      'memory.events': 'oom 2\noom_kill 1\n',
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(root, 'pods/abc', name), text);
  });
  afterAll(() => rmSync(root, { recursive: true }));
  const read = (name: string) => readFileSync(join(root, 'pods/abc', name), 'utf8');

  it('hands its controllers down', () =>
    expect(readFileSync(join(root, 'pods/cgroup.subtree_control'), 'utf8')).toMatch(/^\+/));

  it('takes limits as version 2 says them', async () => {
    await cgroup.limit({
      cpu: { shares: 512, quota: 50_000, period: 100_000 },
      memory: { limit: 2 ** 20 },
      pids: { limit: 9 },
    });
    expect(['cpu.weight', 'cpu.max', 'memory.max', 'pids.max'].map(read)).toEqual([
      '20',
      '50000 100000',
      '1048576',
      '9',
    ]);
    await cgroup.limit({ cpu: { shares: 2, quota: -1 }, memory: { limit: -1 } });
    expect(['cpu.weight', 'cpu.max', 'memory.max'].map(read)).toEqual(['1', 'max 100000', 'max']);
    await cgroup.limit({ cpu: { shares: 262_144 } });
    expect(read('cpu.weight')).toBe('10000');
  });

  it('tells what was used', async () => {
    expect(await cgroup.stats()).toEqual({
      version: 2,
      cpu: { usageNs: 10_000, userNs: 6000, systemNs: 4000, periods: 2, throttledPeriods: 1, throttledNs: 9000 },
      memory: {
        usageBytes: 5000,
        limitBytes: 0,
        rssBytes: 1000,
        cacheBytes: 2000,
        inactiveFileBytes: 30,
        swapBytes: 7,
        pageFaults: 4,
        majorPageFaults: 5,
        oomKills: 1,
      },
      pids: { current: 3, limit: 9 },
    });
  });
});

describe("this machine's own", () => {
  const cgroup = openCgroup(`/nearlight-cgroup-${process.pid}/abc`);
  afterAll(async () => {
    await cgroup.remove();
    await openCgroup(`/nearlight-cgroup-${process.pid}`).remove();
    expect(cgroup.folders.some(existsSync)).toBe(false);
  });

  it('holds a process, counts it, and ends it where it takes too much memory', async () => {
    expect(cgroup.folders.length, 'this machine has no cgroups that a test could use').toBeGreaterThan(0);
    cgroup.create();
    await cgroup.limit({ memory: { limit: 32 * 2 ** 20 }, cpu: { shares: 256 } });
    const code = 'process.stdin.once("data", () => { const held = []; for (;;) held.push(Buffer.alloc(1 << 20, 1)); })';
    const child = spawn(process.execPath, ['-e', code], { stdio: ['pipe', 'ignore', 'ignore'] });
    const ended = new Promise((resolve) => child.once('exit', (_status, signal) => resolve(signal)));
    await cgroup.add(child.pid!);
    expect(await cgroup.pids()).toEqual([child.pid]);
    expect((await cgroup.stats()).version).toBe(ownMounts().unified === undefined ? 1 : 2);
    child.stdin!.write('go');
    expect(await ended).toBe('SIGKILL');
    expect(await cgroup.oomKills()).toBe(1);
    const { cpu, memory } = await cgroup.stats();
    expect(cpu.usageNs).toBeGreaterThan(0);
    expect(memory).toMatchObject({ limitBytes: 32 * 2 ** 20, oomKills: 1 });
  });

  it('refuses a limit that the kernel refuses, and says so', async () => {
    await expect(cgroup.limit({ cpu: { quota: 1, period: 1 } })).rejects.toMatchObject({
      code: 9,
      message: expect.stringContaining('cannot be set to 1'),
    });
  });
});
