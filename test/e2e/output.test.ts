/** Closes the readers of a host's output and fills its disks. The host goes on, says what is lost, and counts it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { readRecordingFile } from '../../host/session/file.ts';
import { good } from '../engine/modules.ts';
import { Peer } from '../stream/peer.ts';
import { eventually } from '../wait.ts';
import { operatorUrlIn } from './host.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'nearlight-output-'));
const mounts: string[] = [];
const hosts: ChildProcess[] = [];

afterEach(async () => {
  for (const host of hosts.splice(0)) if (host.exitCode === null && host.kill('SIGKILL')) await once(host, 'exit');
});
afterAll(() => {
  for (const path of mounts) execFileSync('umount', [path]);
  rmSync(folder, { recursive: true, force: true });
});

const module = join(folder, 'fine.wasm');
writeFileSync(module, good());

interface Options {
  args?: string[];
  environment?: Record<string, string>;
  /** Where standard error goes; the test reads it from a pipe otherwise. */
  stderr?: number;
}

/** Starts a host, and waits until its game can be played. */
async function start({ args = [], environment = {}, stderr }: Options = {}) {
  const host = spawn(process.execPath, [join(root, 'host/cli/main.ts'), module, ...args], {
    cwd: root,
    env: { ...process.env, PORT: '0', OPERATOR_PORT: '0', ENGINE: 'javascript', TICK_RATE: '500', ...environment },
    stdio: ['ignore', 'pipe', stderr ?? 'pipe'],
  });
  hosts.push(host);
  let output = '';
  const read = (chunk: Buffer): void => {
    output += chunk;
  };
  host.stdout?.on('data', read);
  host.stderr?.on('data', read);
  if (stderr !== undefined) closeSync(stderr);
  const ended = once(host, 'close').then(([status]) => {
    throw new Error(`the host does not start: ${status} ${output}`);
  });
  const ready = eventually(() => {
    const [, found] = /Play at (\S+)/.exec(output) ?? [];
    if (found === undefined) throw new Error(`the host does not start: ${output}`);
    return found;
  });
  const url = await Promise.race([ready, ended]);
  ended.catch(() => {});
  return { host, url, operatorUrl: operatorUrlIn(output), output: () => output };
}

/** Lets a player join, which writes lines to the log, and leave. */
async function visit(url: string): Promise<void> {
  const player = new Peer();
  await player.join(url);
  player.close();
}

/** Reads a counter of the host from its metrics. */
async function lost(operatorUrl: string, what: string): Promise<number> {
  const text = await (await fetch(new URL('metrics', operatorUrl))).text();
  return Number(new RegExp(`^nearlight_writes_lost_total\\{what="${what}"\\} (\\d+)$`, 'm').exec(text)?.[1]);
}

async function stop(host: ChildProcess): Promise<unknown> {
  host.kill('SIGTERM');
  const [status] = host.exitCode === null ? await once(host, 'exit') : [host.exitCode];
  return status;
}

/** Mounts a file system of this size, which only root may do. */
function smallDisk(name: string, bytes: number): string {
  const path = join(folder, name);
  mkdirSync(path);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=700`, 'tmpfs', path]);
  mounts.push(path);
  return path;
}

describe('a host whose output cannot be written', () => {
  test('plays on and ends in order after both readers of its output are gone', async () => {
    const { host, url, operatorUrl } = await start();
    host.stdout?.destroy();
    host.stderr?.destroy();
    for (let n = 0; n < 3; n++) await visit(url);
    await eventually(async () => expect(await lost(operatorUrl, 'log')).toBeGreaterThanOrEqual(3));
    expect((await fetch(new URL('healthz', operatorUrl))).status).toBe(200);
    expect(await stop(host)).toBe(0);
  });

  test('plays on and ends in order with its log on a full disk', async () => {
    const { host, url, operatorUrl } = await start({ stderr: openSync('/dev/full', 'w') });
    await visit(url);
    await eventually(async () => expect(await lost(operatorUrl, 'log')).toBeGreaterThanOrEqual(1));
    expect(await stop(host)).toBe(0);
  });

  test('loses nothing while its output is read', async () => {
    const { host, url, operatorUrl } = await start();
    await visit(url);
    for (const what of ['log', 'recording', 'cache']) expect(await lost(operatorUrl, what)).toBe(0);
    expect(await stop(host)).toBe(0);
  });

  test.runIf(process.getuid?.() === 0)('says how many lines are lost when there is space again', async () => {
    const disk = smallDisk('log', 8192);
    const log = join(disk, 'log');
    const filler = join(disk, 'filler');
    writeFileSync(filler, new Uint8Array(4096));
    const { host, url, operatorUrl } = await start({ stderr: openSync(log, 'a'), environment: { LOG_LEVEL: 'debug' } });
    await eventually(async () => {
      await visit(url);
      expect(await lost(operatorUrl, 'log')).toBeGreaterThan(2);
    });
    rmSync(filler);
    await visit(url);
    await eventually(() => expect(readFileSync(log, 'utf8')).toMatch(/warn {2}\d+ lines of this log are lost/));
    expect(await stop(host)).toBe(0);
  });
});

describe('a recording on a full disk', () => {
  /** Records a session until the disk is full. Returns the lines of the log about that. */
  async function record(path: string): Promise<string[]> {
    const { host, url, operatorUrl, output } = await start({ args: ['--record', path] });
    const player = new Peer();
    await player.join(url);
    await eventually(async () => expect(await lost(operatorUrl, 'recording')).toBeGreaterThan(1));
    player.close();
    expect((await fetch(new URL('healthz', operatorUrl))).status).toBe(200);
    expect(await stop(host)).toBe(0);
    return output()
      .split('\n')
      .filter((line) => /recording/.test(line));
  }
  const notice = expect.stringMatching(
    /error the recording ends here and can be replayed up to here: .*\(ENOSPC\): the disk is full; free space on it$/,
  );

  test('ends, and the log says so once, while the host plays on', async () => {
    expect(await record('/dev/full')).toEqual([notice]);
  });

  test.runIf(process.getuid?.() === 0)('can be read up to the place where the disk was full', async () => {
    const path = join(smallDisk('recording', 4096), 'full.nlr');
    expect(await record(path)).toEqual([notice]);
    const recording = await readRecordingFile(path);
    expect(recording.complete).toBe(false);
    expect(recording.calls.length).toBeGreaterThan(100);
  });

  test('is refused at the start if the file cannot be made', async () => {
    await expect(start({ args: ['--record', join(module, 'x.nlr')] })).rejects.toThrow(/45 .*NL_RECORDING: .*ENOTDIR/s);
  });
});

describe('the compile cache on a full disk', () => {
  test.runIf(process.getuid?.() === 0)('the game is still played', async () => {
    const cache = smallDisk('cache', 4096);
    const { host, url, operatorUrl, output } = await start({ environment: { ENGINE: 'wasmedge', CACHE_DIR: cache } });
    await visit(url);
    await eventually(async () => expect(await lost(operatorUrl, 'cache')).toBe(1));
    expect(output()).toMatch(
      /warn {2}.*compiled code cannot be stored in .*: ENOSPC.*\(the disk is full; free space on it/,
    );
    expect(await stop(host)).toBe(0);
  });
});

describe('a fault that no part of the host handles', () => {
  /** Node's options for a host that runs `code` once it has printed its address. */
  const fault = (code: string): string[] => {
    const text = `const { write } = process.stdout;
      process.stdout.write = function (...all) {
        if (String(all[0]).startsWith('Play at')) setImmediate(() => { ${code} });
        return write.apply(this, all);
      };`;
    return ['--import', `data:text/javascript,${encodeURIComponent(text)}`];
  };
  test.each([
    ['an exception', 'throw new Error("boom")'],
    ['a rejection', 'Promise.reject(new Error("boom"))'],
  ])('%s ends the host with one message, a code and a status of its own', async (_, code) => {
    const host = spawn(process.execPath, [...fault(code), join(root, 'host/cli/main.ts'), module], {
      cwd: root,
      env: { ...process.env, PORT: '0', ENGINE: 'javascript' },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    hosts.push(host);
    let stderr = '';
    host.stderr.on('data', (chunk) => (stderr += chunk));
    const [status] = await once(host, 'close');
    expect(status).toBe(70);
    expect(stderr.match(/Error: boom/g)).toHaveLength(1);
    expect(stderr).toMatch(/^NL_INTERNAL: The program has a bug and cannot go on: Error: boom$/m);
  });
});
