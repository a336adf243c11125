import { beforeEach, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { FairQueue, QueueFull, type Tenant, type Ticket } from '../../host/pod/fair-queue.ts';
import { settle } from '../wait.ts';

let started: string[];
let running: { name: string; end(cpuMs: number): void }[];
let queue: FairQueue;
beforeEach(() => {
  started = [];
  running = [];
  queue = newQueue(1);
});

function newQueue(slots: number, bounds = { pod: 100, namespace: 100, all: 100 }): FairQueue {
  return new FairQueue({ slots, bounds });
}

/** Queues work for a pod, given as NAMESPACE/POD. The work's name is the pod and a number. */
function add(pod: string, name = `${pod} ${started.length + running.length}`): Ticket {
  const [namespace = '', of = ''] = pod.split('/');
  const tenant: Tenant = { namespace, pod: of };
  return queue.add(tenant, () => {
    started.push(name);
    const { promise, resolve } = Promise.withResolvers<number>();
    running.push({ name, end: resolve });
    return promise;
  });
}

/** Ends the work that has run for longest, which has used so much CPU time. */
async function end(cpuMs: number): Promise<void> {
  must(running.shift(), 'work that runs').end(cpuMs);
  await settle();
}

test('work of one pod runs one at a time, in order', async () => {
  for (const name of ['1', '2', '3']) add('a/a', name);
  expect([started, queue.waiting, queue.running]).toEqual([['1'], 2, 1]);
  await end(5);
  await end(5);
  await end(5);
  expect([started, queue.waiting, queue.running]).toEqual([['1', '2', '3'], 0, 0]);
});

test('a newcomer waits for nothing but the work that is running, however much another has queued', async () => {
  for (let n = 1; n <= 50; n++) add('loud/x', `loud ${n}`);
  add('quiet/y', 'quiet');
  await end(44_000);
  expect(started).toEqual(['loud 1', 'quiet']);
  await end(100);
  expect(started).toEqual(['loud 1', 'quiet', 'loud 2']);
});

test('an owner gains nothing from spreading its work over many pods of a namespace', async () => {
  for (let n = 1; n <= 20; n++) add(`loud/${n}`, `loud ${n}`);
  for (const name of ['quiet 1', 'quiet 2']) add('quiet/y', name);
  for (let n = 0; n < 4; n++) await end(1000);
  expect(started.slice(0, 4)).toEqual(['loud 1', 'quiet 1', 'loud 2', 'quiet 2']);
});

test('within a namespace, the pod that has used less comes first', async () => {
  for (const name of ['a 1', 'a 2', 'a 3']) add('n/a', name);
  add('n/b', 'b 1');
  await end(1000);
  expect(started).toEqual(['a 1', 'b 1']);
});

test('the tenant that has used the least CPU time comes next, not the one that had fewer turns', async () => {
  for (const name of ['small 1', 'small 2', 'small 3', 'small 4']) add('small/s', name);
  for (const name of ['large 1', 'large 2']) add('large/l', name);
  await end(10);
  await end(1000);
  await end(10);
  await end(10);
  await end(10);
  expect(started).toEqual(['small 1', 'large 1', 'small 2', 'small 3', 'small 4', 'large 2']);
});

test('no tenant saves up time while idle, and a stream of newcomers starves none', async () => {
  for (const name of ['old 1', 'old 2', 'old 3']) add('old/o', name);
  await end(1000);
  for (let n = 1; n <= 10; n++) {
    add(`new${n}/x`, `new ${n}`);
    await end(1000);
  }
  expect(started.indexOf('old 3')).toBeLessThan(6);
});

test('with two slots a namespace gets only one of them, and another starts at once', async () => {
  queue = newQueue(2);
  for (const name of ['loud 1', 'loud 2']) add('loud/x', name);
  expect([started, queue.running, queue.waiting]).toEqual([['loud 1'], 1, 1]);
  add('quiet/y', 'quiet');
  expect(started).toEqual(['loud 1', 'quiet']);
  add('third/z', 'third');
  await end(50);
  expect(started).toEqual(['loud 1', 'quiet', 'third']);
});

test('work that is withdrawn does not run; withdrawing it once it runs does nothing', async () => {
  const first = add('a/a', '1');
  const second = add('a/a', '2');
  add('a/a', '3');
  second.withdraw();
  second.withdraw();
  first.withdraw();
  expect([queue.waiting, queue.running]).toEqual([1, 1]);
  await end(1);
  expect(started).toEqual(['1', '3']);
});

test.each([
  [{ pod: 2, namespace: 9, all: 9 }, ['n/a', 'n/a'], 'n/a', 'n/b'],
  [{ pod: 9, namespace: 2, all: 9 }, ['n/a', 'n/b'], 'n/c', 'm/a'],
  [{ pod: 9, namespace: 9, all: 2 }, ['n/a', 'm/b'], 'o/c', undefined],
])(
  'with bounds %j, %j may wait or run; then %s is refused until one has ended',
  async (bounds, most, refused, other) => {
    queue = newQueue(1, bounds);
    for (const pod of most) add(pod);
    expect(() => add(refused)).toThrow(QueueFull);
    if (other) add(other);
    const { length } = started;
    await end(1);
    expect(started.length).toBe(length + 1);
    add(refused);
  },
);
