import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readKernelCounts } from '../../host/observe/kernel.ts';

const POD = 'pod3a1f5c3e-8d0b-4f53-9a10-0c9d7e2f6b11';
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'nearlight-kernel-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** Reads the counts of a process whose /proc/self/cgroup has this text. */
function read(own: string) {
  put('own', own);
  return readKernelCounts({ root, own: join(root, 'own') });
}

const stat = (periods: number, throttled: number) =>
  `usage_usec 5\nnr_periods ${periods}\nnr_throttled ${throttled}\nthrottled_usec 9\n`;

describe("the kernel's counts", () => {
  test('cgroup version 2: the pod with all of its containers, and its pressure', () => {
    const pod = `kubepods.slice/kubepods-burstable.slice/kubepods-burstable-${POD.replaceAll('-', '_')}.slice`;
    put(`${pod}/cpu.stat`, stat(10, 1));
    put(`${pod}/cri-containerd-a.scope/cpu.stat`, stat(20, 4));
    put(`${pod}/cri-containerd-b.scope/cpu.stat`, stat(0, 0));
    put(`${pod}/cpu.pressure`, 'some avg10=1.53 avg60=0.87 avg300=0.73 total=1088168\nfull avg10=0.00 total=7\n');
    expect(read(`0::/${pod}/cri-containerd-a.scope\n`)).toEqual({
      periods: 30,
      throttledPeriods: 5,
      stalledUs: 1_088_168,
    });
  });

  test('cgroup version 1: the pod with all of its containers, without pressure', () => {
    put(`cpu,cpuacct/kubepods/${POD}/cpu.stat`, 'nr_periods 3\nnr_throttled 1\nthrottled_time 5\n');
    put(`cpu,cpuacct/kubepods/${POD}/abc/cpu.stat`, 'nr_periods 4\nnr_throttled 2\nthrottled_time 5\n');
    expect(read(`5:memory:/x\n4:cpu,cpuacct:/kubepods/${POD}/abc\n0::/\n`)).toEqual({
      periods: 7,
      throttledPeriods: 3,
    });
  });

  test('a process outside a pod has the counts of its own cgroup and of those below it', () => {
    put('cpu/user/cpu.stat', stat(2, 1));
    put('cpu/user/more/cpu.stat', stat(3, 1));
    put('cpu/other/cpu.stat', stat(50, 40));
    expect(read('3:cpu:/user\n')).toEqual({ periods: 5, throttledPeriods: 2 });
  });

  test.each([
    ['no such file', undefined],
    ['no line of cgroups', 'hello\n'],
    ['a path that leads nowhere', '0::/none\n'],
  ])('%s: nothing is known', (_, own) => {
    expect(own === undefined ? readKernelCounts({ root, own: join(root, 'none') }) : read(own)).toEqual({});
  });

  test('a file of another form counts as missing', () => {
    put('a/cpu.stat', 'nr_periods many\nnr_throttled 1\n');
    put('a/cpu.pressure', 'some avg10=0.00\n');
    expect(read('0::/a\n')).toEqual({});
  });

  test('this machine has a form that can be read', () => {
    for (const value of Object.values(readKernelCounts())) expect(value).toBeGreaterThanOrEqual(0);
  });
});
