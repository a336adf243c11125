import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { readConfig } from '../../host/base/config.ts';
import { CompileClient } from '../../host/pod/compile-client.ts';
import { type Keeper, type KeeperOptions, startKeeper } from '../../host/pod/keeper.ts';
import { supervisorPath } from '../../host/pod/native.ts';
import { namesIn, waitingHosts } from '../../host/pod/pool.ts';
import { ownIdentity, startedAt } from '../../host/pod/process.ts';
import { eventually } from '../wait.ts';
import { connectTo, readCode } from './keeper-client.ts';
import { DEAD_PID, hostOf, RunFolder, STAND_IN, text } from './run-folder.ts';

let folder: RunFolder;
let keepers: Keeper[];
let lines: string[];
beforeEach(() => {
  folder = new RunFolder();
  keepers = [];
  lines = [];
  vi.stubEnv('NEARLIGHT_RUN_DIR', folder.run);
});
afterEach(async () => {
  for (const keeper of keepers) await keeper.close();
  await folder.close();
  vi.unstubAllEnvs();
});

async function keep(poolSize: number, options: Partial<KeeperOptions> = {}): Promise<Keeper | undefined> {
  const keeper = await startKeeper({
    paths: folder.paths,
    poolSize,
    command: [supervisorPath, process.execPath, STAND_IN, 'host'],
    backoffMs: { min: 50, max: 400 },
    moduleBytesMax: 100,
    compiler: {
      identity: async () => 'test',
      find: async () => undefined,
      make: async (module) => module,
      counts: { hits: 0, misses: 0, rejected: 0 },
    },
    slots: 1,
    peerOf: () => undefined,
    vetting: { config: readConfig({}), trialsOf: () => () => Promise.reject(new Error('no trials')) },
    responseMsMax: 0,
    log: (level, message) => lines.push(`${level}: ${message}`),
    ...options,
  });
  if (keeper) keepers.push(keeper);
  return keeper;
}

const waiting = () => waitingHosts(folder.paths);

/** Waits until one host waits for a pod, and returns its process id. */
async function oneWaiting(): Promise<number> {
  return eventually(() => {
    const [pid, ...others] = waiting();
    expect(others).toEqual([]);
    return must(pid, 'waiting host');
  });
}

/** Claims a waiting host as the shim's script does, without recording which container it serves. */
function take(pid: number): void {
  const claim = `started=${startedAt(pid)}\nnamespace=k8s.io\nid=c${pid}\nbundle=/b\nttrpc=/t\naddress=/a\n`;
  writeFileSync(join(folder.paths.claim, `${pid}`), claim, { flag: 'wx' });
}

/** The nice values of all threads of a supervisor's host process. */
function priorities(supervisor: number): number[] {
  return readdirSync(`/proc/${hostOf(supervisor)}/task`).map((thread) => getPriority(Number(thread)));
}

test('host processes start one at a time with their own mounts, and get ordinary priority when they wait', async () => {
  await keep(3);
  let most = 0;
  await eventually(() => {
    most = Math.max(most, namesIn(folder.paths.log).length - waiting().length);
    expect(waiting().length).toBe(3);
  });
  expect(most).toBe(1);
  const own = text('/proc/self/mountinfo').split(' ')[0];
  for (const pid of waiting()) {
    await eventually(() => {
      expect(priorities(pid).length).toBeGreaterThan(3);
      expect(new Set(priorities(pid))).toEqual(new Set([0]));
    });
    expect(text(`/proc/${hostOf(pid)}/mountinfo`).split(' ')[0]).not.toBe(own);
  }
  expect(lines).toEqual([]);
});

test.each([
  // The nice value is 10 above that of this process, and at most 19, the lowest priority.
  ['for a while', 600_000, Math.min(getPriority() + 10, 19)],
  ['but not for longer than it may', 50, 0],
])('a host process that is starting has low priority, %s', async (_, niceMsMax, nice) => {
  folder.misbehave('slow');
  await keep(1, { niceMsMax });
  await eventually(() => {
    const [name] = namesIn(folder.paths.log).filter((log) => /^\d/.test(log));
    const pid = Number.parseInt(must(name, 'log of the host'), 10);
    expect(text(`/proc/${hostOf(pid)}/cmdline`)).toContain(STAND_IN);
    expect(new Set(priorities(pid))).toEqual(new Set([nice]));
  });
  expect(waiting()).toEqual([]);
  rmSync(join(folder.run, 'slow'));
  const pid = await oneWaiting();
  await eventually(() => expect(new Set(priorities(pid))).toEqual(new Set([0])));
});

test('after many pods have started at a time, more hosts wait for pods, up to a bound', async () => {
  await keep(1, { poolSizeMax: 3 });
  for (let starts = 1; starts <= 3; starts++) {
    await eventually(() => expect(waiting().length).toBe(Math.max(1, starts - 1)));
    take(must(waiting()[0], 'waiting host'));
  }
  await eventually(() => expect(waiting().length).toBe(3));
});

test('hosts that wait beyond what is wanted end, and pods take none of them', async () => {
  const all = [await folder.warm(), await folder.warm(), await folder.warm()];
  await keep(1);
  await eventually(() => expect(all.filter((pid) => startedAt(pid) !== undefined)).toEqual(waiting()));
  expect(waiting()).toHaveLength(1);
});

test('the keeper replaces a host that a pod takes; when it closes, that host stays and the waiting ones end', async () => {
  const keeper = await keep(2);
  await eventually(() => expect(waiting().length).toBe(2));
  const taken = must(waiting()[0], 'waiting host');
  take(taken);
  await eventually(() => expect(waiting().length).toBe(2));
  const rest = waiting();
  await keeper?.close();
  expect(startedAt(taken)).toBeDefined();
  expect(rest.map(startedAt)).toEqual([undefined, undefined]);
  expect(namesIn(folder.paths.warm)).toEqual([`${taken}`]);
  expect(namesIn(folder.paths.claim)).toEqual([`${taken}`]);
  expect(existsSync(folder.paths.keeperPid) || existsSync(folder.paths.keeperSocket)).toBe(false);
});

test('a second keeper does not start, unless the first is dead or its process id was given to another process', async () => {
  const other = await folder.process();
  writeFileSync(folder.paths.keeperPid, `${other} ${startedAt(other)}`);
  expect(await keep(0)).toBeUndefined();
  expect(text(folder.paths.keeperPid)).toBe(`${other} ${startedAt(other)}`);
  for (const stale of [`${DEAD_PID} 1`, `${process.pid} 1`, `${process.ppid} 1\n`, '', 'nonsense']) {
    writeFileSync(folder.paths.keeperPid, stale);
    const keeper = await keep(0);
    expect(keeper).toBeDefined();
    await keeper?.close();
  }
  expect(namesIn(folder.run).filter((name) => name.startsWith('keeper'))).toEqual([]);
});

test('a keeper process that another one has replaced leaves its hosts running', async () => {
  const keeper = await keep(1);
  await oneWaiting();
  const other = await folder.process();
  writeFileSync(folder.paths.keeperPid, `${other} ${startedAt(other)}`);
  await keeper?.replaced;
  await keeper?.close();
  expect(waiting().length).toBe(1);
  expect(text(folder.paths.keeperPid)).toBe(`${other} ${startedAt(other)}`);
});

test('a keeper process takes over the waiting hosts of an earlier one', async () => {
  const pids = [await folder.warm(), await folder.warm()];
  await keep(2);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(waiting().sort()).toEqual(pids.sort());
  expect(namesIn(folder.paths.log)).toEqual([]);
});

test('hosts that fail to start are logged with their last output, and started less and less often', async () => {
  folder.misbehave('crash');
  await keep(1);
  await eventually(() => expect(lines.length).toBeGreaterThanOrEqual(5));
  expect(lines[0]).toMatch(
    /^warn: a host process failed: exited with status 4: no usable GPU; the next one starts in /,
  );
  const [first, , , fourth] = lines.map((line) => Number(/in ([\d.]+) s$/.exec(line)?.[1]));
  expect(first).toBeLessThanOrEqual(0.1);
  expect(fourth).toBeGreaterThanOrEqual(0.3);
  expect(waiting()).toEqual([]);
  rmSync(join(folder.run, 'crash'));
  await oneWaiting();
});

test('a game that ends at once is not a failure of its host, and the next host starts without delay', async () => {
  folder.misbehave('brief');
  await keep(1);
  for (let n = 0; n < 8; n++) {
    const pid = await oneWaiting();
    take(pid);
    await eventually(() => expect(existsSync(`/proc/${pid}`)).toBe(false));
  }
  expect(lines).toEqual([]);
});

test('a host that dies while it waits for a pod is logged and replaced', async () => {
  await keep(1, { niceMsMax: 600_000 });
  const pid = await oneWaiting();
  // The keeper gives the host an ordinary priority as soon as it has seen that it waits.
  await eventually(() => expect(new Set(priorities(pid))).toEqual(new Set([0])));
  process.kill(pid, 'SIGKILL');
  // The process may end between two looks at the run folder, so each look counts for itself.
  const next = await eventually(() => {
    const all = waiting();
    expect([all.length, all[0] === pid]).toEqual([1, false]);
    return all[0];
  });
  expect(lines.join()).toContain('ended by SIGKILL while it waited');
  expect(namesIn(folder.paths.host)).toEqual([`${next}.sock`]);
});

test("the keeper removes the files of dead hosts, except those that the shim's delete needs", async () => {
  const { warm, claim, state, host, log } = folder.paths;
  for (const path of [warm, claim, state])
    for (const pid of [DEAD_PID, DEAD_PID - 1]) writeFileSync(join(path, `${pid}`), '1');
  for (const pid of [DEAD_PID, DEAD_PID - 1]) writeFileSync(join(host, `${pid}.sock`), '');
  folder.serve('one', DEAD_PID, '1');
  const other = await folder.process();
  writeFileSync(join(claim, `${other}`), 'started=1\nnamespace=k8s.io\nid=x\nbundle=/b\nttrpc=/t\naddress=/a\n');
  for (let n = 1; n <= 20; n++) writeFileSync(join(log, `${DEAD_PID + n}.log`), '');
  writeFileSync(folder.paths.keeperLock, '1');
  await keep(0);
  for (const path of [warm, claim, state]) expect(namesIn(path)).toEqual([`${DEAD_PID}`]);
  expect(namesIn(host)).toEqual([`${DEAD_PID}.sock`]);
  expect(namesIn(log).length).toBe(16);
  expect(existsSync(folder.paths.keeperLock)).toBe(false);
});

test('after the run folder was emptied, unreachable hosts are replaced and pods keep running', async () => {
  await keep(1);
  const pod = await oneWaiting();
  take(pod);
  const lost = await oneWaiting();
  rmSync(folder.run, { recursive: true });
  await oneWaiting();
  await eventually(() => expect(startedAt(lost)).toBeUndefined());
  expect(startedAt(pod)).toBeDefined();
  expect(text(folder.paths.keeperPid)).toBe(ownIdentity());
  const client = new CompileClient({ connect: () => connectTo(folder.paths.keeperSocket) });
  const { code } = must(await client.compile(Buffer.of(1, 2), 'test'), 'answer');
  expect(readCode(code)).toEqual(Buffer.of(1, 2));
  client.close();
  process.kill(pod, 'SIGKILL');
});

test('a full disk is reported, and hosts start once there is room; afterwards nothing holds the disk', async () => {
  mkdirSync(join(folder.root, 'full'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder.run]);
  try {
    writeFileSync(join(folder.run, 'filler'), Buffer.alloc(4096));
    const room = () => execFileSync('df', ['--output=avail', folder.run]).toString();
    for (let n = 0; !/\b0\n/.test(room()) && n < 32; n++)
      writeFileSync(join(folder.run, `filler${n}`), Buffer.alloc(4096));
    const failed = await keep(1).then(
      () => undefined,
      (error: Error) => error,
    );
    if (failed) expect(failed.message).toContain('ENOSPC');
    else await eventually(() => expect(lines.join()).toMatch(/ENOSPC|failed/));
    for (const name of namesIn(folder.run)) if (name.startsWith('filler')) rmSync(join(folder.run, name));
    if (failed) await keep(1);
    await oneWaiting();
  } finally {
    for (const keeper of keepers.splice(0)) await keeper.close();
    execFileSync('umount', [folder.run]);
  }
});

test("only the keeper's own user can use its socket and files", async () => {
  await keep(1);
  await oneWaiting();
  const { keeperSocket, vetSocket, metricsSocket, keeperPid, log } = folder.paths;
  const files = [keeperSocket, vetSocket, metricsSocket, keeperPid, ...namesIn(log).map((name) => join(log, name))];
  expect(files.length).toBe(5);
  for (const path of files) expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readFileSync(keeperPid, 'utf8')).toBe(ownIdentity());
});
