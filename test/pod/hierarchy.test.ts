import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findMounts, NAME_BYTES_MAX, PATH_BYTES_MAX, processFiles, relativePath } from '../../host/pod/hierarchy.ts';

describe('relativePath', () => {
  test.each([
    ['/kubepods/burstable/podab/cd', 'kubepods/burstable/podab/cd'],
    ['relative/cd', 'relative/cd'],
    ['//kubepods/./podab//cd/', 'kubepods/podab/cd'],
    ['/default/a:b:c', 'default/a:b:c'],
    ['...', '...'],
    [
      'kubepods-burstable-podab.slice:cri-containerd:cd',
      'kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podab.slice/cri-containerd-cd.scope',
    ],
    ['machine.slice:libpod:cd', 'machine.slice/libpod-cd.scope'],
    ['machine.slice::cd', 'machine.slice/cd.scope'],
    ['machine.slice:libpod:machine-cd.slice', 'machine.slice/machine-cd.slice'],
    [':libpod:cd', 'system.slice/libpod-cd.scope'],
    ['-.slice:libpod:cd', 'libpod-cd.scope'],
  ])('%s is a folder', (cgroupsPath, path) => expect(relativePath(cgroupsPath)).toBe(path));

  test.each([
    ['', 'names no cgroup'],
    ['/', 'names no cgroup'],
    ['/./', 'names no cgroup'],
    ['/kubepods/../../etc', 'contains ..'],
    ['..', 'contains ..'],
    ['a/..', 'contains ..'],
    ['/kubepods/a\0b', 'zero byte'],
    ['a.slice:b:../../c', 'contains a /'],
    ['a/b.slice:c:d', 'contains a /'],
    ['a:b:c', 'where the name of a slice belongs'],
    ['.slice:b:c', 'where the name of a slice belongs'],
    ['a--b.slice:c:d', 'where the name of a slice belongs'],
    ['-a.slice:c:d', 'where the name of a slice belongs'],
    ['a-.slice:c:d', 'where the name of a slice belongs'],
    ['a.slice:b:', 'names no systemd unit'],
  ])('%j is refused', (cgroupsPath, why) => {
    expect(() => relativePath(cgroupsPath)).toThrow(why);
    expect(() => relativePath(cgroupsPath)).toThrow(expect.objectContaining({ code: 3 }));
  });

  test('the path of a cgroup, and a name in it, may be as long as its limit, and no longer', () => {
    const name = 'n'.repeat(NAME_BYTES_MAX);
    expect(relativePath(`/${name}`)).toBe(name);
    expect(() => relativePath(`/${name}n`)).toThrow('contains a name');
    expect(() => relativePath(`/${'\u00e9'.repeat(128)}`)).toThrow('contains a name');
    const path = `${'a/'.repeat(PATH_BYTES_MAX / 2 - 1)}ab`;
    expect(relativePath(path)).toBe(path);
    expect(() => relativePath(`${path}c`)).toThrow('is longer');
  });
});

describe('findMounts', () => {
  const tmpfs = '31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755';
  const v1 = (name: string, path = `/sys/fs/cgroup/${name}`) =>
    `33 31 0:30 / ${path} rw shared:9 - cgroup cgroup rw,${name}`;
  const v2 = (path: string) => `41 31 0:38 / ${path} rw,relatime - cgroup2 cgroup2 rw,nsdelegate`;

  test('cgroups of version 1, with two controllers in one folder', () => {
    const { controllers, unified } = findMounts([tmpfs, v1('cpu,cpuacct'), v1('memory'), v1('blkio')].join('\n'));
    const cpu = '/sys/fs/cgroup/cpu,cpuacct';
    expect([...controllers]).toEqual([
      ['cpu', cpu],
      ['cpuacct', cpu],
      ['memory', '/sys/fs/cgroup/memory'],
    ]);
    expect(unified).toBe(undefined);
  });

  test('version 2', () => {
    expect(findMounts(v2('/sys/fs/cgroup'))).toEqual({ controllers: new Map(), unified: '/sys/fs/cgroup' });
  });

  test('cgroups of version 2 are ignored while version 1 has a controller', () => {
    const hybrid = [tmpfs, v2('/sys/fs/cgroup/unified'), v1('pids')].join('\n');
    expect(findMounts(hybrid)).toEqual({ controllers: new Map([['pids', '/sys/fs/cgroup/pids']]), unified: undefined });
    const named = [v2('/sys/fs/cgroup/unified'), v1('name=systemd', '/sys/fs/cgroup/systemd')].join('\n');
    expect(findMounts(named)).toEqual({ controllers: new Map(), unified: '/sys/fs/cgroup/unified' });
  });

  test('the first of several mounts of a cgroup hierarchy counts, and without a mount none is found', () => {
    const twice = [v1('pids'), v1('pids', '/chroot/sys/fs/cgroup/pids')].join('\n');
    expect(findMounts(twice).controllers.get('pids')).toBe('/sys/fs/cgroup/pids');
    const roots = [v2('/sys/fs/cgroup'), v2('/chroot/sys/fs/cgroup')].join('\n');
    expect(findMounts(roots).unified).toBe('/sys/fs/cgroup');
    expect(findMounts(`${tmpfs}\n`)).toEqual({ controllers: new Map(), unified: undefined });
  });
});

describe('processFiles', () => {
  /** Makes the file cgroup.procs of some cgroups in a folder, and calls `look` with the folder. */
  function within(cgroups: readonly string[], look: (folder: string) => void): void {
    const folder = mkdtempSync(join(tmpdir(), 'nearlight-hierarchy-'));
    try {
      for (const cgroup of cgroups) {
        mkdirSync(join(folder, cgroup), { recursive: true });
        writeFileSync(join(folder, cgroup, 'cgroup.procs'), '');
      }
      look(folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  test('are those of each controller that we use, in version 1', () =>
    within(['cpu/pods/a', 'memory/pods/a', 'pids/other'], (folder) => {
      const mount = (name: string) => [name, join(folder, name)] as const;
      const cpu = join(folder, 'cpu');
      const controllers = new Map([['cpu', cpu], ['cpuacct', cpu], mount('memory'), mount('pids')]);
      const text = '9:name=systemd:/x\n4:cpu,cpuacct:/pods/a\n3:memory:/pods/a\n2:pids:/gone\n0::/y\n';
      const files = ['cpu', 'memory'].map((name) => join(folder, name, 'pods/a/cgroup.procs'));
      expect(processFiles(text, { controllers, unified: undefined })).toEqual(files);
    }));

  test('is one in version 2, and none for a process that has ended', () =>
    within(['pods/a:b'], (folder) => {
      const mounts = { controllers: new Map<string, string>(), unified: folder };
      expect(processFiles('0::/pods/a:b\n', mounts)).toEqual([join(folder, 'pods/a:b/cgroup.procs')]);
      expect(processFiles('', mounts)).toEqual([]);
    }));
});
