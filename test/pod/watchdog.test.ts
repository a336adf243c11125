import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { readConfig } from '../../host/base/config.ts';
import { type Keeper, startKeeper } from '../../host/pod/keeper.ts';
import { loadKernel } from '../../host/pod/kernel.ts';
import { kernelPath } from '../../host/pod/native.ts';
import { peerOf } from '../../host/pod/peer.ts';
import { waitingHosts } from '../../host/pod/pool.ts';
import { startedAt } from '../../host/pod/process.ts';
import { eventually, sleep } from '../wait.ts';
import { RunFolder } from './run-folder.ts';

/** Long enough for a host on a busy machine to answer, which must not be killed. */
const RESPONSE_MS_MAX = 3000;
const kernel = loadKernel(kernelPath);
const PROGRAM = join(import.meta.dirname, 'hanging-host.ts');

let folder: RunFolder;
let keeper: Keeper | undefined;
let lines: string[];
beforeEach(() => {
  folder = new RunFolder();
  lines = [];
  vi.stubEnv('NEARLIGHT_RUN_DIR', folder.run);
});
afterEach(async () => {
  await keeper?.close();
  await folder.close();
  vi.unstubAllEnvs();
});

async function keep(poolSize: number, responseMsMax: number): Promise<void> {
  keeper = await startKeeper({
    paths: folder.paths,
    poolSize,
    command: [process.execPath, PROGRAM],
    backoffMs: { min: 50, max: 400 },
    moduleBytesMax: 100,
    compiler: {
      identity: async () => 'test',
      find: async () => undefined,
      make: async (module) => module,
      counts: { hits: 0, misses: 0, rejected: 0 },
    },
    slots: 1,
    peerOf: (socket) => peerOf(socket, kernel),
    vetting: { config: readConfig({}), trialsOf: () => () => Promise.reject(new Error('no trials')) },
    responseMsMax,
    log: (level, message) => lines.push(`${level}: ${message}`),
  });
}

/** Waits until so many hosts wait for a pod; returns their ids. */
const waiting = (count: number) =>
  eventually(() => {
    const pids = waitingHosts(folder.paths);
    expect(pids.length).toBe(count);
    return pids;
  });

/** Takes a waiting host for a pod, as the shim's script does. */
function take(pid: number): void {
  const claim = `started=${startedAt(pid)}\nnamespace=k8s.io\nid=c${pid}\nbundle=/b\nttrpc=/t\naddress=/a\n`;
  writeFileSync(join(folder.paths.claim, `${pid}`), claim, { flag: 'wx' });
}

async function metrics(): Promise<string> {
  const socket = connect(folder.paths.metricsSocket);
  socket.write('GET /metrics HTTP/1.1\r\nhost: keeper\r\nconnection: close\r\n\r\n');
  return Buffer.concat(await socket.toArray()).toString();
}

test.each<[string, string, (pid: number) => void]>([
  ['that waits for a pod and is stopped', 'stopped', (pid) => process.kill(pid, 'SIGSTOP')],
  [
    'that waits for a pod and is in an endless loop',
    'busy',
    (pid) => writeFileSync(join(folder.run, `loop.${pid}`), ''),
  ],
])('a host %s is killed and replaced, and the one beside it is left alone', async (_, reason, hang) => {
  await keep(2, RESPONSE_MS_MAX);
  const [victim = 0, other = 0] = await waiting(2);
  // The keeper gives a host that waits an ordinary priority, and then knows it.
  await sleep(100);
  hang(victim);
  await eventually(() => expect(startedAt(victim)).toBeUndefined());
  expect(lines.join('\n')).toMatch(
    new RegExp(`error: host process ${victim} has not responded for \\d.* is ${reason}: it is killed`),
  );
  expect(await waiting(2)).toContain(other);
  expect(await metrics()).toContain(`nearlight_keeper_hosts_killed_total{reason="${reason}"} 1`);
});

test('a host that serves a pod and hangs is killed; its files stay for the shim', async () => {
  await keep(1, RESPONSE_MS_MAX);
  const victim = must((await waiting(1))[0], 'host');
  take(victim);
  folder.serve('pod', victim);
  const [next] = await waiting(1);
  process.kill(victim, 'SIGSTOP');
  await eventually(() => expect(startedAt(victim)).toBeUndefined());
  expect(existsSync(join(folder.paths.claim, `${victim}`))).toBe(true);
  expect(startedAt(must(next, 'host'))).toBeDefined();
});

test('a host that is held up for less than it may is not killed', async () => {
  await keep(1, RESPONSE_MS_MAX);
  const pid = must((await waiting(1))[0], 'host');
  for (let n = 0; n < 2; n++) {
    writeFileSync(join(folder.run, `pause.${pid}`), '');
    await eventually(() => expect(existsSync(join(folder.run, `pause.${pid}`))).toBe(false));
  }
  expect([startedAt(pid) !== undefined, lines]).toEqual([true, []]);
});

test('a new keeper kills a host that already hung before it', async () => {
  await keep(1, 0);
  const pid = must((await waiting(1))[0], 'host');
  take(pid);
  folder.serve('pod', pid);
  process.kill(pid, 'SIGSTOP');
  await keeper?.close();
  expect(startedAt(pid)).toBeDefined();
  await keep(0, RESPONSE_MS_MAX);
  await eventually(() => expect(startedAt(pid)).toBeUndefined());
});

test('a keeper that was itself stopped kills no host', async () => {
  await keep(1, RESPONSE_MS_MAX);
  const pid = must((await waiting(1))[0], 'host');
  // This process is the keeper. Something else has to wake it.
  spawn('sh', ['-c', `sleep 6; kill -CONT ${process.pid}`], { stdio: 'ignore', detached: true }).unref();
  process.kill(process.pid, 'SIGSTOP');
  await sleep(RESPONSE_MS_MAX * 1.5);
  expect([startedAt(pid) !== undefined, lines]).toEqual([true, []]);
});

test('with a limit of 0, hosts are not watched', async () => {
  await keep(1, 0);
  const pid = must((await waiting(1))[0], 'host');
  process.kill(pid, 'SIGSTOP');
  await sleep(RESPONSE_MS_MAX * 1.5);
  expect(startedAt(pid)).toBeDefined();
  expect(await metrics()).toContain('nearlight_keeper_hosts_watched 0');
});
