import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, type TestContext, test } from 'vitest';
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
/** How long a keeper is stopped: longer than a host may go without a response. */
const STOPPED_S = 4;
const kernel = loadKernel(kernelPath);
const PROGRAM = join(import.meta.dirname, 'hanging-host.ts');

/** A run folder with a keeper in this process. These tests mostly wait, so several of them run at the same time. */
class Node {
  readonly folder = new RunFolder();
  readonly lines: string[] = [];
  keeper: Keeper | undefined;

  constructor({ onTestFinished }: Pick<TestContext, 'onTestFinished'>) {
    onTestFinished(async () => {
      await this.keeper?.close();
      await this.folder.close();
    });
  }

  async keep(poolSize: number, responseMsMax: number): Promise<void> {
    const { paths, run } = this.folder;
    this.keeper = await startKeeper({
      paths,
      poolSize,
      command: ['env', `NEARLIGHT_RUN_DIR=${run}`, process.execPath, PROGRAM],
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
      log: (level, message) => this.lines.push(`${level}: ${message}`),
    });
  }

  /** Waits until so many hosts wait for a pod; returns their ids. */
  waiting(count: number): Promise<number[]> {
    return eventually(() => {
      const pids = waitingHosts(this.folder.paths);
      expect(pids.length).toBe(count);
      return pids;
    });
  }

  /** Waits until one host waits for a pod; returns its id. */
  async oneWaiting(): Promise<number> {
    return must((await this.waiting(1))[0], 'host');
  }

  /** Takes a waiting host for a pod, as the shim's script does. */
  take(pid: number): void {
    const claim = `started=${startedAt(pid)}\nnamespace=k8s.io\nid=c${pid}\nbundle=/b\nttrpc=/t\naddress=/a\n`;
    writeFileSync(join(this.folder.paths.claim, `${pid}`), claim, { flag: 'wx' });
    this.folder.serve('pod', pid);
  }

  async metrics(): Promise<string> {
    const socket = connect(this.folder.paths.metricsSocket);
    socket.write('GET /metrics HTTP/1.1\r\nhost: keeper\r\nconnection: close\r\n\r\n');
    return Buffer.concat(await socket.toArray()).toString();
  }
}

test.concurrent.for<[string, string, (pid: number, run: string) => void]>([
  ['is stopped', 'stopped', (pid) => process.kill(pid, 'SIGSTOP')],
  ['is in an endless loop', 'busy', (pid, run) => writeFileSync(join(run, `loop.${pid}`), '')],
])(
  'a host that waits for a pod and %s is killed and replaced, and the one beside it is left alone',
  async ([_, reason, hang], context) => {
    const node = new Node(context);
    await node.keep(2, RESPONSE_MS_MAX);
    const [victim = 0, other = 0] = await node.waiting(2);
    // The keeper gives a host that waits an ordinary priority, and then knows it.
    await sleep(100);
    hang(victim, node.folder.run);
    await eventually(() => expect(startedAt(victim)).toBeUndefined());
    expect(node.lines.join('\n')).toMatch(
      new RegExp(`error: host process ${victim} has not responded for \\d.* is ${reason}: it is killed`),
    );
    expect(await node.waiting(2)).toContain(other);
    expect(await node.metrics()).toContain(`nearlight_keeper_hosts_killed_total{reason="${reason}"} 1`);
  },
);

test.concurrent('a host that serves a pod and hangs is killed; its files stay for the shim', async (context) => {
  const node = new Node(context);
  await node.keep(1, RESPONSE_MS_MAX);
  const victim = await node.oneWaiting();
  node.take(victim);
  const next = await node.oneWaiting();
  process.kill(victim, 'SIGSTOP');
  await eventually(() => expect(startedAt(victim)).toBeUndefined());
  expect(existsSync(join(node.folder.paths.claim, `${victim}`))).toBe(true);
  expect(startedAt(next)).toBeDefined();
});

test.concurrent('a host that is held up for less than it may is not killed', async (context) => {
  const node = new Node(context);
  await node.keep(1, RESPONSE_MS_MAX);
  const pid = await node.oneWaiting();
  const pause = join(node.folder.run, `pause.${pid}`);
  for (let n = 0; n < 2; n++) {
    writeFileSync(pause, '');
    await eventually(() => expect(existsSync(pause)).toBe(false));
  }
  expect([startedAt(pid) !== undefined, node.lines]).toEqual([true, []]);
});

test.concurrent('a new keeper kills a host that already hung before it', async (context) => {
  const node = new Node(context);
  await node.keep(1, 0);
  const pid = await node.oneWaiting();
  node.take(pid);
  process.kill(pid, 'SIGSTOP');
  await node.keeper?.close();
  expect(startedAt(pid)).toBeDefined();
  await node.keep(0, RESPONSE_MS_MAX);
  await eventually(() => expect(startedAt(pid)).toBeUndefined());
});

test.concurrent('with a limit of 0, hosts are not watched', async (context) => {
  const node = new Node(context);
  await node.keep(1, 0);
  const pid = await node.oneWaiting();
  process.kill(pid, 'SIGSTOP');
  await sleep(RESPONSE_MS_MAX * 1.5);
  expect(startedAt(pid)).toBeDefined();
  expect(await node.metrics()).toContain('nearlight_keeper_hosts_watched 0');
});

// Not beside the others, whose keepers are in this process, too.
test('a keeper that was itself stopped kills no host', async (context) => {
  const node = new Node(context);
  await node.keep(1, RESPONSE_MS_MAX);
  const pid = await node.oneWaiting();
  // This process is the keeper. Something else has to wake it.
  spawn('sh', ['-c', `sleep ${STOPPED_S}; kill -CONT ${process.pid}`], { stdio: 'ignore', detached: true }).unref();
  process.kill(process.pid, 'SIGSTOP');
  await sleep(RESPONSE_MS_MAX * 1.5);
  expect([startedAt(pid) !== undefined, node.lines]).toEqual([true, []]);
});
