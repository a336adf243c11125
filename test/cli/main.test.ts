import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { settings } from '../../host/base/config.ts';
import { findRuntime } from '../../host/base/installed.ts';
import { ABI_VERSION, LOG_INFO } from '../../renderer/contract/abi.ts';
import { at } from '../at.ts';
import { type HostProcess, startHostProcess } from '../e2e/host.ts';
import { good, writeBlock } from '../engine/modules.ts';
import { Peer } from '../stream/peer.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'nearlight-main-'));

const hosts: HostProcess[] = [];
afterEach(() => {
  for (const { process } of hosts.splice(0)) process.kill('SIGKILL');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the program of the host until it ends by itself. */
async function run(args: string[], environment: Record<string, string> = {}, at = root): Promise<Ended> {
  const child = spawn(process.execPath, [join(at, 'host/cli/main.ts'), ...args], {
    cwd: at,
    env: { ...process.env, PORT: '0', OPERATOR_PORT: '0', CACHE_DIR: join(folder, 'cache'), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 100_000,
    killSignal: 'SIGKILL',
  });
  const ended = { stdout: '', stderr: '' };
  child.stdout.on('data', (text) => (ended.stdout += text));
  child.stderr.on('data', (text) => (ended.stderr += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...ended };
}

async function start(module: string, environment: Record<string, string> = {}): Promise<HostProcess> {
  const host = await startHostProcess([module], { CACHE_DIR: join(folder, 'cache'), ...environment });
  hosts.push(host);
  return host;
}

async function end(host: HostProcess, name: NodeJS.Signals): Promise<number | null> {
  host.process.kill(name);
  const [code] = (await once(host.process, 'exit')) as [number | null];
  return code;
}

function put(name: string, contents: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, contents);
  return path;
}

/** Returns the last line that the host wrote to standard error. Lines above it may come from the GPU library. */
const lastLine = ({ stderr }: Ended): string => at(stderr.trimEnd().split('\n'), -1);

/** Returns the path of the manifest of a Vulkan driver that renders in software: the private runtime's, or the system's. */
function softwareDriver(): string {
  const runtime = findRuntime();
  if (runtime) return runtime.driverManifest;
  const folder = '/usr/share/vulkan/icd.d';
  const found = readdirSync(folder).find((name) => name.startsWith('lvp_icd'));
  return join(folder, must(found, 'software driver'));
}

const fine = put('fine.wasm', good());

describe('the command line', () => {
  test('--help lists every setting with its default', async () => {
    const { code, stdout, stderr } = await run(['--help']);
    expect([code, stderr]).toEqual([0, '']);
    for (const setting of Object.values(settings))
      expect(stdout).toMatch(
        new RegExp(`^  ${setting.env} .*\\(${setting.default === '' ? '-' : setting.default}\\)$`, 'm'),
      );
    for (const command of ['start', 'dev', 'new', 'build', 'image', 'render', 'inspect', 'pack', 'doctor'])
      expect(stdout).toContain(`\n  ${command} `);
  });

  test('--version prints one line', async () => {
    expect(await run(['--version'])).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^nearlight \d+\.\d+\.\d+\n$/),
      stderr: '',
    });
  });

  test.each([
    ['an unknown option', ['--nonsense'], "Unknown option '--nonsense'; --help lists the options"],
    ['an option without its value', ['--port'], "Option '--port <value>' argument missing; --help lists the options"],
    [
      'a folder of assets that is missing',
      ['--assets', join(folder, 'none'), fine],
      `--assets ${join(folder, 'none')}: there is no such folder`,
    ],
    ['a file as the folder of assets', ['--assets', fine, fine], `--assets ${fine}: there is no such folder`],
    [
      'a mistyped command',
      ['dcotor'],
      'there is neither a command nor a file named dcotor; give a .wasm file or a command; --help lists both',
    ],
    ['a game by its name', ['arena'], 'there is no file arena; to play that game, give build/arena.wasm'],
    [
      'two modules of one name',
      [fine, './fine.wasm'],
      'two modules are named fine, but each room needs a name of its own; rename a file',
    ],
  ])('%s is refused', async (_what, args, detail) => {
    const { code, stdout, stderr } = await run(args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`NL_USAGE: The command line cannot be understood: ${detail}`);
    expect(stderr.trimEnd()).not.toContain('\n');
  });
});

describe('a setting', () => {
  // A wrong argument that is only found after the settings were read.
  const mistake = ['--assets', join(folder, 'none')];

  test.each([
    [{ MAX_PLAYERS: '0' }, [], 'MAX_PLAYERS=0 is not a whole number from 1 to 64'],
    [{ MAX_PLAYERS: '65' }, [], 'MAX_PLAYERS=65 is not a whole number from 1 to 64'],
    [{ MAX_PLAYERS: 'many' }, [], 'MAX_PLAYERS=many is not a whole number from 1 to 64'],
    [{}, ['--port', '65536'], 'PORT=65536 is not a whole number from 0 to 65535'],
    [{}, ['--port=-1'], 'PORT=-1 is not a whole number from 0 to 65535'],
    [{ GPU_ENABLED: 'yes' }, [], 'GPU_ENABLED=yes is neither true nor false'],
    [{ LOG_LEVEL: 'loud' }, [], 'LOG_LEVEL=loud is unknown; set it to one of error, warn, info, debug'],
    [{ ADMISSION: 'closed' }, [], 'ADMISSION=closed is not open or token'],
  ])('%j %j is refused', async (environment, args, detail) => {
    const ended = await run([...args, ...mistake], environment);
    expect(ended).toEqual({ code: 2, stdout: '', stderr: `NL_SETTING: A setting is out of its bounds: ${detail}\n` });
  });

  test('a host that strangers could reach does not start before its settings say who may join', async () => {
    const reachable = { HOST: '0.0.0.0' };
    const { code, stdout, stderr } = await run(mistake, reachable);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('listening at 0.0.0.0 would let anyone who reaches it join; set ADMISSION=open');
    expect((await run(mistake, { ...reachable, ADMISSION: 'open' })).stderr).toContain('--assets');
  });

  test.each([
    [{ MAX_PLAYERS: '1', LOG_LEVEL: 'error' }, ['--port', '65535']],
    [{ MAX_PLAYERS: '64', LOG_LEVEL: 'debug' }, ['--port', '0']],
    [{ PORT: '65536' }, ['--port', '8080']],
  ])('%j %j is accepted, and a flag overrides its variable', async (environment, args) => {
    expect(lastLine(await run([...args, ...mistake], environment))).toMatch(/^NL_USAGE/);
  });

  test('an unknown ENGINE is refused', async () => {
    const ended = await run([fine, '--engine', 'nonsense']);
    expect(ended.code).toBe(2);
    expect(lastLine(ended)).toBe(
      'NL_SETTING: A setting is out of its bounds: ENGINE=nonsense is unknown; set it to wasmedge, wasmedge-interpreter or javascript',
    );
  });
});

describe('a module that cannot be played is refused at the start', () => {
  const older = '(func (export "version") (result i32) (i32.const 0))';
  const unnamed = '(func (export "another") (result i32) (i32.const 1))';
  test.each([
    ['missing', join(folder, 'missing.wasm'), 10, /^NL_MODULE_NOT_FOUND: .*: ENOENT; give the path of a \.wasm file$/],
    ['a folder', folder, 10, /^NL_MODULE_NOT_FOUND: .*: EISDIR; give the path of a \.wasm file$/],
    ['text', put('text.wasm', 'no module'), 11, /^NL_MODULE_INVALID: .*"\\0asm"$/],
    ['empty', put('empty.wasm', ''), 11, /^NL_MODULE_INVALID: /],
    [
      'of an older contract',
      put('older.wasm', good({ version: older })),
      12,
      new RegExp(`^NL_MODULE_VERSION: .*\\b0\\b.*\\b${ABI_VERSION}\\b`),
    ],
    ['without an export', put('unnamed.wasm', good({ version: unnamed })), 13, /^NL_MODULE_EXPORT: .*"version"/],
  ])('%s', async (_what, path, code, message) => {
    const ended = await run([path]);
    expect([ended.code, ended.stdout]).toEqual([code, '']);
    expect(lastLine(ended)).toMatch(message);
    expect(lastLine(ended)).toContain(`: ${basename(path)}: `);
  });

  test('also if it is the second module', async () => {
    const ended = await run([fine, join(folder, 'missing.wasm')], { ENGINE: 'javascript' });
    expect(ended.code).toBe(10);
    expect(lastLine(ended)).toContain(': missing.wasm: ENOENT');
  });
});

describe('the start fails on a machine that lacks something', () => {
  test('a port in use', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const ended = await run([fine, '--port', `${port}`], { ENGINE: 'javascript' });
    server.close();
    expect([ended.code, ended.stdout]).toEqual([3, '']);
    expect(lastLine(ended)).toBe(
      `NL_PORT_IN_USE: The port is in use: 127.0.0.1:${port} is taken; ` +
        'stop the program that uses it, or choose another port with PORT (PORT=0 takes a free one)',
    );
  });

  test('no Vulkan driver', async () => {
    const ended = await run([fine], { VK_DRIVER_FILES: join(folder, 'none.json') });
    expect([ended.code, ended.stdout]).toEqual([4, '']);
    expect(lastLine(ended)).toMatch(/^NL_NO_GPU: .*install .*mesa-vulkan-drivers/);
  });

  test('GPU_ENABLED=true where only software renders', async () => {
    const ended = await run([fine], { VK_DRIVER_FILES: softwareDriver(), GPU_ENABLED: 'true' });
    expect([ended.code, ended.stdout]).toEqual([4, '']);
    expect(lastLine(ended)).toMatch(/^NL_NO_GPU: .*renders in software.*install .*unset GPU_ENABLED$/);
  });

  test('sources that do not compile are reported by their compiler, without a stack of Node', async () => {
    const copy = join(folder, 'copy');
    for (const name of ['host', 'renderer', 'assets', 'package.json', 'asconfig.json'])
      cpSync(join(root, name), join(copy, name), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    writeFileSync(join(copy, 'renderer/examples/broken.ts'), 'export function tick(): void {\n  missing();\n}\n');
    // This stand-in for the C++ compiler writes an empty file, because this test runs no native program.
    const CXX = put('c++', '#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\n: >"$2"\n');
    chmodSync(CXX, 0o755);
    const { code, stdout, stderr } = await run([join(copy, 'build/broken.wasm')], { CXX }, copy);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^NL_SOURCE: .*renderer\/examples\/broken\.ts\n/m);
    expect(stderr).toContain("Cannot find name 'missing'");
    expect(stderr).toContain('broken.ts(2,3)');
    expect(stderr).not.toMatch(/^\s+at |node:internal/m);
  });
});

describe('a running host', () => {
  test('takes a free port, prints its address, reads the assets beside its module, and ends at SIGTERM', async () => {
    const module = put(
      'assets.wasm',
      good({
        fields: '(data (i32.const 0) "text/hello.txt")',
        init: `
        (call $log (i32.const ${LOG_INFO}) (i32.const 64)
          (call $asset_read (call $asset_find (i32.const 0) (i32.const 14)) (i32.const 0) (i32.const 64) (i32.const 64)))
        ${writeBlock()}`,
      }),
    );
    mkdirSync(join(folder, 'assets.assets/text'), { recursive: true });
    put('assets.assets/text/hello.txt', 'from an asset');
    const host = await start(module);
    expect(host.url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*\/$/);
    expect(host.output()).toMatch(/^Nearlight \d+\.\d+\.\d+: assets on wasmedge and ./m);
    expect(host.output()).toMatch(/info {2}assets: from an asset$/m);
    expect((await host.status()).rooms.map(({ name }) => name)).toEqual(['assets']);
    expect(await end(host, 'SIGTERM')).toBe(0);
  });

  test('compiles a module only at its first start, and ends at SIGINT', async () => {
    const module = put('cached.wasm', good());
    const cache = join(folder, 'cache of its own');
    for (const compiles of [true, false]) {
      const host = await start(module, { CACHE_DIR: cache });
      expect(/compiling/.test(host.output())).toBe(compiles);
      // The game starts before its compiled code is in the cache.
      await expect
        .poll(() => readdirSync(cache).filter((name) => name !== 'key'))
        .toEqual([expect.stringMatching(/\.native$/)]);
      expect(await end(host, 'SIGINT')).toBe(0);
    }
  });

  test('gives its players time to read why it ends, and ends at once at a second signal', async () => {
    const host = await start(fine, { ENGINE: 'javascript', CLOSE_MS_MAX: '5000' });
    const player = new Peer();
    try {
      await player.join(host.url);
      const exited = once(host.process, 'exit');
      host.process.kill('SIGTERM');
      expect(await player.ended()).toMatchObject({ code: 'NL_SHUTDOWN' });
      host.process.kill('SIGINT');
      // An orderly end has the status 0, so the second signal has ended the process.
      expect(await exited).toEqual([null, 'SIGINT']);
    } finally {
      player.close();
    }
  });
});

describe('doctor', () => {
  test('prints a line for each finding, and exits with 0 if nothing is wrong', async () => {
    const { code, stdout } = await run(['doctor']);
    for (const name of ['Node', 'WasmEdge', 'GPU', 'encoder', 'browser', 'port'])
      expect(stdout).toMatch(new RegExp(`^(ok|warning)  +${name} `, 'm'));
    expect(code).toBe(0);
  });

  test('exits with 1 if something is wrong, and says what to do', async () => {
    const { code, stdout } = await run(['doctor'], { VK_DRIVER_FILES: join(folder, 'none.json') });
    expect(stdout).toMatch(/^wrong {4}GPU +no Vulkan adapter.*\n +-> /m);
    expect(stdout).toMatch(/^ok +Node /m);
    expect(code).toBe(1);
  });
});
