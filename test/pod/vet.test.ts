/** Shaders that the keeper tries for hosts. The trial processes are stand-ins here; test/k3s/pods/isolation.ts has the real ones. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readConfig } from '../../host/base/config.ts';
import { maskOf } from '../../host/base/layers.ts';
import { Fault } from '../../host/gpu/reader.ts';
import { digestOf, moduleKey, Overrun, type Trial } from '../../host/gpu/vetting.ts';
import { KnownShaders } from '../../host/play/vet/known.ts';
import type { Report, Request } from '../../host/play/vet/messages.ts';
import { serveVetting, type VetService } from '../../host/pod/vet.ts';
import { VetClient } from '../../host/pod/vet-client.ts';
import { MESSAGE_CHARS_MAX, REQUESTS_MAX } from '../../host/pod/vet-messages.ts';
import { HARMLESS, type StandInOptions, standIn } from '../play/trials.ts';
import { eventually } from '../wait.ts';

const IDENTITY = 'd'.repeat(64);
let root: string;
let socket: string;
let folder: string;
let service: VetService;
let running: number;
const clients: VetClient[] = [];
const sockets: Socket[] = [];
let lines: string[];

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'nearlight-vet-test-'));
  socket = join(root, 'vet.sock');
  folder = join(root, 'cache');
  lines = [];
  running = 0;
  await serve();
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  for (const open of sockets.splice(0)) open.destroy();
  await service.close();
  rmSync(root, { recursive: true, force: true });
});

/** Trials of shaders whose text says how they end. */
function report({ trial }: Request): Report | undefined {
  const text = JSON.stringify(trial);
  if (text.includes('endless')) return undefined;
  if (text.includes('harmful')) return { outcome: 'failed', message: 'it is harmful' };
  return text.includes('large') ? { outcome: 'refused', isOverrun: false, message: 'it is large' } : HARMLESS;
}

async function serve(options: Partial<StandInOptions> = {}, peer: number | undefined = undefined): Promise<void> {
  await service?.close();
  const count = { started: () => void running++, killed: () => void running-- };
  service = await serveVetting({
    socket,
    config: { ...readConfig({}), cacheDir: folder },
    log: (level, line) => lines.push(`${level}: ${line}`),
    peerOf: () => peer,
    trialsOf: () => standIn({ identity: IDENTITY, report, ...count, ...options }),
  });
}

function known(identity = IDENTITY): KnownShaders {
  return new KnownShaders({ identity, folder, stores: false, log: () => {} });
}

function host(identity = IDENTITY): VetClient {
  const open = () =>
    eventually(async () => {
      const opened = connect(socket);
      await new Promise((resolve, reject) => opened.on('connect', resolve).on('error', reject));
      return opened;
    });
  const client = new VetClient({ known: known(identity), connect: open });
  clients.push(client);
  return client;
}

const shader = (code: string): Trial => ({ kind: 'shaderModule', code });
const ask = (client: VetClient, code: string, owner: object = {}) =>
  client.try(client.digest(moduleKey(code)), shader(code), owner);
const isKnown = (code: string) => known().has(known().digest(moduleKey(code)));
const verdicts = () => (existsSync(folder) ? readdirSync(folder).map((name) => readFileSync(join(folder, name))) : []);

/** Connects as a host that was taken over, and sends messages of its own. */
function attacker(...messages: (object | string)[]): { received: () => string; ended: () => boolean } {
  const opened = connect(socket);
  sockets.push(opened);
  let received = '';
  opened.on('error', () => {}).on('data', (chunk) => (received += chunk.toString()));
  for (const message of messages) opened.write(typeof message === 'string' ? message : `${JSON.stringify(message)}\n`);
  return { received: () => received, ended: () => opened.destroyed || opened.readableEnded };
}

describe('a host', () => {
  test('learns that a shader is harmless, and the next host knows it without asking', async () => {
    const first = host();
    await ask(first, 'fine');
    expect(first.isHarmless(first.digest(moduleKey('fine')))).toBe(true);
    const next = host();
    expect(next.isHarmless(next.digest(moduleKey('fine')))).toBe(true);
    expect(running).toBe(1);
  });

  test('whose own list does not have a shader yet gets the answer without another trial', async () => {
    await ask(host(), 'fine');
    const client = host();
    expect(await ask(client, 'fine')).toBe(0);
    expect(running).toBe(1);
  });

  test('learns why a shader is not harmless, and no one stores it', async () => {
    const client = host();
    await expect(ask(client, 'harmful')).rejects.toThrow('it is harmful');
    await expect(ask(client, 'harmful')).rejects.toBeInstanceOf(Overrun);
    await expect(ask(client, 'large')).rejects.toBeInstanceOf(Fault);
    expect(verdicts()).toEqual([]);
  });

  test('of another driver than the keeper gets no verdict', async () => {
    await expect(ask(host('e'.repeat(64)), 'fine')).rejects.toThrow(/NL_NO_GPU.*another GPU or driver/);
    expect(verdicts()).toEqual([]);
  }, 15_000);

  test('gets no verdict from a process without every layer of confinement', async () => {
    await serve({ layers: maskOf(['seccomp', 'noNewPrivileges', 'limits']) });
    await expect(ask(host(), 'fine')).rejects.toThrow('NL_CONFINEMENT');
    expect(verdicts()).toEqual([]);
  });

  test('has trial processes of its own, which end with its connection', async () => {
    const [first, second] = [host(), host()];
    await Promise.all([ask(first, 'a'), ask(second, 'b')]);
    expect(running).toBe(2);
    await first.disconnect();
    expect(running).toBe(1);
    await ask(first, 'c');
    expect(running).toBe(2);
    await second.close();
    expect(running).toBe(1);
  });

  test('asks again when the keeper has been replaced', async () => {
    const client = host();
    const answer = ask(client, 'endless');
    await eventually(() => expect(running).toBe(1));
    await serve({ report: () => HARMLESS });
    expect(await answer).toBeGreaterThanOrEqual(0);
  });

  test('gets an error when there is no keeper', async () => {
    const connect = () => Promise.reject(new Error('ECONNREFUSED'));
    const client = new VetClient({ known: known(), connect });
    await expect(ask(client, 'fine')).rejects.toThrow(/NL_NO_GPU.*the keeper does not answer: ECONNREFUSED/);
  });

  test('may ask for more than the keeper takes at a time, and drop it', async () => {
    const client = host();
    const [stuck, fine] = [{}, {}];
    for (let n = 0; n < 2 * REQUESTS_MAX; n++) void ask(client, `endless ${n}`, stuck);
    await eventually(() => expect(running).toBeGreaterThan(0));
    client.drop(stuck);
    await Promise.all(Array.from({ length: 2 * REQUESTS_MAX }, (_, n) => ask(client, `fine ${n}`, fine)));
    expect(lines).toEqual([]);
  });
});

describe('a host that was taken over', () => {
  const hello = { identity: IDENTITY };

  test('cannot have one shader tried and another one found harmless', async () => {
    const digest = digestOf(shader('harmful'), (key) => known().digest(key));
    const request = { id: 1, owner: 1, digest, trial: { ...shader('fine'), digest, codes: ['harmful'], cpuMs: 1 } };
    const { received } = attacker(hello, request, { id: 2, owner: 1, digest, cpuMs: 0, trial: shader('harmful') });
    await eventually(() => expect(received()).toContain('"id":2'));
    expect(received()).toContain('it is harmful');
    expect([isKnown('fine'), isKnown('harmful')]).toEqual([true, false]);
    const sizes = verdicts().map(({ length }) => length);
    expect(sizes).toEqual([64]);
  });

  test('cannot pass a shader for a pipeline', async () => {
    const pipeline: Trial = { kind: 'computePipeline', codes: ['harmful'], layout: 'auto', descriptor: {} };
    const digest = (key: string) => known().digest(key);
    const text = JSON.stringify(['computePipeline', [digest(moduleKey('harmful'))], 'auto', {}]);
    const { received } = attacker(hello, { id: 1, owner: 1, trial: shader(text.replace('harmful', 'fine')) });
    await eventually(() => expect(received()).toContain('"id":1'));
    expect(known().has(digestOf(pipeline, digest))).toBe(false);
  });

  test.each([
    ['a path as its driver', [{ identity: '../../../../tmp/evil' }]],
    ['a second driver', [hello, { identity: 'e'.repeat(64) }]],
    ['a request before its driver', [{ id: 1, owner: 1, trial: shader('fine') }]],
    ['a trial of an unknown kind', [hello, { id: 1, owner: 1, trial: { kind: 'program', code: '' } }]],
    [
      'three shaders for a pipeline',
      [hello, { id: 1, owner: 1, trial: { kind: 'renderPipeline', codes: ['', '', ''] } }],
    ],
    ['no JSON', [hello, 'nonsense\n']],
    ['a message that is too long', [hello, 'x'.repeat(MESSAGE_CHARS_MAX + 1)]],
    ['too many requests', [hello, ...requests(REQUESTS_MAX + 1)]],
  ])('loses its connection if it sends %s', async (_, messages) => {
    const { ended } = attacker(...messages);
    await eventually(() => expect(ended()).toBe(true));
    expect(running).toBe(0);
  });

  test('keeps its connection with as many requests as allowed', async () => {
    const { ended, received } = attacker(hello, ...requests(REQUESTS_MAX), { drop: 1 }, ...requests(1, 'fine'));
    await eventually(() => expect(received()).toContain('cpuMs'));
    expect(ended()).toBe(false);
  });

  test('has no more than two connections', async () => {
    await serve({}, 4242);
    const [one, two, three] = [attacker(hello), attacker(hello), attacker(hello)];
    await eventually(() => expect(three.ended()).toBe(true));
    expect([one.ended(), two.ended()]).toEqual([false, false]);
  });

  function requests(count: number, code = 'endless'): object[] {
    return Array.from({ length: count }, (_, id) => ({ id, owner: 1, trial: shader(`${code} ${id}`) }));
  }
});
