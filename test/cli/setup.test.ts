import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const script = join(import.meta.dirname, '../../host/cli/setup.sh');
let root = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'nearlight-setup-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function put(path: string, text = ''): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** The script's functions, sourced, with the system's files looked up below the test's folder. */
function shell(code: string, env: Record<string, string> = {}) {
  return spawnSync('/bin/sh', ['-c', `. '${script}'; root='${root}'; ${code}`], {
    cwd: root,
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', ...env },
  });
}

describe('the mirror', () => {
  const mirror = () => shell(`mirror '${root}' bookworm`).stdout;

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

  test('is neither disabled, nor of another vendor, another suite, a disk or the set-up itself', () => {
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
    put(
      'sources.list.d/nearlight-trixie.sources',
      'Types: deb\nURIs: http://own.test/debian\nSuites: bookworm\nComponents: main\n',
    );
    put('sources.list.d/x.list.disabled', 'deb http://x.test/debian bookworm main\n');
    expect(mirror()).toBe('');
  });

  test('is the plain archive before one that only has the name in it', () => {
    put('sources.list', 'deb http://m.test/debian-copy/1 bookworm main\ndeb http://n.test/debian bookworm main\n');
    expect(mirror()).toBe('http://n.test/debian\n\n');
    put('sources.list', 'deb http://m.test/debian-copy/1 bookworm main\n');
    expect(mirror()).toBe('http://m.test/debian-copy/1\n\n');
  });
});

describe('what is missing', () => {
  const missing = (env?: Record<string, string>) =>
    shell('testing=true; find_missing; echo $missing', {
      CXX: 'no-such-compiler',
      ...env,
    }).stdout.trim();

  test('is everything on an empty system', () => {
    expect(missing()).toBe('compiler wasmedge loader driver browser containerd images network cri kubectl bare');
  });

  test('is nothing on a complete one', () => {
    put('usr/lib/x86_64-linux-gnu/libwasmedge.so');
    put('usr/include/wasmedge/version.h', '#define WASMEDGE_VERSION "0.14.1"\n');
    put('usr/lib/x86_64-linux-gnu/libvulkan.so.1');
    put('usr/share/vulkan/icd.d/lvp_icd.json', '{ "ICD": { "api_version": "1.4.305" } }');
    put('usr/bin/chromium');
    chmodSync(join(root, 'usr/bin/chromium'), 0o755);
    for (const name of [
      'containerd',
      'ctr',
      'docker-registry',
      'skopeo',
      'umoci',
      'ip',
      'kubectl',
      'debootstrap',
      'readelf',
    ])
      put(`usr/bin/${name}`);
    for (const path of ['usr/sbin/runc', 'usr/lib/cni/bridge']) put(path);
    put('usr/share/gocode/src/k8s.io/cri-api/pkg/apis/runtime/v1/api.proto');
    expect(missing({ CXX: 'sh' })).toBe('');
  });

  test('is another version of WasmEdge', () => {
    put('usr/lib/x86_64-linux-gnu/libwasmedge.so');
    put('usr/include/wasmedge/version.h', '#define WASMEDGE_VERSION "0.13.5"\n');
    expect(missing()).toContain('wasmedge');
  });

  test('is not WasmEdge where WASMEDGE_DIR has it, and is where that is empty', () => {
    put('edge/include/wasmedge/wasmedge.h');
    expect(missing({ WASMEDGE_DIR: join(root, 'edge') })).toContain('wasmedge');
    put('edge/lib/libwasmedge.so');
    expect(missing({ WASMEDGE_DIR: join(root, 'edge') })).not.toContain('wasmedge');
  });

  test('is a driver of Mesa 22, and one whose device is not there', () => {
    put('usr/share/vulkan/icd.d/lvp_icd.x86_64.json', '{ "ICD": { "api_version": "1.3.230" } }');
    put('usr/share/vulkan/icd.d/nvidia_icd.json', '{ "ICD": { "api_version": "1.4.312" } }');
    put('usr/share/vulkan/icd.d/radeon_icd.json', '{ "ICD": { "api_version": "1.4.305" } }');
    expect(missing()).toContain('driver');
    put('dev/nvidiactl');
    expect(missing()).not.toContain('driver');
  });
});

describe('the release', () => {
  const release = () => shell('identify; echo $ID $VERSION_ID').stdout.trim();

  test("is the archive's, where a package of Debian 13 has renamed Debian 12", () => {
    put('etc/os-release', 'ID=debian\nVERSION_ID=13\n');
    put('etc/apt/sources.list', 'deb http://m.test/debian bookworm main\n');
    expect(release()).toBe('debian 13');
    put('etc/apt/sources.list.d/nearlight-trixie.sources');
    expect(release()).toBe('debian 12');
    put('etc/apt/sources.list', 'deb http://m.test/debian trixie main\n');
    expect(release()).toBe('debian 13');
  });
});

test('packages are installed without starting their services', () => {
  const code = `as_root() { case $1 in tee) cat >'${root}'/policy ;; *) echo "$*" ;; esac; }
    work() { echo work; return 3; }; without_services work || echo $?`;
  expect(shell(code).stdout.split('\n')).toEqual([
    'mkdir -p /etc/systemd/system',
    'ln -s /dev/null /etc/systemd/system/containerd.service',
    'mkdir -p /etc/systemd/system',
    'ln -s /dev/null /etc/systemd/system/docker-registry.service',
    'chmod 755 /usr/sbin/policy-rc.d',
    'work',
    'rm -f /usr/sbin/policy-rc.d',
    '3',
    '',
  ]);
  put('usr/bin/containerd');
  put('etc/systemd/system/docker-registry.service');
  put('usr/sbin/policy-rc.d');
  expect(shell(code).stdout).toBe('work\n3\n');
});

describe('on a system that it cannot serve', () => {
  /** A copy of the script in a project without anything, on a PATH with only what is named. */
  function setUp(tools: string[], args: string[] = []) {
    mkdirSync(join(root, 'project/host/cli'), { recursive: true });
    put('project/package-lock.json', '{}');
    const source = execFileSync('cat', [script], { encoding: 'utf8' });
    writeFileSync(join(root, 'project/host/cli/setup.sh'), source.replace('\nroot=\n', `\nroot='${root}'\n`));
    mkdirSync(join(root, 'bin'));
    for (const tool of ['mkdir', 'cksum', 'awk', 'sed', ...tools]) {
      const path = execFileSync('/bin/sh', ['-c', `command -v ${tool}`], {
        encoding: 'utf8',
      }).trim();
      symlinkSync(path, join(root, 'bin', tool));
    }
    const run = spawnSync('/bin/sh', [join(root, 'project/host/cli/setup.sh'), ...args], {
      encoding: 'utf8',
      env: { PATH: join(root, 'bin') },
    });
    return { status: run.status, text: run.stdout + run.stderr };
  }

  test('it lists everything that is missing, and how to get it', () => {
    put('etc/os-release', 'ID=fedora\nVERSION_ID=42\nPRETTY_NAME="Fedora Linux 42"\n');
    const { status, text } = setUp([], ['--test']);
    expect(status).toBe(1);
    expect(text).toContain('Fedora Linux 42');
    for (const word of ['C++', 'WASMEDGE_DIR', 'libvulkan1', 'mesa-vulkan-drivers', 'chromium'])
      expect(text).toContain(word);
  });

  test('Debian without apt-get is one', () => {
    put('etc/os-release', 'ID=debian\nVERSION_ID=13\n');
    const { status, text } = setUp([]);
    expect(status).toBe(1);
    expect(text).toContain('there is no apt-get');
  });

  test('Debian 12 without an archive of Debian is one', () => {
    put('etc/os-release', 'ID=debian\nVERSION_ID=12\n');
    const { status, text } = setUp(['apt-get']);
    expect(status).toBe(1);
    expect(text).toContain('no Debian archive');
  });

  test('without npm it says so', () => {
    put('etc/os-release', 'ID=debian\nVERSION_ID=12\n');
    put('usr/lib/libwasmedge.so');
    put('usr/include/wasmedge/version.h', '"0.14.1"\n');
    put('usr/lib/libvulkan.so.1');
    put('usr/share/vulkan/icd.d/lvp.json', '"1.4.305"\n');
    const { status, text } = setUp(['c++']);
    expect(status).toBe(1);
    expect(text).toContain('npm is missing');
  });

  test('an unknown argument ends it with the usage', () => {
    expect(setUp([], ['--all'])).toEqual({
      status: 2,
      text: expect.stringContaining('usage:'),
    });
  });
});
