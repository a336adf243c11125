import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isForPlatform, makeBundle } from '../../../host/pod/node/bundle.ts';
import { makeBareSystem } from '../../bare.ts';
import { operatorUrlIn } from '../../e2e/host.ts';
import { playAndAsk } from '../../stream/operator.ts';
import { until } from '../../stream/peer.ts';
import { installForOwner, packEncoder } from './installed.ts';

const root = join(import.meta.dirname, '../../..');
const version = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
let folder: string;
let bundle: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bundle-'));
  ({ folder: bundle } = await makeBundle(join(folder, 'out'), () => {}));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Libraries that every node with a C library of Debian 12 or later has. */
const OF_SYSTEM = /^(libc|libm|libdl|librt|libpthread|libstdc\+\+|libgcc_s|ld-linux-.*)\.so\.\d$/;

const install = (...args: string[]) =>
  execFileSync(join(bundle, 'install.sh'), args, { encoding: 'utf8', stdio: 'pipe' });

it.each([
  ['x64', ['/dist/linux-x64.dawn.node', '/index.js', '/prebuilds/linux-x64']],
  ['arm64', ['/dist/linux-arm64.dawn.node', '/index.js']],
])('the node bundle for %s holds the files of packages for that processor, and no others', (arch, expected) => {
  const all = [
    '/dist/darwin-universal.dawn.node',
    '/dist/linux-arm64.dawn.node',
    '/dist/linux-x64.dawn.node',
    '/dist/win32-x64.dawn.node',
    '/index.js',
    '/prebuilds/darwin-arm64',
    '/prebuilds/linux-x64',
  ];
  expect(all.filter((path) => isForPlatform(path, arch))).toEqual(expected);
});

describe('the bundle', () => {
  it('the node bundle holds every library that its programs need', () => {
    const files = readdirSync(bundle, { recursive: true, encoding: 'utf8' });
    const named = (folder: string) => new Set(readdirSync(join(bundle, folder)));
    const [guests, graphics] = [named('runtime/wasmedge/lib'), named('runtime/graphics/lib')];
    const native = files.filter((file) =>
      /\.node$|^bin\/node$|^native\/(guest|jailer|opener)$|\.so[.0-9]*$/.test(file),
    );
    expect(native.length).toBeGreaterThan(30);
    for (const file of native) {
      const forGuest = file === 'native/guest' || file.startsWith('runtime/wasmedge/');
      const dynamic = execFileSync('readelf', ['-d', join(bundle, file)], { encoding: 'utf8' });
      for (const [, name = ''] of dynamic.matchAll(/\(NEEDED\).*\[(.*)\]/g)) {
        const held = forGuest ? guests.has(name) : graphics.has(name) || OF_SYSTEM.test(name);
        expect(held, `${file} needs ${name}`).toBe(true);
      }
    }
  });

  it('the node bundle needs no newer C library than that of Debian 12, except for its guests', () => {
    const files = readdirSync(bundle, { recursive: true, encoding: 'utf8' });
    const native = files.filter((file) =>
      /\.node$|^bin\/node$|^native\/jailer$|^runtime\/graphics\/.*\.so[.0-9]*$/.test(file),
    );
    const versions = native.flatMap((file) => {
      const needed = execFileSync('readelf', ['-V', join(bundle, file)], { encoding: 'utf8', maxBuffer: 64e6 });
      return [...needed.matchAll(/Name: GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
    });
    expect(Math.max(...versions)).toBe(36);
  });

  it('the node bundle lists its components with their licences, and holds no video encoder', () => {
    const table = readFileSync(join(bundle, 'LICENSES.md'), 'utf8');
    for (const name of ['Nearlight', 'node', 'webgpu', 'libc6', 'libwasmedge0', 'mesa-vulkan-drivers'])
      expect(table).toContain(`| ${name} |`);
    const rows = table
      .split('\n')
      .filter((line) => line.startsWith('| '))
      .slice(2);
    for (const [, , , licence, text] of rows.map((row) => row.split(' | ')))
      expect(licence?.length ?? text?.length).toBeGreaterThan(0);
    expect(existsSync(join(bundle, 'node_modules/node-av'))).toBe(false);
  });
});

describe('the installer', () => {
  it('the installer installs once, repairs, keeps an older version, and removes only its own files', () => {
    const node = join(folder, 'node');
    const args = ['--root', node, '--prefix', '/opt/near', '--shim-dir', '/bin', '--encoder', 'none'];
    expect(install(...args)).toContain('installed');
    expect(readlinkSync(join(node, 'opt/near/current'))).toBe(version);
    const shim = readFileSync(join(node, 'bin/containerd-shim-wasmedge-v1'), 'utf8');
    expect(shim).toContain('/opt/near/current');
    expect(shim).not.toMatch(/@HOME@|@VERSION@/);
    expect(install(...args)).not.toContain('installed');
    rmSync(join(node, 'bin/containerd-shim-wasmedge-v1'));
    mkdirSync(join(node, 'opt/near/0.0.1'));
    writeFileSync(join(node, 'opt/near/0.0.1/complete'), '');
    writeFileSync(join(node, 'opt/near/mine'), '');
    expect(install(...args)).toContain('containerd-shim-wasmedge-v1');
    expect(existsSync(join(node, 'opt/near/0.0.1'))).toBe(true);
    install(...args, '--uninstall');
    expect(readdirSync(join(node, 'opt/near'))).toEqual(['mine']);
    expect(readdirSync(join(node, 'bin'))).toEqual([]);
  });

  it('whatever the umask, every user can read what the installer installs, and only the owner can change it', () => {
    const node = join(folder, 'umask');
    packEncoder(join(folder, 'encoder'));
    const args = ['--root', node, '--prefix', '/opt/near', '--shim-dir', '/bin', '--encoder', join(folder, 'encoder')];
    installForOwner(bundle, args);
    const modes = (test: string) =>
      execFileSync('find', [node, '-not', '-type', 'l', ...test.split(' ')], { encoding: 'utf8' });
    expect(modes('-not -perm -444')).toBe('');
    expect(modes('-perm /222 -not -perm 755 -not -perm 644')).toBe('');
    expect(modes('-type d -not -perm 755')).toBe('');
    const home = join(node, 'opt/near/current');
    expect(modes('-type f -perm 755').split('\n')).toEqual(
      expect.arrayContaining(
        ['bin/node', 'native/supervisor', 'native/guest'].map((name) => join(node, 'opt/near', version, name)),
      ),
    );
    chmodSync(folder, 0o755);
    const asAnother = { uid: 12_345, gid: 12_345, encoding: 'utf8', cwd: '/' } as const;
    const program = `import(${JSON.stringify(join(home, 'node_modules/node-av/dist/lib/index.js'))}).then(() => console.log('read'))`;
    expect(execFileSync(join(home, 'bin/node'), ['-e', program], asAnother)).toBe('read\n');
    // A second run repairs what someone has closed.
    chmodSync(join(home, 'host'), 0o700);
    installForOwner(bundle, args);
    expect(modes('-type d -not -perm 755')).toBe('');
  });

  it.each([
    [['--prefix', 'opt'], 'must be an absolute path'],
    [['--frob'], "Unknown option '--frob'"],
    [['--registry', 'http://127.0.0.1:9'], 'give another --registry, or --encoder FOLDER'],
    [['--encoder', 'none', '--settings', join(root, 'package.json')], 'line 1 of'],
  ])('refuses %j', (args, message) => {
    expect(() => install('--root', join(folder, 'refused'), ...args)).toThrow(message);
  });

  it('the installer ends a download at 200 MB, also if the registry gives no length', async () => {
    let sent = 0;
    const registry = createServer((_, response) => {
      const zeros = Buffer.alloc(2 ** 20);
      const send = () => {
        do sent += zeros.length;
        while (response.write(zeros));
      };
      response.on('drain', send);
      send();
    }).listen(0, '127.0.0.1');
    await once(registry, 'listening');
    const { port } = registry.address() as AddressInfo;
    const args = ['--root', join(folder, 'endless'), '--registry', `http://127.0.0.1:${port}`];
    const child = spawn(join(bundle, 'install.sh'), args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const said = (await child.stderr.toArray()).join('');
    expect(said).toContain('is larger than 200 MB');
    expect(sent).toBeLessThan(300e6);
    registry.closeAllConnections();
    registry.close();
  });

  it.each([
    ['2.35', false],
    ['2.36', true],
  ])('on a node with glibc %s, the installer succeeds: %j', (version, installs) => {
    const node = join(folder, `glibc-${version}`);
    mkdirSync(join(node, 'lib64'), { recursive: true });
    writeFileSync(join(node, 'lib64/libc.so.6'), `GNU C Library stable release version ${version}.`);
    const run = () => install('--root', node, '--encoder', 'none');
    if (installs) expect(run()).toContain('installed');
    else expect(run).toThrow('this node has glibc 2.35, and 2.36 or later is needed');
  });

  it('with --wait the installer waits for a signal and then succeeds', async () => {
    const child = spawn(join(bundle, 'install.sh'), ['--wait'], { stdio: 'ignore' });
    const ended = once(child, 'exit');
    await sleep(2000);
    expect(child.exitCode).toBeNull();
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  it.each([
    ['npm_config_registry', (npm: string) => ({ PATH: npm, npm_config_registry: 'http://127.0.0.1:9/set/' }), '9/set/'],
    ['what npm says', (npm: string) => ({ PATH: npm }), '9/npm/'],
    ["npm's settings of the user, without npm", (npm: string) => ({ PATH: '/usr/bin:/bin', HOME: npm }), '9/file/'],
  ])('the installer takes the encoder from the registry in %s', (_, environment, path) => {
    const npm = join(folder, 'npm');
    mkdirSync(npm, { recursive: true });
    writeFileSync(join(npm, 'npm'), '#!/bin/sh\n[ "$*" = "config get registry" ] && echo http://127.0.0.1:9/npm/\n', {
      mode: 0o755,
    });
    writeFileSync(join(npm, '.npmrc'), 'registry=http://127.0.0.1:9/file/\n');
    const { PATH, ...more } = environment(npm) as Record<string, string>;
    const env = { ...more, PATH: PATH === npm ? `${npm}:/usr/bin:/bin` : emptyOf(PATH ?? '') };
    const run = () =>
      execFileSync(join(bundle, 'install.sh'), ['--root', join(folder, 'asked')], { env, stdio: 'pipe' });
    expect(run).toThrow(path);
  });

  /** A path on which there is no npm. */
  function emptyOf(path: string): string {
    return path.split(':').every((at) => !existsSync(join(at, 'npm'))) ? path : join(folder, 'nothing');
  }

  it('the installer refuses a video encoder that differs from the one in the lock file', () => {
    const packed = join(folder, 'packed');
    mkdirSync(packed);
    const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
    writeFileSync(join(packed, `node-av-${packages['node_modules/node-av'].version}.tgz`), 'other');
    expect(() => install('--root', join(folder, 'wrong'), '--encoder', packed)).toThrow(
      'is not what this version was tested with',
    );
  });
});

describe('on a bare Debian 12', () => {
  let host: ChildProcess | undefined;
  afterAll(async () => {
    if (host?.pid === undefined || host.exitCode !== null) return;
    const gone = new Promise((resolve) => host?.once('exit', resolve));
    process.kill(-host.pid, 'SIGTERM');
    await gone;
  });

  it('a bare Debian 12 needs only the bundle to run a game, show it, and answer an operator', {
    timeout: 240_000,
  }, async () => {
    const bare = join(folder, 'bare');
    await makeBareSystem('bookworm', bare);
    packEncoder(join(bare, 'encoder'));
    mkdirSync(join(bare, 'bundle'));
    const script = `set -e
mount -t proc proc ${bare}/proc
mount --rbind /dev ${bare}/dev
mount --bind ${bundle} ${bare}/bundle
chroot ${bare} /bundle/install.sh --encoder /encoder
exec chroot ${bare} env -i PATH=/usr/bin:/bin HOME=/root PORT=0 OPERATOR_PORT=0 /opt/nearlight/current/bin/node /opt/nearlight/current/host/cli/main.js`;
    host = spawn('unshare', ['-m', '--propagation', 'private', 'sh', '-c', script], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [host.stdout, host.stderr]) stream?.on('data', (chunk) => (output += chunk));
    const url = await until(() => /Play at (\S+)/.exec(output)?.[1], 'the page').catch((error) => {
      throw new Error(`${error.message}: ${output}`);
    });
    await playAndAsk({ url, operatorUrl: operatorUrlIn(output) }, 'arena');
    expect(output).toContain('llvmpipe');
  });
});
