import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { compileRemotely } from '../../host/pod/compile.ts';
import { type Keeper, startKeeper } from '../../host/pod/keeper.ts';
import { waitingHosts } from '../../host/pod/pool.ts';
import { ownIdentity, startedAt } from '../../host/pod/process.ts';
import { eventually } from '../wait.ts';
import { Folder, list, standin, text } from './folder.ts';

const deadPid = 4_194_303;

let folder: Folder;
let keepers: Keeper[];
let lines: string[];
beforeEach(() => {
  folder = new Folder();
  keepers = [];
  lines = [];
  vi.stubEnv('NEARLIGHT_RUN_DIR', folder.run);
});
afterEach(async () => {
  for (const keeper of keepers) await keeper.close();
  await folder.close();
  vi.unstubAllEnvs();
});

async function keep(poolSize: number): Promise<Keeper | undefined> {
  const keeper = await startKeeper({
    paths: folder.paths,
    poolSize,
    command: [process.execPath, standin, 'pod'],
    backoffMs: { min: 50, max: 400 },
    moduleBytesMax: 100,
    native: async (module) => module,
    log: (level, message) => lines.push(`${level}: ${message}`),
  });
  if (keeper) keepers.push(keeper);
  return keeper;
}

const waiting = () => waitingHosts(folder.paths);

/** Takes a host as the script does, and stays quiet about what serves whom. */
function take(pid: number): void {
  const claim = `started=${startedAt(pid)}\nnamespace=k8s.io\nid=c${pid}\nbundle=/b\nttrpc=/t\naddress=/a\n`;
  writeFileSync(join(folder.paths.claim, `${pid}`), claim, { flag: 'wx' });
}

test('hosts are started one after another, and are as quick as any process once they wait', async () => {
  await keep(3);
  let most = 0;
  await eventually(() => {
    most = Math.max(most, list(folder.paths.log).length - waiting().length);
    expect(waiting().length).toBe(3);
  });
  expect(most).toBe(1);
  const own = text('/proc/self/mountinfo').split(' ')[0];
  for (const pid of waiting()) {
    await eventually(() => {
      const threads = readdirSync(`/proc/${pid}/task`).map((thread) => getPriority(Number(thread)));
      expect(threads.length).toBeGreaterThan(3);
      expect(new Set(threads)).toEqual(new Set([0]));
    });
    expect(text(`/proc/${pid}/mountinfo`).split(' ')[0]).not.toBe(own);
  }
  expect(lines).toEqual([]);
});

test('a host that is taken is replaced; at the end it stays, and those that wait do not', async () => {
  const keeper = await keep(2);
  await eventually(() => expect(waiting().length).toBe(2));
  const [taken] = waiting();
  take(taken!);
  await eventually(() => expect(waiting().length).toBe(2));
  const rest = waiting();
  await keeper!.close();
  expect(startedAt(taken!)).toBeDefined();
  expect(rest.map(startedAt)).toEqual([undefined, undefined]);
  expect(list(folder.paths.warm)).toEqual([`${taken}`]);
  expect(list(folder.paths.claim)).toEqual([`${taken}`]);
  expect(existsSync(folder.paths.keeperPid) || existsSync(folder.paths.keeperSocket)).toBe(false);
});

test('a second keeper gives way; a dead one, or a number used again, does not stand for one', async () => {
  const other = await folder.process();
  writeFileSync(folder.paths.keeperPid, `${other} ${startedAt(other)}`);
  expect(await keep(0)).toBeUndefined();
  expect(text(folder.paths.keeperPid)).toBe(`${other} ${startedAt(other)}`);
  for (const stale of [`${deadPid} 1`, `${process.pid} 1`, `${process.ppid} 1\n`, '', 'nonsense']) {
    writeFileSync(folder.paths.keeperPid, stale);
    expect(await keep(0)).toBeDefined();
    await keepers.pop()!.close();
  }
  expect(list(folder.run).filter((name) => name.startsWith('keeper'))).toEqual([]);
});

test('a keeper whose place another process has taken leaves the hosts to it', async () => {
  const keeper = await keep(1);
  await eventually(() => expect(waiting().length).toBe(1));
  const other = await folder.process();
  writeFileSync(folder.paths.keeperPid, `${other} ${startedAt(other)}`);
  await keeper!.replaced;
  await keeper!.close();
  expect(waiting().length).toBe(1);
  expect(text(folder.paths.keeperPid)).toBe(`${other} ${startedAt(other)}`);
});

test('hosts of an earlier keeper are taken over', async () => {
  const pids = [await folder.warm(), await folder.warm()];
  await keep(2);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(waiting().sort()).toEqual(pids.sort());
  expect(list(folder.paths.log)).toEqual([]);
});

test('hosts that die at start are told with what they said, and tried ever more rarely', async () => {
  writeFileSync(join(folder.run, 'crash'), '');
  await keep(1);
  await eventually(() => expect(lines.length).toBeGreaterThanOrEqual(5));
  expect(lines[0]).toMatch(
    /^warn: a host process failed: exited with status 4: no usable GPU; the next one starts in /,
  );
  const [first, , , fourth] = lines.map((line) => Number(/in ([\d.]+) s$/.exec(line)![1]));
  expect(first).toBeLessThanOrEqual(0.1);
  expect(fourth).toBeGreaterThanOrEqual(0.3);
  expect(waiting()).toEqual([]);
  rmSync(join(folder.run, 'crash'));
  await eventually(() => expect(waiting().length).toBe(1));
});

test('a game that is over at once is no failure of its host: the next ones start without a wait', async () => {
  writeFileSync(join(folder.run, 'brief'), '');
  await keep(1);
  for (let n = 0; n < 8; n++) {
    await eventually(() => expect(waiting().length).toBe(1));
    const [pid] = waiting();
    take(pid!);
    await eventually(() => expect(existsSync(`/proc/${pid}`)).toBe(false));
  }
  expect(lines).toEqual([]);
});

test('a host that dies while it waits is told and replaced', async () => {
  await keep(1);
  await eventually(() => expect(waiting().length).toBe(1));
  const [pid] = waiting();
  process.kill(pid!, 'SIGKILL');
  await eventually(() => expect([waiting().length, waiting()[0] === pid]).toEqual([1, false]));
  expect(lines.join()).toContain('ended by SIGKILL while it waited');
  expect(list(folder.paths.host)).toEqual([`${waiting()[0]}.sock`]);
});

test('what dead hosts have left goes, but for what delete has to know', async () => {
  const { warm, claim, state, host, log } = folder.paths;
  for (const path of [warm, claim, state])
    for (const pid of [deadPid, deadPid - 1]) writeFileSync(join(path, `${pid}`), '1');
  for (const pid of [deadPid, deadPid - 1]) writeFileSync(join(host, `${pid}.sock`), '');
  folder.serve('one', deadPid, '1');
  const other = await folder.process();
  writeFileSync(join(claim, `${other}`), 'started=1\nnamespace=k8s.io\nid=x\nbundle=/b\nttrpc=/t\naddress=/a\n');
  for (let n = 1; n <= 20; n++) writeFileSync(join(log, `${deadPid + n}.log`), '');
  writeFileSync(folder.paths.keeperLock, '1');
  await keep(0);
  for (const path of [warm, claim, state]) expect(list(path)).toEqual([`${deadPid}`]);
  expect(list(host)).toEqual([`${deadPid}.sock`]);
  expect(list(log).length).toBe(16);
  expect(existsSync(folder.paths.keeperLock)).toBe(false);
});

test('an emptied run folder is made again: hosts that nobody can reach are replaced, pods go on', async () => {
  await keep(1);
  await eventually(() => expect(waiting().length).toBe(1));
  const [pod] = waiting();
  take(pod!);
  await eventually(() => expect(waiting().length).toBe(1));
  const [lost] = waiting();
  rmSync(folder.run, { recursive: true });
  await eventually(() => expect(waiting().length).toBe(1));
  await eventually(() => expect(startedAt(lost!)).toBeUndefined());
  expect(startedAt(pod!)).toBeDefined();
  expect(text(folder.paths.keeperPid)).toBe(ownIdentity());
  expect(await compileRemotely(folder.paths.keeperSocket, Buffer.of(1, 2))).toEqual(Buffer.of(1, 2));
  process.kill(pod!, 'SIGKILL');
});

test('a full disk is told, and done with when there is room again', async () => {
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
    for (const name of list(folder.run)) if (name.startsWith('filler')) rmSync(join(folder.run, name));
    if (failed) await keep(1);
    await eventually(() => expect(waiting().length).toBe(1));
  } finally {
    for (const keeper of keepers.splice(0)) await keeper.close();
    // Hosts that are ending still hold it.
    await eventually(() => execFileSync('umount', [folder.run], { stdio: 'pipe' }));
  }
});

test('its socket, folders and files are its own', async () => {
  await keep(1);
  await eventually(() => expect(waiting().length).toBe(1));
  const { keeperSocket, keeperPid, log } = folder.paths;
  const files = [keeperSocket, keeperPid, ...list(log).map((name) => join(log, name))];
  expect(files.length).toBe(3);
  for (const path of files) expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readFileSync(keeperPid, 'utf8')).toBe(ownIdentity());
});
