import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildNative, kernelPath } from '../../host/engine/wasmedge/build.ts';

const root = join(import.meta.dirname, '../..');
const name = `nl-kernel-${process.pid}`;
let folder: string;
beforeAll(async () => {
  await buildNative();
  folder = mkdtempSync(join(tmpdir(), 'kernel-'));
  execFileSync('ip', ['netns', 'add', name]);
});
afterAll(() => {
  execFileSync('ip', ['netns', 'delete', name]);
  rmSync(folder, { recursive: true });
});

/** Runs code in a process whose mounts are its own, with workers that are busy and a device that is open; gives what it prints as JSON. */
function inside(code: string): never {
  const path = join(folder, 'run.ts');
  writeFileSync(
    path,
    `import { loadKernel } from '${root}/host/shim/kernel.ts';
import { openGpu } from '${root}/host/gpu/dawn.ts';
import { lookup } from 'node:dns/promises';
import { readFileSync, readdirSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
const kernel = loadKernel('${kernelPath}');
await openGpu({ hardwareRequired: false, log() {} });
await Promise.all(Array.from({ length: 8 }, () => lookup('localhost')));
const threads = (field) => readdirSync('/proc/self/task').map((id) => [readFileSync('/proc/self/task/' + id + '/comm', 'utf8').trim(), new RegExp(field + ':\\\\s*(\\\\S+)').exec(readFileSync('/proc/self/task/' + id + '/status', 'utf8'))[1]]);
const print = (value) => process.stdout.write(JSON.stringify(value));
${code}
process.exit();`,
  );
  const output = execFileSync('unshare', ['-m', '--propagation', 'slave', process.execPath, path], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return JSON.parse(output) as never;
}

it('enters a network on every thread that takes signals', () => {
  const { moved, skipped, before, after, error } = inside(`
    const before = Object.keys(networkInterfaces()).length;
    const { moved, skipped } = kernel.enterNetwork('/run/netns/${name}');
    const error = await fetch('http://127.0.0.1:18999/').catch((e) => e.cause.code);
    print({ moved, skipped, before, after: Object.keys(networkInterfaces()).length, error });`) as {
    moved: number;
    skipped: string[];
    before: number;
    after: number;
    error: string;
  };
  expect(before).toBeGreaterThan(0);
  // Its loopback device is down: nothing is there at all.
  expect([after, error]).toEqual([0, 'ENETUNREACH']);
  expect(moved).toBeGreaterThan(8);
  // What blocks signals has nothing to do with the network.
  for (const thread of skipped) expect(thread).not.toMatch(/libuv|V8Worker/);
});

it('makes a network with a loopback device', () => {
  expect(inside(`kernel.newNetwork(); print(Object.keys(networkInterfaces()));`)).toEqual(['lo']);
});

it('gives up privileges on the same threads, and for good', () => {
  const { skipped, left } = inside(`
    const { skipped } = kernel.dropPrivileges([2]);
    print({ skipped, left: threads('CapEff').filter(([, set]) => set !== '0000000000000004') });`) as {
    skipped: string[];
    left: [string, string][];
  };
  expect(left.map(([thread]) => thread).sort()).toEqual([...skipped].sort());
  const refused = inside(`
    kernel.dropPrivileges([]);
    let refused = '';
    try { kernel.enterNetwork('/run/netns/${name}'); } catch (error) { refused = error.message; }
    print(refused);`);
  expect(refused).toContain('Operation not permitted');
});

it('binds a file for itself alone, read-only where it is asked to', () => {
  const [own, other] = [join(folder, 'own'), join(folder, 'other')];
  writeFileSync(own, 'own');
  writeFileSync(other, 'other');
  const seen = inside(`
    import { writeFileSync } from 'node:fs';
    kernel.bindMount('${own}', '${other}', true);
    let refused = '';
    try { writeFileSync('${other}', 'x'); } catch (error) { refused = error.code; }
    print([readFileSync('${other}', 'utf8'), refused]);`);
  expect(seen).toEqual(['own', 'EROFS']);
  expect(execFileSync('cat', [other], { encoding: 'utf8' })).toBe('other');
});

it('says which file is not there', () => {
  expect(inside(`try { kernel.enterNetwork('/none'); } catch (error) { print(error.message); }`)).toBe(
    '/none: No such file or directory',
  );
});
