import { beforeEach, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { Compilations } from '../../host/pod/compilations.ts';
import { settle } from '../wait.ts';

let nowMs: number;
let making: { byte: number | undefined; end(cpuMs: number, error?: Error): Promise<void> }[];
let bills: [string, number, boolean][];
let compilations: Compilations;
beforeEach(() => {
  nowMs = 0;
  making = [];
  bills = [];
  compilations = new Compilations({
    slots: 1,
    bounds: { pod: 100, namespace: 100, all: 100 },
    now: () => nowMs,
    ended: ({ namespace }, cpuMs, isGood) => bills.push([namespace, cpuMs, isGood]),
    make: (module, spent) => {
      const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
      making.push({
        byte: module[0],
        async end(cpuMs, error) {
          nowMs += cpuMs;
          spent(cpuMs);
          if (error) reject(error);
          else resolve(module);
          await settle();
        },
      });
      return promise;
    },
  });
});

const ask = (byte: number, namespace: string, signal = new AbortController().signal) =>
  compilations.compile({ module: Uint8Array.of(byte), tenant: { namespace, pod: 'p' }, signal });
const last = () => must(making.at(-1), 'compilation');
const order = () => making.map(({ byte }) => byte);

test('a short compilation waits only for the long one that runs, and says how long, and each namespace pays its own', async () => {
  const loud = [1, 2, 3].map((byte) => ask(byte, 'loud'));
  nowMs = 1000;
  const quiet = ask(9, 'quiet');
  await last().end(44_000);
  await last().end(100);
  expect(await quiet).toEqual({ code: Uint8Array.of(9), cpuMs: 100, waitedMs: 44_000 });
  await last().end(44_000);
  await last().end(44_000);
  expect((await Promise.all(loud)).map(({ waitedMs }) => waitedMs)).toEqual([0, 45_100, 89_100]);
  expect(order()).toEqual([1, 9, 2, 3]);
  expect(bills).toEqual([
    ['loud', 44_000, true],
    ['quiet', 100, true],
    ['loud', 44_000, true],
    ['loud', 44_000, true],
  ]);
});

test('a stranger who queues the same module first does not delay it, and the one who is served pays', async () => {
  const loud = [1, 2, 9].map((byte) => ask(byte, 'loud'));
  const quiet = ask(9, 'quiet');
  await last().end(44_000);
  expect(order()).toEqual([1, 9]);
  await last().end(100);
  expect(await quiet).toMatchObject({ cpuMs: 100 });
  expect(await loud[2]).toMatchObject({ cpuMs: 0 });
  expect([compilations.waiting, compilations.running]).toEqual([0, 1]);
  await last().end(1);
  await Promise.all(loud);
  expect(order()).toEqual([1, 9, 2]);
});

test('a module that fails is paid for, and everyone who asked gets the reason', async () => {
  const asked = Promise.allSettled([ask(1, 'a'), ask(1, 'b')]);
  await last().end(500, new Error('bad'));
  expect((await asked).map((result) => result.status === 'rejected' && result.reason.message)).toEqual(['bad', 'bad']);
  expect(bills).toEqual([['a', 500, false]]);
});

test('a request that is withdrawn while it waits is not compiled, unless another asked for the same', async () => {
  const [gone, alsoGone] = [new AbortController(), new AbortController()];
  const running = ask(1, 'a');
  const dropped = Promise.allSettled([ask(2, 'a', gone.signal), ask(3, 'b', alsoGone.signal)]);
  const kept = ask(3, 'c');
  gone.abort();
  alsoGone.abort();
  await dropped;
  expect(compilations.waiting).toBe(1);
  await last().end(1);
  await last().end(1);
  await Promise.all([running, kept]);
  expect(order()).toEqual([1, 3]);
});

test('a compilation that has started goes on when its host has gone, and others share it', async () => {
  const gone = new AbortController();
  const dropped = ask(1, 'a', gone.signal).catch(() => 'dropped');
  const shared = ask(1, 'b');
  gone.abort();
  expect(await dropped).toBe('dropped');
  await last().end(7);
  expect(await shared).toMatchObject({ cpuMs: 0 });
  expect([order(), bills]).toEqual([[1], [['a', 7, true]]]);
});
