import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { runtimeFolder } from '../../host/base/installed.ts';
import { LAYERS, type Layer, layersIn, maskOf } from '../../host/base/layers.ts';
import { type Addon, loadAddon } from '../../host/engine/wasmedge/addon.ts';
import { guestCommand, jailerPath } from '../../host/engine/wasmedge/build.ts';
import { createWasmEdgeEngine } from '../../host/engine/wasmedge/engine.ts';
import { WasmEdgeInstance } from '../../host/engine/wasmedge/instance.ts';
import { GuestProcess } from '../../host/engine/wasmedge/process.ts';
import { eventually } from '../wait.ts';
import { buildJailed, runJailed, withoutNamespaces } from './jailed.ts';
import { good, options } from './modules.ts';

const folder = mkdtempSync(join(tmpdir(), 'nearlight-test-'));
const program = join(folder, 'probe');
const isRoot = process.getuid?.() === 0;
/** First user id of guests of a host that runs as root. */
const USER_BASE = 0x70000000;
const NAMESPACES = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'uts'];
let addon: Addon;

beforeAll(async () => {
  addon = await loadAddon();
  buildJailed('probe.cc', program);
  execFileSync('chmod', ['-R', 'a+rX', folder]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const engine = createWasmEdgeEngine({ cacheDir: join(folder, 'cache') });
/** Name of a source file of this repository, quoted for an import. */
const at = (path: string) => JSON.stringify(join(import.meta.dirname, '../..', path));
const isAlive = (pid: number) => existsSync(`/proc/${pid}`);
const field = (pid: number, name: string) =>
  new RegExp(`^${name}:[ \\t]*(.*?) *$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];

function isOf(uid: number, pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8').includes(`\nUid:\t${uid}\t`);
  } catch {
    // The process has ended.
    return false;
  }
}

describe.runIf(isRoot)('/proc of a running guest process, of a host that is root', () => {
  test('shows a user of its own, no capabilities, a filter, an empty root and few descriptors', async () => {
    const instance = await engine.load(good(), options());
    const [pid, jailer] = instance.pids as [number, number];
    const uid = String(USER_BASE + jailer);
    const rows: Record<string, string> = {};
    for (const name of [
      'Uid',
      'Gid',
      'Groups',
      'CapInh',
      'CapPrm',
      'CapEff',
      'CapBnd',
      'CapAmb',
      'NoNewPrivs',
      'Seccomp',
    ])
      rows[name] = field(pid, name) ?? '';
    for (const name of NAMESPACES) rows[name] = readlinkSync(`/proc/${pid}/ns/${name}`);
    rows.NSpid = field(pid, 'NSpid') ?? '';
    rows.root = readdirSync(`/proc/${pid}/root`).join(' ');
    rows.mounts = readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(' ').slice(4, 6).join(' '))
      .join(', ');
    rows.descriptors = readdirSync(`/proc/${pid}/fd`)
      .map((fd) => `${fd}=${readlinkSync(`/proc/${pid}/fd/${fd}`).replace(/\d{3,}/, 'N')}`)
      .join(' ');
    process.stdout.write(
      `/proc of a guest process:\n${Object.entries(rows)
        .map(([name, text]) => `  ${name.padEnd(12)} ${text}\n`)
        .join('')}`,
    );
    const none = '0000000000000000';
    expect(rows).toMatchObject({
      Uid: [uid, uid, uid, uid].join('\t'),
      Gid: [uid, uid, uid, uid].join('\t'),
      Groups: '',
      CapInh: none,
      CapPrm: none,
      CapEff: none,
      CapBnd: none,
      CapAmb: none,
      NoNewPrivs: '1',
      Seccomp: '2',
      NSpid: `${pid}\t1`,
      root: 'scratch',
      descriptors: '0=/dev/null 1=/dev/null 2=/dev/null 4=socket:[N]',
    });
    for (const name of NAMESPACES) expect(rows[name]).not.toBe(readlinkSync(`/proc/self/ns/${name}`));
    expect(rows.mounts).toMatch(/^\/ ro,nosuid,nodev,noexec.*, \/scratch rw,nosuid,nodev/);
    // The jailer has given up its privileges too.
    for (const name of ['CapPrm', 'CapEff', 'CapBnd']) expect(field(jailer, name)).toBe(none);
    expect(field(jailer, 'Uid')).toBe(rows.Uid);
    await instance.close();
  });

  test('shows another user for each of two guest processes', async () => {
    const instances = [await engine.load(good(), options()), await engine.load(good(), options())];
    const users = instances.map(({ pid }) => field(must(pid, 'pid'), 'Uid'));
    expect(new Set(users).size).toBe(2);
    await Promise.all(instances.map((instance) => instance.close()));
  });

  test('shows the user that the options ask for', async () => {
    const named = createWasmEdgeEngine({ cacheDir: join(folder, 'cache'), user: { uid: 65_532, gid: 65_533 } });
    const instance = await named.load(good(), options());
    expect(field(must(instance.pid, 'pid'), 'Uid')).toBe('65532\t65532\t65532\t65532');
    expect(field(must(instance.pid, 'pid'), 'Gid')).toBe('65533\t65533\t65533\t65533');
    await instance.close();
  });

  test.each([
    ['no user', undefined],
    ['the usual user', { uid: 65_532, gid: 65_532 }],
    ['a user of the pod', { uid: 70_001, gid: 70_001 }],
  ])('shows a prepared process with the right user for a game that names %s', async (_, user) => {
    const usualUser = { uid: 65_532, gid: 65_532 };
    const prepared = createWasmEdgeEngine({ cacheDir: join(folder, 'cache'), usualUser });
    const { limits } = options();
    await prepared.prepare(limits);
    if (user) await prepared.prepareAs(user, limits);
    const before = new Set(readdirSync('/proc').map(Number));
    const instances = [];
    for (const isPrepared of [true, false]) {
      const instance = await prepared.load(good(), { ...options(), user });
      instances.push(instance);
      const [pid, jailer] = instance.pids as [number, number];
      expect(before.has(jailer)).toBe(isPrepared);
      const uid = user?.uid ?? USER_BASE + jailer;
      expect(field(pid, 'Uid')).toBe([uid, uid, uid, uid].join('\t'));
    }
    await Promise.all(instances.map((instance) => instance.close()));
    await prepared.close();
  });

  test('shows no process that a game has left untouched, some time after the game has started', async () => {
    const prepared = createWasmEdgeEngine({ cacheDir: join(folder, 'cache'), usualUser: { uid: 70_002, gid: 70_002 } });
    const waiting = () => readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isOf(70_002, name));
    const { limits } = options();
    await prepared.prepare(limits);
    expect(waiting()).not.toEqual([]);
    const instance = await prepared.load(good(), options());
    await eventually(() => expect(waiting()).toEqual([]));
    // A process that is prepared later stays.
    await prepared.prepare(limits);
    expect(waiting()).not.toEqual([]);
    await instance.close();
    await prepared.close();
    expect(waiting()).toEqual([]);
  });
});

/** Runs a command that starts the probe. Returns the values that the probe prints, by name. */
function look(command: readonly string[]): Record<string, string> {
  const text = execFileSync(command[0] as string, command.slice(1), {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit', 'ignore', 'ignore', 'pipe'],
  });
  return Object.fromEntries(
    text
      .trim()
      .split('\n')
      .map((line) => line.split(' ') as [string, string]),
  );
}

const EVERY: Layer[] = LAYERS.filter((layer) => layer !== 'seccomp');
const INSIDE = { pid: '1', cwd: '/scratch', root: 'scratch', readonly: '1', scratch: '1', node: '0', mount: '0' };

describe('a jail', () => {
  const probe = () => ['compiler', '0', '0', program, 'look'];
  const jailer = () => {
    const copy = join(folder, 'jailer');
    execFileSync('install', ['-m', '755', jailerPath, copy]);
    return [copy, ...probe()];
  };
  const layersOf = (seen: Record<string, string>) => layersIn(Number(seen.layers));
  const asUser = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];

  test.runIf(isRoot)('has every layer for root', () => {
    const seen = look(jailer());
    expect(layersOf(seen)).toEqual(EVERY);
    expect(seen).toMatchObject(INSIDE);
  });

  test.runIf(isRoot)('has every layer for an ordinary user, where user namespaces are allowed', () => {
    const seen = look([...asUser, ...jailer()]);
    expect(layersOf(seen)).toEqual(EVERY);
    expect(seen).toMatchObject(INSIDE);
  });

  test.runIf(isRoot)('has limits and no_new_privs for an ordinary user, where user namespaces are forbidden', () => {
    const seen = look([...withoutNamespaces, ...jailer()]);
    expect(layersOf(seen)).toEqual(['noNewPrivileges', 'limits']);
    // The compiler works in a temporary folder, which is gone afterwards.
    expect(seen.cwd).toMatch(/\/nearlight-compile-\w+$/);
    expect(seen.scratch).toBe('1');
    expect(existsSync(must(seen.cwd, 'folder'))).toBe(false);
    // Landlock keeps it from other files, on kernels that have it.
    expect(seen.node).toBe(seen.landlock === '1' ? '0' : '1');
  });

  test.runIf(isRoot)('has every layer for root in a chroot', () => {
    const libraries = ['/bin', '/lib', '/lib64', '/usr', '/etc'].filter((path) => existsSync(path));
    const make = `mount -t tmpfs none /mnt && cd /mnt && mkdir base ${libraries.map((path) => `base${path}`).join(' ')} base/proc base/tmp &&
      for path in ${libraries.join(' ')}; do mount --bind "$path" "base$path"; done &&
      mount -t proc proc base/proc && cp -r "$FOLDER/probe" "$FOLDER/jailer" base/ && exec chroot base "$@"`;
    const [, ...rest] = jailer();
    const inside = ['/jailer', ...rest].map((part) => (part === program ? '/probe' : part));
    const seen = look(['unshare', '--mount', 'env', `FOLDER=${folder}`, 'sh', '-c', make, 'sh', ...inside]);
    expect(layersOf(seen)).toEqual(EVERY);
    expect(seen).toMatchObject(INSIDE);
  });
});

describe('a compiler under the control of an attacker', () => {
  const SUCCESS = 0;
  test.each([
    ['write /etc/passwd', 'fails', true],
    ['read /etc/shadow', 'fails', true],
    ['write into the cache', 'fails', false],
    ['leave a child behind', 'is killed', true],
    ['create an io_uring', 'is killed', false],
    ['open a socket', 'is killed', true],
    ['signal another process', 'is killed', false],
    ['signal a thread of another process', 'is killed', false],
    ['make a user namespace', 'is killed', true],
    ['start a program', 'is killed', true],
    ["write to the node's terminal", 'fails', false],
    ['make memory executable', 'is killed', true],
    ...(process.arch === 'x64' ? [['use the 32-bit ABI', 'is killed', true] as [string, string, boolean]] : []),
  ])('cannot %s: it %s', async (attack, outcome, hasControl) => {
    // The control shows that the attack would succeed outside of the jail.
    if (hasControl && isRoot) expect(execFileSync(program, ['unconfined', attack]).toString()).toBe('');
    const { status, signal } = await runJailed([program, 'attack', attack]);
    expect({ status, signal }).toEqual(
      outcome === 'fails' ? { status: SUCCESS + 1, signal: null } : { status: null, signal: 'SIGSYS' },
    );
  });
});

describe('a forged cache entry', () => {
  /** Loads a shared library whose constructor attacks, in place of a module's native code. Resolves with the error. */
  async function loadForged(attack: number): Promise<string> {
    const path = join(folder, `forged${attack}.so`);
    execFileSync('c++', ['-shared', '-fPIC', `-DATTACK=${attack}`, join(import.meta.dirname, 'forged.cc'), '-o', path]);
    const code = readFileSync(path);
    const settings = options({ initMsMax: 600_000 });
    const guest = new GuestProcess(addon, guestCommand(), { ...settings.limits, required: LAYERS, interpreter: false });
    const instance = new WasmEdgeInstance(guest, settings);
    const fd = addon.sealed(code);
    try {
      return await instance
        .load({ fds: [fd], codeBytes: code.length, saves: false, moves: false, sounds: false, codeShift: 0 })
        .then(
          () => 'loaded',
          (error: Error) => error.message,
        );
    } finally {
      closeSync(fd);
      await instance.close();
    }
  }

  test.runIf(isRoot).each([
    ['opens a socket', 1, /seccomp/],
    ["reads the node's files", 2, /status 70 in loading/],
    ['writes a file', 3, /seccomp/],
    ['looks for other processes', 4, /status 70 in loading/],
    ['signals another process', 5, /seccomp/],
    ['starts a program', 6, /seccomp/],
    ['climbs out of its folder', 7, /status 70 in loading/],
  ])('whose constructor %s does so in the jail, in vain', async (_, attack, outcome) => {
    expect(await loadForged(attack)).toMatch(outcome);
  });
});

describe('layers of confinement', () => {
  test('a bit mask names its layers, and the other way round', () => {
    for (const layer of LAYERS) expect(layersIn(maskOf([layer]))).toEqual([layer]);
    expect(layersIn(maskOf(LAYERS))).toEqual(LAYERS);
    expect(layersIn(1 << LAYERS.length)).toEqual([]);
  });
});

describe('the end of the host', () => {
  /** Starts a process that runs `source`, and returns it with the first line that it prints. */
  async function startHost(source: string) {
    const host = spawn(process.execPath, ['--input-type=module', '-e', source], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface(host.stdout), 'line')) as [string];
    return { host, pids: line.split(' ').map(Number) };
  }

  test.each(['SIGKILL', 'SIGTERM'] as const)(
    'by %s ends a guest process in an endless loop, and its jailer',
    async (signal) => {
      const { host, pids } = await startHost(`
      import { createWasmEdgeEngine } from ${at('host/engine/wasmedge/engine.ts')};
      import { good, options } from ${at('test/engine/modules.ts')};
      const engine = createWasmEdgeEngine({ cacheDir: ${JSON.stringify(join(folder, 'cache'))}, requiredLayers: [] });
      const instance = await engine.load(good({ tick: '(loop $again (br $again))' }), options({ callMsMax: 60000 }));
      void instance.tick(0);
      console.log(instance.pids.join(' '));`);
      expect(pids.length).toBe(2);
      expect(pids.every(isAlive)).toBe(true);
      host.kill(signal);
      await eventually(() => expect(pids.filter(isAlive)).toEqual([]));
    },
  );

  test('ends a compiler that waits', async () => {
    const { host, pids } = await startHost(`
      import { spawnJailed } from ${at('host/engine/wasmedge/jail.ts')};
      const { child } = spawnJailed({ kind: 'compiler', command: ['/bin/sleep', '600'], stdio: ['ignore', 'pipe', 'inherit', 'ignore', 'ignore'] });
      console.log(child.pid);`);
    expect(pids.every(isAlive)).toBe(true);
    host.kill('SIGKILL');
    await eventually(() => expect(pids.filter(isAlive)).toEqual([]));
  });

  test('a guest process ends with its jailer', async () => {
    const instance = await engine.load(good(), options());
    const [pid, jailer] = instance.pids as [number, number];
    process.kill(jailer, 'SIGKILL');
    await eventually(() => expect(isAlive(pid)).toBe(false));
    expect((await instance.ended)?.code).toBe('NL_GUEST_KILLED');
    await instance.close();
  });
});

describe('a required layer that does not hold', () => {
  test('keeps a guest process from starting, and the error says what to do', async () => {
    const command = ['/bin/sh', '-c', 'exit 5'];
    const guest = new GuestProcess(addon, command, {
      ...options().limits,
      required: ['emptyRoot', 'limits'],
      interpreter: false,
    });
    const instance = new WasmEdgeInstance(guest, options());
    await expect(
      instance.load({ fds: [], codeBytes: 0, saves: false, moves: false, sounds: false, codeShift: 0 }),
    ).rejects.toThrow(
      /^NL_CONFINEMENT: .*does not give emptyRoot \(an empty file system\), nor limits: run as root, or allow user namespaces/,
    );
    await instance.close();
  });

  test.runIf(isRoot)('stops guests and the compiler where namespaces are forbidden, unless it is not required', () => {
    const source = `
      import { createWasmEdgeEngine } from ${at('host/engine/wasmedge/engine.ts')};
      import { LAYERS } from ${at('host/base/layers.ts')};
      import { good, options } from ${at('test/engine/modules.ts')};
      const cacheDir = ${JSON.stringify(join(folder, 'other'))};
      const strict = createWasmEdgeEngine({ cacheDir, requiredLayers: LAYERS });
      const errors = [];
      await strict.prepare(options().limits).catch((error) => errors.push(error.message));
      await strict.load(good(), options()).catch((error) => errors.push(error.message));
      const lines = [];
      const lenient = createWasmEdgeEngine({ cacheDir });
      for (let run = 0; run < 2; run++) {
        const instance = await lenient.load(good(), { ...options(), log: (level, line) => lines.push(level + ': ' + line) });
        await instance.tick(0);
        await instance.close();
      }
      console.log(JSON.stringify({ errors, warnings: lines.filter((line) => line.startsWith('warn')) }));
      process.exit(0);`;
    // That of root, because an ordinary user would look for one of its own.
    const env = { ...process.env, NEARLIGHT_RUNTIME: runtimeFolder() };
    const [program = '', ...rest] = [...withoutNamespaces, process.execPath, '--input-type=module', '-e', source];
    const { errors, warnings } = JSON.parse(execFileSync(program, rest, { encoding: 'utf8', env }));
    const missing = /^NL_CONFINEMENT: .*does not give userOrUid .*, nor namespaces, emptyRoot, noCapabilities: /;
    expect(errors).toEqual([expect.stringMatching(missing), expect.stringMatching(missing)]);
    expect(warnings).toEqual([expect.stringMatching(/confinement: userOrUid, namespaces, emptyRoot, noCapabilities;/)]);
  });
});
