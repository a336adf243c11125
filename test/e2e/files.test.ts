/** Starts hosts that may open few files. They refuse to start, or refuse a single player or game, and recover. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { good } from '../engine/modules.ts';
import { Peer } from '../stream/peer.ts';
import { eventually } from '../wait.ts';
import { operatorUrlIn } from './host.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'nearlight-files-'));
const hosts: ChildProcess[] = [];
afterEach(async () => {
  for (const host of hosts.splice(0)) if (host.exitCode === null && host.kill('SIGKILL')) await once(host, 'exit');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const module = join(folder, 'fine.wasm');
writeFileSync(module, good());

/** Starts a program of Node that may open this many files. */
function start(files: number, args: string[], environment: Record<string, string> = {}) {
  const child = spawn('prlimit', [`--nofile=${files}`, process.execPath, ...args], {
    cwd: root,
    env: { ...process.env, PORT: '0', OPERATOR_PORT: '0', CACHE_DIR: join(folder, 'cache'), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  hosts.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      output += chunk;
    });
  return { child, output: () => output };
}

const main = join(root, 'host/cli/main.ts');

/** Starts a host with many seats, and waits until its game can be played. */
async function startHost(files: number) {
  const { child, output } = start(files, [main, module], {
    ENGINE: 'javascript',
    MAX_PLAYERS: '64',
    OFFERS_PER_SECOND_MAX: '1000',
    ADDRESS_OFFERS_PER_SECOND_MAX: '1000',
  });
  const url = await eventually(() => {
    const [, found] = /Play at (\S+)/.exec(output()) ?? [];
    if (found === undefined) throw new Error(`the host does not start: ${output()}`);
    return found;
  });
  const healthz = new URL('healthz', operatorUrlIn(output()));
  const healthy = async () => expect((await fetch(healthz)).status).toBe(200);
  return { child, url, healthy };
}

describe('a host that may open few files', () => {
  test('is refused at the start if it may open fewer than 64', async () => {
    const { child, output } = start(63, [main, module]);
    const [status] = await once(child, 'close');
    expect(status).toBe(36);
    expect(output()).toMatch(/^NL_HOST_FILES: .*: ulimit -n is 63; raise it to at least 64$/m);
  });

  test('refuses the players for whom it has no file, and seats others once those before have left', async () => {
    const { child, url, healthy } = await startHost(64);
    const players = Array.from({ length: 40 }, () => new Peer());
    try {
      const refusals: string[] = [];
      for (const player of players) await player.join(url).catch((error) => refusals.push(String(error)));
      expect(refusals.length).toBeGreaterThan(5);
      expect(refusals.length).toBeLessThan(35);
      for (const refusal of refusals) expect(refusal).toMatch(/503.*NL_HOST_FILES/);
      await healthy();
    } finally {
      for (const player of players) player.close();
    }
    await eventually(async () => {
      const later = new Peer();
      await later.join(url).finally(() => later.close());
    });
    expect(child.exitCode).toBe(null);
  });

  test('goes on while strangers hold as many connections as it takes', async () => {
    const { child, url, healthy } = await startHost(64);
    const player = new Peer();
    await player.join(url);
    const { hostname, port } = new URL(url);
    const strangers: Socket[] = [];
    for (let n = 0; n < 100; n++) strangers.push(connect(Number(port), hostname).on('error', () => {}));
    const frames = player.frames.length;
    await eventually(() => expect(player.frames.length).toBeGreaterThan(frames + 20));
    for (const socket of strangers) socket.destroy();
    await eventually(healthy);
    player.close();
    expect(child.exitCode).toBe(null);
  });
});

test('a game that cannot be loaded for lack of files has a code, and can be loaded when there are files again', async () => {
  const program = `
    import { openSync, closeSync, readFileSync } from 'node:fs';
    import { createWasmEdgeEngine } from ${JSON.stringify(join(root, 'host/engine/wasmedge/engine.ts'))};
    import { readConfig } from ${JSON.stringify(join(root, 'host/base/config.ts'))};
    const engine = createWasmEdgeEngine({ cacheDir: ${JSON.stringify(join(folder, 'cache'))} });
    const module = readFileSync(${JSON.stringify(module)});
    const options = { limits: readConfig({}), assets: new Uint8Array(), log() {}, seed: 1, tickRate: 60, seats: 1 };
    const load = async () => (await engine.load(module, options)).close();
    await load();
    for (let left = 0; left < 12; left++) {
      const files = [];
      try { for (;;) files.push(openSync('/dev/null')); } catch {}
      for (const file of files.splice(0, left)) closeSync(file);
      const code = await load().then(() => 'loaded', (error) => error.code ?? String(error));
      for (const file of files) closeSync(file);
      console.log(left, code);
    }
    await load();
    console.log('loaded again');
    process.exit();`;
  const { child, output } = start(64, ['--input-type=module', '--eval', program]);
  const [status] = await once(child, 'close');
  const codes = [...output().matchAll(/^\d+ (.*)$/gm)].map(([, code]) => code);
  expect(codes).toHaveLength(12);
  expect(codes[0]).toBe('NL_HOST_FILES');
  expect(new Set(codes)).toEqual(new Set(['NL_HOST_FILES', 'loaded']));
  expect(output()).toContain('loaded again');
  expect(status).toBe(0);
});

test('without a file for its streams, the process that tries shaders is unavailable', async () => {
  const program = `
    import { openSync } from 'node:fs';
    import { TrialProcess } from ${JSON.stringify(join(root, 'host/play/vet/process.ts'))};
    try { for (;;) openSync('/dev/null'); } catch {}
    const tried = new TrialProcess({ bytes: 2 ** 28, cpuMs: 1000 });
    const outcome = await tried.try({}, { bytes: 2 ** 28, cpuMs: 1000, wallMs: 1000 });
    process._rawDebug(JSON.stringify(outcome));
    process.exit();`;
  const { child, output } = start(64, ['--input-type=module', '--eval', program]);
  await once(child, 'close');
  expect(output()).toMatch(/^\{"ended":"unavailable","why":"[^"]*EMFILE[^"]*"\}$/m);
});
