import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { RECIPE, runtimeFolder } from '../../host/base/installed.ts';

const folder = join(import.meta.dirname, '../../host/cli');
const scripts = ['setup', 'archive', 'runtime', 'system'].map((name) => join(folder, `${name}.sh`));
let root = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'nearlight-setup-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function put(path: string, text = ''): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

test.each([
  { XDG_CACHE_HOME: '/caches' },
  { NEARLIGHT_RUNTIME: '/runtime', XDG_CACHE_HOME: '/caches' },
  { HOME: '/home/player' },
])('set-up and host look for the runtime in the same folder, given %o', (env) => {
  vi.stubEnv('NEARLIGHT_RUNTIME', '');
  vi.stubEnv('XDG_CACHE_HOME', '');
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  expect(shell('locate_runtime; printf %s "$base"', env).stdout).toBe(runtimeFolder());
  vi.unstubAllEnvs();
});

/**
 * Runs shell code that can call the functions of the setup scripts, which look for the system's files below the test's
 * folder.
 */
function shell(code: string, env: Record<string, string> = {}) {
  const sourced = scripts.map((script) => `. '${script}'`).join('; ');
  return spawnSync('/bin/sh', ['-c', `${sourced}; root='${root}'; ${code}`], {
    cwd: root,
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', ...env },
  });
}

describe('the Debian mirror that setup uses', () => {
  const mirror = () => shell(`mirror '${root}'`).stdout;

  test('comes from deb822 sources, with its key', () => {
    put(
      'sources.list.d/a.sources',
      'Types: deb\n# a comment\nURIs: http://m.test/debian/\nSuites: bookworm bookworm-updates\nComponents: main\nSigned-By: /k.gpg\n\nTypes: deb\nURIs: http://m.test/debian-security\nSuites: bookworm-security\nComponents: main\n',
    );
    expect(mirror()).toBe('http://m.test/debian\n/k.gpg\n');
  });

  test('comes from a classic list, with its key', () => {
    put(
      'sources.list',
      '# deb http://off.test/debian bookworm main\ndeb-src http://src.test/debian bookworm main\ndeb http://s.test/debian-security bookworm-security main\ndeb [arch=amd64 signed-by=/k.gpg] http://m.test/debian bookworm main contrib # here\n',
    );
    expect(mirror()).toBe('http://m.test/debian\n/k.gpg\n');
  });

  test.each(['trixie', 'stable', 'oldstable'])('may name the suite %s', (suite) => {
    put('sources.list', `deb http://m.test/debian ${suite} main\n`);
    expect(mirror()).toBe('http://m.test/debian\n\n');
  });

  test('needs no key of its own', () => {
    put('sources.list', 'deb http://m.test/debian bookworm main\n');
    expect(mirror()).toBe('http://m.test/debian\n\n');
  });

  test('keeps a key that is written into the file', () => {
    put(
      'sources.list.d/a.sources',
      'Types: deb deb-src\nURIs: http://m.test/debian\nSuites: bookworm\nComponents: main\nSigned-By:\n -----BEGIN-----\n .\n abc\n',
    );
    expect(mirror()).toBe('http://m.test/debian\n\n -----BEGIN-----\n .\n abc\n');
  });

  test('is never one that is disabled, or of another vendor, another suite or a disk', () => {
    put(
      'sources.list',
      'deb cdrom:[Debian 12 _Bookworm_]/ bookworm main\ndeb https://apt.vendor.test bookworm main\ndeb http://b.test/debian bookworm-backports main\ndeb http://c.test/debian bookworm contrib\n',
    );
    put(
      'sources.list.d/off.sources',
      'Enabled: no\nTypes: deb\nURIs: http://off.test/debian\nSuites: bookworm\nComponents: main\n',
    );
    put(
      'sources.list.d/src.sources',
      'Types: deb-src\nURIs: http://src.test/debian\nSuites: bookworm\nComponents: main\n',
    );
    put('sources.list.d/x.list.disabled', 'deb http://x.test/debian bookworm main\n');
    expect(mirror()).toBe('');
  });

  test('is preferably one whose address ends in /debian', () => {
    put('sources.list', 'deb http://m.test/debian-copy/1 bookworm main\ndeb http://n.test/debian bookworm main\n');
    expect(mirror()).toBe('http://n.test/debian\n\n');
    put('sources.list', 'deb http://m.test/debian-copy/1 bookworm main\n');
    expect(mirror()).toBe('http://m.test/debian-copy/1\n\n');
  });
});

describe('what setup finds missing', () => {
  /**
   * Runs setup's search for missing parts.
   * @returns the names of those that the host lacks, then of those that the tests lack
   */
  function missing(env: Record<string, string> = {}, { bundle = false, test = false } = {}) {
    const code = `testing=${test} testing_only=false installed=true bundling=${bundle}; identify; locate_runtime; find_missing`;
    const settings = { CXX: 'no-such-compiler', NEARLIGHT_RUNTIME: join(root, 'runtime'), ...env };
    return shell(`${code}; echo $missing $missing_system`, settings).stdout.trim().split(' ');
  }
  const other = () => put('etc/os-release', 'ID=fedora\nVERSION_ID=42\n');
  function debian(release: string) {
    put('etc/os-release', `ID=debian\nVERSION_CODENAME=${release}\n`);
    put('lib64/ld-linux-x86-64.so.2');
  }

  test.each(['bookworm', 'trixie'])('is the runtime and a compiler on a bare Debian %s', (release) => {
    debian(release);
    expect(missing()).toEqual([`${release}-runtime`, `${release}-compiler`]);
    expect(missing({ CXX: 'sh' })).toEqual([`${release}-runtime`]);
  });

  test('is nothing if runtime and compiler are complete, and each one that is incomplete', () => {
    debian('trixie');
    put(`runtime/trixie-x64-${RECIPE}/wasmedge/lib/libwasmedge.so.0`);
    put(`runtime/trixie-x64-${RECIPE}-compiler/complete`);
    expect(missing()).toEqual(['trixie-runtime']);
    put(`runtime/trixie-x64-${RECIPE}/complete`);
    expect(missing()).toEqual(['']);
  });

  test('is the runtime of Debian 12 for a node bundle, made once', () => {
    debian('trixie');
    put(`runtime/trixie-x64-${RECIPE}/complete`);
    put(`runtime/trixie-x64-${RECIPE}-compiler/complete`);
    expect(missing({}, { bundle: true })).toEqual(['bookworm-runtime', 'bookworm-compiler']);
    debian('bookworm');
    expect(missing({}, { bundle: true })).toEqual(['bookworm-runtime', 'bookworm-compiler']);
  });

  test("is installed for the release that the system has after the tests' packages", () => {
    debian('bookworm');
    const complete = `mkdir -p runtime/$release-x64-${RECIPE} && : > runtime/$release-x64-${RECIPE}/complete`;
    const install = `install() { echo $missing; ${complete}; echo 'ID=debian VERSION_CODENAME=trixie' > etc/os-release; }`;
    const code = `testing=false testing_only=false installed=true bundling=false; ${install}; identify; locate_runtime; find_missing`;
    const run = shell(`${code}; install_missing; echo "$missing"`, {
      CXX: 'sh',
      NEARLIGHT_RUNTIME: join(root, 'runtime'),
    });
    expect(run.stdout).toBe('bookworm-runtime\ntrixie-runtime\n\n');
  });

  test('leaves out the runtime where WASMEDGE_DIR and the system have all of it', () => {
    debian('trixie');
    put('edge/include/wasmedge/wasmedge.h');
    put('edge/lib/libwasmedge.so');
    put('usr/lib/x86_64-linux-gnu/libvulkan.so.1');
    put('usr/share/vulkan/icd.d/lvp_icd.json', '{ "ICD": { "api_version": "1.3.230" } }');
    const env = { CXX: 'sh', WASMEDGE_DIR: join(root, 'edge') };
    expect(missing(env)).toEqual(['trixie-runtime']);
    put('usr/share/vulkan/icd.d/lvp_icd.json', '{ "ICD": { "api_version": "1.4.305" } }');
    expect(missing(env)).toEqual(['']);
    expect(missing({ CXX: 'sh' })).toEqual(['trixie-runtime']);
  });

  test('is named part by part on another system', () => {
    other();
    expect(missing()).toEqual(['compiler', 'wasmedge', 'loader', 'driver']);
    put('usr/lib64/libwasmedge.so');
    put('usr/include/wasmedge/version.h', '#define WASMEDGE_VERSION "0.14.1"\n');
    put('usr/lib64/libvulkan.so.1');
    put('usr/share/vulkan/icd.d/lvp_icd.json', '{ "ICD": { "api_version": "1.4.305" } }');
    expect(missing({ CXX: 'sh' })).toEqual(['']);
  });

  test('is WasmEdge if the system has another version', () => {
    other();
    put('usr/lib/x86_64-linux-gnu/libwasmedge.so');
    put('usr/include/wasmedge/version.h', '#define WASMEDGE_VERSION "0.13.5"\n');
    expect(missing()).toContain('wasmedge');
  });

  test('is not WasmEdge if WASMEDGE_DIR has it, and is WasmEdge if that folder is empty', () => {
    other();
    put('edge/include/wasmedge/wasmedge.h');
    expect(missing({ WASMEDGE_DIR: join(root, 'edge') })).toContain('wasmedge');
    put('edge/lib/libwasmedge.so');
    expect(missing({ WASMEDGE_DIR: join(root, 'edge') })).not.toContain('wasmedge');
  });

  test('is the driver if there is only that of Mesa 22 or of a missing device', () => {
    other();
    put('usr/share/vulkan/icd.d/lvp_icd.x86_64.json', '{ "ICD": { "api_version": "1.3.230" } }');
    put('usr/share/vulkan/icd.d/nvidia_icd.json', '{ "ICD": { "api_version": "1.4.312" } }');
    put('usr/share/vulkan/icd.d/radeon_icd.json', '{ "ICD": { "api_version": "1.4.305" } }');
    expect(missing()).toContain('driver');
    put('dev/nvidiactl');
    expect(missing()).not.toContain('driver');
  });

  test("is what the tests need, and nothing after the system's packages are installed", () => {
    debian('trixie');
    for (const part of ['', '-compiler'])
      for (const release of ['trixie', 'bookworm']) put(`runtime/${release}-x64-${RECIPE}${part}/complete`);
    const needed = ['browser', 'containerd', 'images', 'network', 'cri', 'kubectl', 'nats', 'tools'];
    expect(missing({}, { test: true, bundle: true }).filter((name) => name)).toEqual(needed);
    put('usr/bin/chromium');
    chmodSync(join(root, 'usr/bin/chromium'), 0o755);
    const programs = 'containerd ctr docker-registry skopeo umoci ip kubectl nats-server debootstrap readelf c++'.split(
      ' ',
    );
    for (const name of programs) put(`usr/bin/${name}`);
    for (const path of ['usr/sbin/runc', 'usr/lib/cni/bridge']) put(path);
    put('usr/share/gocode/src/k8s.io/cri-api/pkg/apis/runtime/v1/api.proto');
    expect(missing({}, { test: true, bundle: true })).toEqual(['']);
  });
});

test('setup.sh and the host look for the same version of the private runtime', () => {
  const made = shell('echo $recipe').stdout.trim();
  expect(made).toBe(String(RECIPE));
});

test('system packages are installed without starting their services', () => {
  const code = `as_root() { case $1 in tee) cat >'${root}'/policy ;; *) echo "$*" ;; esac; }
    work() { echo work; return 3; }; without_services work || echo $?`;
  expect(shell(code).stdout.split('\n')).toEqual([
    'mkdir -p /etc/systemd/system',
    'ln -s /dev/null /etc/systemd/system/containerd.service',
    'mkdir -p /etc/systemd/system',
    'ln -s /dev/null /etc/systemd/system/docker-registry.service',
    'mkdir -p /etc/systemd/system',
    'ln -s /dev/null /etc/systemd/system/nats-server.service',
    'chmod 755 /usr/sbin/policy-rc.d',
    'work',
    'rm -f /usr/sbin/policy-rc.d',
    '3',
    '',
  ]);
  put('usr/bin/containerd');
  for (const name of ['docker-registry', 'nats-server']) put(`etc/systemd/system/${name}.service`);
  put('usr/sbin/policy-rc.d');
  expect(shell(code).stdout).toBe('work\n3\n');
});

describe('where setup.sh cannot go on', () => {
  /** Runs copies of the setup scripts in an empty project, with only the named programs on PATH. */
  function setUp(tools: string[], args: string[] = [], env: Record<string, string> = {}) {
    put('project/package-lock.json', '{}');
    for (const script of scripts) {
      const source = readFileSync(script, 'utf8');
      put(`project/host/cli/${basename(script)}`, source.replace('\nroot=\n', `\nroot='${root}'\n`));
    }
    mkdirSync(join(root, 'bin'), { recursive: true });
    for (const tool of ['mkdir', 'cksum', 'awk', 'sed', ...tools]) {
      const path = execFileSync('/bin/sh', ['-c', `command -v ${tool}`], {
        encoding: 'utf8',
      }).trim();
      rmSync(join(root, 'bin', tool), { force: true });
      symlinkSync(path, join(root, 'bin', tool));
    }
    const run = spawnSync('/bin/sh', [join(root, 'project/host/cli/setup.sh'), ...args], {
      encoding: 'utf8',
      env: { PATH: join(root, 'bin'), NEARLIGHT_RUNTIME: join(root, 'runtime'), ...env },
    });
    return { status: run.status, text: run.stdout + run.stderr };
  }

  test('it lists everything that is missing, with the remedies', () => {
    put('etc/os-release', 'ID=fedora\nVERSION_ID=42\nPRETTY_NAME="Fedora Linux 42"\n');
    const { status, text } = setUp([], ['--test']);
    expect(status).toBe(1);
    expect(text).toContain('Fedora Linux 42');
    for (const word of ['C++', 'WASMEDGE_DIR', 'libvulkan1', 'mesa-vulkan-drivers', 'chromium'])
      expect(text).toContain(word);
  });

  function debian() {
    put('etc/os-release', 'ID=debian\nVERSION_CODENAME=bookworm\n');
    put('lib64/ld-linux-x86-64.so.2');
  }

  test('it refuses Debian without apt-get', () => {
    debian();
    const { status, text } = setUp(['npm']);
    expect(status).toBe(1);
    expect(text).toContain('there is no apt-get');
    expect(text).toContain('WASMEDGE_DIR');
  });

  test('it refuses Debian whose sources name no Debian archive', () => {
    debian();
    const { status, text } = setUp(['npm', 'apt-get']);
    expect(status).toBe(1);
    expect(text).toContain('no Debian archive');
  });

  test('it refuses another processor', () => {
    put('etc/os-release', 'ID=debian\nVERSION_CODENAME=bookworm\n');
    expect(setUp(['npm', 'apt-get']).text).toContain('neither x86-64 nor 64-bit ARM');
  });

  test('it says that npm is missing', () => {
    debian();
    put(`runtime/bookworm-x64-${RECIPE}/complete`);
    const { status, text } = setUp(['c++']);
    expect(status).toBe(1);
    expect(text).toContain('npm is missing');
  });

  test('it says that a disk is full, with the remedy', () => {
    debian();
    put('etc/apt/sources.list', 'deb http://m.test/debian bookworm main\n');
    put('project/node_modules/.bin/node');
    put('bin/df', '#!/bin/sh\nprintf "Filesystem\\nnone 10 10 10 1%% /\\n"\n');
    for (const path of ['bin/df', 'project/node_modules/.bin/node']) chmodSync(join(root, path), 0o755);
    put('project/node_modules/.nearlight', execFileSync('cksum', { input: '{}', encoding: 'utf8' }));
    const { status, text } = setUp(['npm', 'apt-get', 'c++', 'rm', 'id', 'date', 'cat', 'tail']);
    expect(status).toBe(1);
    expect(text).toContain('0 MB free');
    expect(text).toContain('NEARLIGHT_RUNTIME');
  });

  test('it answers an unknown argument with its usage', () => {
    expect(setUp([], ['--all'])).toEqual({
      status: 2,
      text: expect.stringContaining('usage:'),
    });
  });
});
