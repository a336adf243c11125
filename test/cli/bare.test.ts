import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeBareSystem } from '../bare.ts';
import { Peer, until } from '../stream/peer.ts';

const ROOT = join(import.meta.dirname, '../..');
const USER = 1000;
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bare-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function end(host: ChildProcess): Promise<void> {
  if (host.pid === undefined || host.exitCode !== null) return;
  const gone = new Promise((resolve) => host.once('exit', resolve));
  process.kill(-host.pid, 'SIGTERM');
  await gone;
}

/** Lists the packages of a system and hashes of its apt configuration. */
function packagesOf(system: string): string {
  return execFileSync('chroot', [system, 'sh', '-c', 'dpkg -l; find /etc/apt -type f -exec cksum {} +'], {
    encoding: 'utf8',
    maxBuffer: 16e6,
  });
}

/** Copies the checkout into a bare system, where an ordinary user owns the copy. */
function copyCheckout(system: string): void {
  const target = join(system, 'home/player/nearlight');
  mkdirSync(join(target, 'node_modules'), { recursive: true });
  const copy = 'git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$0"';
  execFileSync('sh', ['-c', copy, target], { cwd: ROOT });
  execFileSync('chown', ['-R', `${USER}:${USER}`, join(system, 'home/player')]);
}

// At the same time, because both wait for the network and the disk.
it.concurrent.for(['bookworm', 'trixie'] as const)(
  'on a bare Debian %s, an ordinary user plays after one command, and no system package changes',
  { timeout: 900_000 },
  async (release, { onTestFinished }) => {
    const system = join(folder, release);
    await makeBareSystem(release, system);
    copyCheckout(system);
    const before = packagesOf(system);
    // npm need not install anything, because the checkout's own packages are mounted.
    const script = `set -e
mount -t proc proc ${system}/proc
mount --rbind /dev ${system}/dev
mount --bind -o ro ${ROOT}/node_modules ${system}/home/player/nearlight/node_modules
cd /
exec chroot ${system} setpriv --reuid ${USER} --regid ${USER} --clear-groups env -i HOME=/home/player PORT=0 OPERATOR_PORT=0 \
  PATH=/home/player/nearlight/node_modules/.bin:/usr/bin:/bin sh -c \
  'cd ~/nearlight && sh host/cli/setup.sh && exec node host/cli/main.ts'`;
    const running = spawn('unshare', ['-m', '--propagation', 'private', 'sh', '-c', script], {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    onTestFinished(() => end(running));
    let output = '';
    const url = await new Promise<string>((resolve, reject) => {
      const read = (chunk: Buffer) => {
        output += chunk;
        const found = /Play at (\S+)/.exec(output)?.[1];
        if (found !== undefined) resolve(found);
      };
      running.stdout?.on('data', read);
      running.stderr?.on('data', read);
      running.once('exit', () => reject(new Error(`it ended: ${output}`)));
    });
    const peer = new Peer();
    await peer.join(url, { query: '?size=320x180&fps=30' });
    await until(() => peer.pictures > 20, 'pictures');
    peer.close();
    expect(output).toContain('a C++ compiler');
    expect(output).toContain('llvmpipe');
    expect(packagesOf(system)).toBe(before);
  },
);
