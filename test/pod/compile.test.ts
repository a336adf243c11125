import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { NearlightError } from '../../host/base/errors.ts';
import { checkModule } from '../../host/engine/module.ts';
import { CompileCache } from '../../host/engine/wasmedge/cache.ts';
import { compilerIdentity } from '../../host/engine/wasmedge/identity.ts';
import type { SealedCode } from '../../host/engine/wasmedge/sealed.ts';
import type { CompileServiceOptions } from '../../host/pod/compile.ts';
import { CompileClient } from '../../host/pod/compile-client.ts';
import { createCompiler } from '../../host/pod/compiler.ts';
import { FrameReader, frameHead } from '../../host/pod/frames.ts';
import { KeeperMeters, keeperMetrics } from '../../host/pod/keeper-meters.ts';
import { sendDescriptor, streamPair } from '../../host/pod/message-socket.ts';
import { good, options } from '../engine/modules.ts';
import { eventually, sleep } from '../wait.ts';
import { CompileRig, MODULE_BYTES_MAX } from './compile-rig.ts';
import { connectTo, readCode } from './keeper-client.ts';

let rig: CompileRig;
beforeEach(async () => {
  rig = await CompileRig.open();
});
afterEach(() => rig.close());

const IDENTITY = 'test';
type Make = CompileServiceOptions['compiler']['make'];

/** Serves a compiler without a cache. */
const serve = (make: Make, options: Partial<CompileServiceOptions> = {}) =>
  rig.listen({
    compiler: {
      identity: async () => IDENTITY,
      find: async () => undefined,
      make,
      counts: { hits: 0, misses: 0, rejected: 0 },
    },
    ...options,
  });

const echo: Make = async (module) => module;

/** Whether the newest answer of ask() was a copy of the code, not a descriptor. */
let wasCopy = false;

/** Asks for a module's native code on a connection of its own. */
async function ask(module: Uint8Array, { identity = IDENTITY, answerMsMax = 60_000, retryMs = 5 } = {}) {
  const client = new CompileClient({ connect: () => connectTo(rig.socket), answerMsMax, retryMs });
  try {
    const answer = await client.compile(module, identity);
    wasCopy = answer?.code instanceof Uint8Array;
    return answer && { ...answer, code: readCode(answer.code) };
  } finally {
    client.close();
  }
}

/** A client, and the number of connections that it has opened. */
function connecting() {
  let count = 0;
  const client = new CompileClient({
    connect() {
      count++;
      return connectTo(rig.socket);
    },
  });
  return { client, opened: () => count };
}

const codeOf = async (...args: Parameters<typeof ask>) => (await ask(...args))?.code;

test('the keeper answers with native code, and only its own user can use its socket', async () => {
  await serve(async (module) => Buffer.from(module).reverse());
  expect(await codeOf(Buffer.of(1, 2, 3))).toEqual(Buffer.of(3, 2, 1));
  expect(statSync(rig.socket).mode & 0o777).toBe(0o600);
});

test('a module for the keeper to compile may be as large as MODULE_BYTES_MAX, and no larger', async () => {
  await serve(echo);
  expect((await codeOf(Buffer.alloc(MODULE_BYTES_MAX)))?.length).toBe(MODULE_BYTES_MAX);
  await expect(codeOf(Buffer.alloc(MODULE_BYTES_MAX + 1))).rejects.toThrow(/^NL_MODULE_LIMIT: .*MODULE_BYTES_MAX/);
});

/** Sends bytes to the keeper. Resolves with the header of the answer, or undefined if the connection ends without one. */
async function send(...chunks: Uint8Array[]): Promise<unknown> {
  const connection = connect(rig.socket);
  for (const chunk of chunks) {
    connection.write(chunk);
    await sleep(5);
  }
  const reader = new FrameReader<object>(MODULE_BYTES_MAX);
  try {
    for await (const chunk of connection) {
      const frame = reader.push(chunk);
      if (frame) return frame.header;
    }
  } catch {
    // The keeper has ended the connection.
  }
  return undefined;
}

test('a request may arrive in pieces of any size', async () => {
  await serve(echo);
  const request = Buffer.concat([frameHead({ identity: IDENTITY }, 3), Buffer.of(1, 2, 3)]);
  expect(await send(...Array.from(request, (byte) => Buffer.of(byte)))).toMatchObject({ result: 'code' });
});

test('a module that claims to be too large is refused before it is sent', async () => {
  await serve(echo);
  const head = (bytes: number) => frameHead({ identity: IDENTITY }, bytes);
  expect(await send(head(MODULE_BYTES_MAX + 1))).toMatchObject({ result: 'refused', code: 'NL_MODULE_LIMIT' });
  expect(await send(head(2 ** 32 - 1))).toMatchObject({ result: 'refused', code: 'NL_MODULE_LIMIT' });
});

test('a host gets code of any size as memory that it can map and that no process can change', async () => {
  const large = Buffer.alloc(3 * 2 ** 20, 7);
  await serve(async () => large);
  const { client, opened } = connecting();
  for (let n = 0; n < 2; n++) {
    const { code } = must(await client.compile(Buffer.of(n), IDENTITY), 'code');
    if (code instanceof Uint8Array) throw new Error('the code is a copy');
    const writable = openSync(`/proc/self/fd/${code.fd}`, 'r+');
    expect(() => writeSync(writable, 'x')).toThrow('EPERM');
    closeSync(writable);
    expect(readCode(code).equals(large)).toBe(true);
  }
  expect(opened()).toBe(1);
  client.close();
  const lost = new CompileClient({ connect: () => Promise.reject(new Error('x')) });
  expect(await lost.compile(large, IDENTITY)).toBeUndefined();
});

test('two hosts that get the same code share neither a descriptor nor a position', async () => {
  await rig.serveCache();
  const { bytes } = checkModule(good(), options().limits);
  const identity = await compilerIdentity();
  await ask(bytes, { identity });
  await rig.stored(1);
  const { client } = connecting();
  const codes = [];
  for (let n = 0; n < 2; n++) codes.push(must(await client.compile(bytes, identity), 'code').code);
  expect(codes.every((code) => !(code instanceof Uint8Array))).toBe(true);
  const [one, two] = codes as [SealedCode, SealedCode];
  const start = (code: SealedCode) => {
    const read = Buffer.alloc(100);
    readSync(code.fd, read);
    return read;
  };
  expect(start(one)).toEqual(start(two));
  expect(readFileSync(`/proc/self/fdinfo/${one.fd}`, 'utf8')).toMatch(/^pos:\t100\nflags:\t\d*0\n/);
  expect(readCode(one)).toEqual(readCode(two));
  client.close();
});

test('a host gets a copy of code once it holds as much sealed memory as it may', async () => {
  const { limits, log } = options();
  const [first, second] = [good(), good({ tick: '(drop (i32.const 7))' })].map((m) => checkModule(m, limits).bytes);
  const cache = new CompileCache(rig.cacheDir, { memoryBytesMax: 2 ** 30 });
  for (const module of [first, second]) await cache.native(must(module, 'module'), options());
  await rig.stored(2);
  const identity = await compilerIdentity();
  const largest = Math.max(...rig.entries().map((name) => statSync(join(rig.cacheDir, name)).size));
  const compiler = createCompiler(cache, { limits, log });
  await rig.listen({ compiler, codeBytesMax: largest, peerOf: () => process.pid });
  const isCopy = async (module = first) => {
    const { code } = must(await ask(must(module, 'module'), { identity }), 'answer');
    expect(code.length).toBeGreaterThan(1000);
    return wasCopy;
  };
  expect([await isCopy(), await isCopy(), await isCopy(second), await isCopy()]).toEqual([false, false, true, false]);
});

test.each([
  ['no descriptor', frameHead({ result: 'code', isCached: true, cpuMs: 0, waitedMs: 0 }, 0), 0],
  ['two descriptors', frameHead({ result: 'code', isCached: true, cpuMs: 0, waitedMs: 0 }, 0), 2],
  ['a descriptor that no code belongs to', frameHead({ result: 'busy', message: '' }, 0), 1],
  ['a body', Buffer.concat([frameHead({ result: 'code', isCached: true, cpuMs: 0, waitedMs: 0 }, 1), Buffer.of(1)]), 1],
])('an answer with %s counts as none, and its descriptors are closed', async (_, bytes, descriptors) => {
  const [own, keeper] = streamPair();
  const client = new CompileClient({ connect: async () => own });
  const before = readdirSync('/proc/self/fd').length;
  const asked = client.compile(Buffer.of(1), IDENTITY);
  await eventually(() => expect(readdirSync('/proc/self/fd').length).toBe(before + 1));
  const file = openSync('/dev/null', 'r');
  for (let n = 0; n < descriptors; n++)
    sendDescriptor(keeper, n + 1 < descriptors ? bytes.subarray(0, 1) : bytes.subarray(n), file);
  if (descriptors === 0) writeSync(keeper, bytes);
  for (const fd of [file, keeper]) closeSync(fd);
  expect(await asked).toBeUndefined();
  await eventually(() => expect(readdirSync('/proc/self/fd').length).toBe(before - 2));
});

test.each([
  ['a header that is too long', Buffer.from('ffffffff00000000', 'hex')],
  ['a header that is not JSON', Buffer.from('0100000000000000ff', 'hex')],
  ['a header that is not an object', Buffer.from('010000000000000031', 'hex')],
  ['more than one frame', Buffer.concat([frameHead({}, 1), Buffer.of(1, 2)])],
])('%s ends the connection, and others are served', async (_, bytes) => {
  await serve(echo);
  expect(await send(bytes)).toBeUndefined();
  expect(await codeOf(Buffer.of(1))).toEqual(Buffer.of(1));
});

test('a host asks on the connection that it has kept open, and on a new one after the keeper was replaced', async () => {
  await serve(echo);
  const { client, opened } = connecting();
  const codeOf = async (n: number) => readCode(must(await client.compile(Buffer.of(n), IDENTITY), 'answer').code);
  expect(await codeOf(1)).toEqual(Buffer.of(1));
  expect(await codeOf(2)).toEqual(Buffer.of(2));
  expect(opened()).toBe(1);
  await rig.service?.close();
  await serve(echo);
  expect(await codeOf(3)).toEqual(Buffer.of(3));
  expect(opened()).toBe(2);
  client.close();
});

test('the caller of the compile service gets the error of a bad module, with its code', async () => {
  await serve(() => Promise.reject(new NearlightError('NL_MODULE_IMPORT', 'it imports "x"')));
  await expect(codeOf(Buffer.of(1))).rejects.toThrow(/^NL_MODULE_IMPORT: .*: it imports "x"$/);
});

test('if the compile service fails or is missing, the module is not at fault', async () => {
  expect(await codeOf(Buffer.of(1))).toBeUndefined();
  await serve(() => Promise.reject(new Error('EIO')));
  expect(await codeOf(Buffer.of(1))).toBeUndefined();
});

test('modules are compiled one at a time, and each once, however many callers ask for it', async () => {
  const started: number[] = [];
  const done: (() => void)[] = [];
  await serve((module) => {
    started.push(must(module[0], 'first byte'));
    return new Promise((resolve) => done.push(() => resolve(module)));
  });
  const asked = [1, 2, 1, 3, 2, 1];
  const codes = asked.map((byte) => codeOf(Buffer.of(byte)));
  // No compilation ends until every request has arrived; otherwise the module of a late request would be compiled again.
  await eventually(() => expect(rig.service?.queued).toBe(asked.length));
  for (const count of [1, 2, 3]) {
    await eventually(() => expect(started.length).toBe(count));
    must(done.at(-1), 'compilation')();
  }
  expect(await Promise.all(codes)).toEqual(asked.map((byte) => Buffer.of(byte)));
  expect(started.sort()).toEqual([1, 2, 3]);
});

test('a host that uses another compiler gets no code', async () => {
  await serve(echo);
  expect(await codeOf(Buffer.of(1), { identity: 'other' })).toBeUndefined();
  expect(await codeOf(Buffer.of(1))).toEqual(Buffer.of(1));
});

test.each([
  ['a pod', 4, (_: number) => ({ namespace: 'a', pod: 'a' })],
  ['a namespace', 32, (n: number) => ({ namespace: 'a', pod: `${n}` })],
  ['all pods', 64, (n: number) => ({ namespace: `${n}`, pod: 'a' })],
])('of %s, %i modules may wait; one more is refused, and compiled when there is room', async (_, most, tenantOf) => {
  const gate = Promise.withResolvers<void>();
  const asked = { count: 0 };
  await serve(async (module) => gate.promise.then(() => module), { tenantOf: () => tenantOf(asked.count++) });
  const codes = Array.from({ length: most }, (_, n) => codeOf(Buffer.of(n)));
  await eventually(() => expect(rig.service?.queued).toBe(most));
  expect(await codeOf(Buffer.of(200), { answerMsMax: 100 })).toBeUndefined();
  expect(rig.service?.queued).toBe(most);
  const late = codeOf(Buffer.of(201));
  gate.resolve();
  expect(await late).toEqual(Buffer.of(201));
  expect((await Promise.all(codes)).every(Boolean)).toBe(true);
});

test('a request whose host has gone leaves the queue', async () => {
  const gate = Promise.withResolvers<void>();
  const compiled: number[] = [];
  await serve(async (module) => {
    compiled.push(must(module[0], 'first byte'));
    await gate.promise;
    return module;
  });
  const first = codeOf(Buffer.of(1));
  await eventually(() => expect(rig.service?.queued).toBe(1));
  expect(await codeOf(Buffer.of(2), { answerMsMax: 50 })).toBeUndefined();
  await eventually(() => expect(rig.service?.queued).toBe(1));
  gate.resolve();
  await first;
  expect(compiled).toEqual([1]);
});

test('one process may have 8 requests open, and no more', async () => {
  const gate = Promise.withResolvers<void>();
  const asked = { count: 0 };
  await serve(async (module) => gate.promise.then(() => module), {
    peerOf: () => process.pid,
    tenantOf: () => ({ namespace: `${asked.count++}`, pod: 'a' }),
  });
  const codes = Array.from({ length: 8 }, (_, n) => codeOf(Buffer.of(n)));
  await eventually(() => expect(rig.service?.queued).toBe(8));
  expect(await codeOf(Buffer.of(9), { answerMsMax: 100 })).toBeUndefined();
  expect(asked.count).toBe(8);
  gate.resolve();
  expect((await Promise.all(codes)).every(Boolean)).toBe(true);
  expect(await codeOf(Buffer.of(9))).toEqual(Buffer.of(9));
});

test('a host learns what its compilation has cost, and pays nothing for one that was in the cache', async () => {
  await rig.serveCache();
  const { limits } = options();
  const { bytes } = checkModule(good(), limits);
  const identity = await compilerIdentity();
  const first = await ask(bytes, { identity });
  await rig.stored(1);
  expect(first).toMatchObject({ isCached: false, cpuMs: expect.any(Number) });
  expect(first?.cpuMs).toBeGreaterThan(0);
  // For a moment after it has written the entry, the keeper still answers with the code that it has just compiled.
  await eventually(async () =>
    expect(await ask(bytes, { identity })).toMatchObject({ isCached: true, cpuMs: 0, waitedMs: 0 }),
  );
});

test('the keeper reports compilations, their CPU time by namespace, and what its cache answered', async () => {
  const meters = new KeeperMeters();
  await serve(
    async (module, spent) => {
      spent(1500);
      if (module[0] === 2) throw new NearlightError('NL_COMPILE', 'x');
      return module;
    },
    { meters, tenantOf: () => ({ namespace: 'team "a"', pod: 'p' }) },
  );
  await ask(Buffer.of(1));
  await expect(ask(Buffer.of(2))).rejects.toThrow('NL_COMPILE');
  const cache = { hits: 3, misses: 2, rejected: 1 };
  const text = keeperMetrics(meters, { queue: { waiting: 0, running: 0 }, cache, hostsWatched: 4, hostsWanted: 5 });
  expect(text.split('\n').filter((line) => !line.startsWith('#'))).toEqual([
    'nearlight_keeper_compile_requests{state="waiting"} 0',
    'nearlight_keeper_compile_requests{state="running"} 0',
    'nearlight_keeper_compilations_total{result="compiled"} 1',
    'nearlight_keeper_compilations_total{result="failed"} 1',
    'nearlight_keeper_compile_cpu_seconds_total{namespace="team \\"a\\""} 3',
    'nearlight_keeper_compile_refused_total 0',
    'nearlight_keeper_cache_entries_total{result="hits"} 3',
    'nearlight_keeper_cache_entries_total{result="misses"} 2',
    'nearlight_keeper_cache_entries_total{result="rejected"} 1',
    'nearlight_keeper_hosts_watched 4',
    'nearlight_keeper_hosts_wanted 5',
    ...['stopped', 'busy', 'blocked'].map((reason) => `nearlight_keeper_hosts_killed_total{reason="${reason}"} 0`),
    '',
  ]);
});
