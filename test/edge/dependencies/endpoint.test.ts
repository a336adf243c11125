import { expect, test } from 'vitest';
import { Endpoint, EndpointFull, type EndpointRule } from '../../../host/edge/dependencies/endpoint.ts';
import { ManualClock, settle } from '../../room/fake.ts';

const QUEUE = { queueMax: 3, queueMs: 1000 };

function begin(rule?: Partial<EndpointRule>) {
  const clock = new ManualClock();
  const meter = { queued: 0, rejected: 0 };
  const slow: unknown[] = [];
  const endpoint = new Endpoint({ clock, meter, onSlow: (each) => slow.push(each) });
  if (rule) endpoint.setRule({ excess: 'reject', ...QUEUE, ...rule });
  const order: string[] = [];
  const ends: (() => void)[] = [];
  /** Makes a call that lasts until the test ends it. */
  const call = (name: string) =>
    endpoint
      .run(() => {
        order.push(name);
        return new Promise<void>((resolve) => ends.push(resolve));
      })
      .then(
        () => order.push(`${name} done`),
        (error: unknown) => order.push(error instanceof EndpointFull ? `${name} refused` : `${error}`),
      );
  const quick = () => endpoint.run(async () => {});
  return { clock, meter, endpoint, order, ends, call, quick, slow };
}

test('without a rule, nothing is limited', async () => {
  const { quick, meter } = begin();
  await Promise.all(Array.from({ length: 1000 }, quick));
  expect(meter).toEqual({ queued: 0, rejected: 0 });
});

test('calls of a second start at once, and one more is refused until there is time for it', async () => {
  const { quick, clock, meter } = begin({ perSecond: 5 });
  for (let n = 0; n < 5; n++) await quick();
  await expect(quick()).rejects.toThrow(EndpointFull);
  await clock.pass(199);
  await expect(quick()).rejects.toThrow(EndpointFull);
  await clock.pass(1);
  await quick();
  expect(meter).toEqual({ queued: 0, rejected: 2 });
});

test('as many calls are under way as the rule says, and one more is refused', async () => {
  const { call, order, ends } = begin({ concurrent: 2 });
  void call('a');
  void call('b');
  void call('c');
  await settle();
  expect(order).toEqual(['a', 'b', 'c refused']);
  ends[0]?.();
  await settle();
  void call('d');
  await settle();
  expect(order).toEqual(['a', 'b', 'c refused', 'a done', 'd']);
});

test('calls that wait start in their order, and one more than fit is refused', async () => {
  const { call, order, ends, meter } = begin({ concurrent: 1, excess: 'queue' });
  for (const name of ['a', 'b', 'c', 'd', 'e']) void call(name);
  await settle();
  expect(order).toEqual(['a', 'e refused']);
  for (const end of [0, 1, 2]) {
    ends[end]?.();
    await settle();
  }
  expect(order).toEqual(['a', 'e refused', 'a done', 'b', 'b done', 'c', 'c done', 'd']);
  expect(meter).toEqual({ queued: 3, rejected: 1 });
});

test('a call that comes while others wait does not overtake them', async () => {
  const { call, order, clock } = begin({ perSecond: 1, excess: 'queue' });
  void call('a');
  void call('b');
  await clock.pass(999);
  void call('c');
  await clock.pass(1);
  expect(order).toEqual(['a', 'b']);
});

test('a call waits for as long as the rule says, and is refused then', async () => {
  const { call, order, clock, meter } = begin({ concurrent: 1, excess: 'queue' });
  void call('a');
  void call('b');
  await clock.pass(999);
  expect(order).toEqual(['a']);
  await clock.pass(1);
  expect(order).toEqual(['a', 'b refused']);
  expect(meter).toEqual({ queued: 1, rejected: 1 });
});

test('calls that wait start as the rate allows', async () => {
  const { call, order, clock } = begin({ perSecond: 2, excess: 'queue' });
  for (const name of ['a', 'b', 'c', 'd']) void call(name);
  await settle();
  expect(order).toEqual(['a', 'b']);
  await clock.pass(499);
  expect(order).toEqual(['a', 'b']);
  await clock.pass(1);
  expect(order).toEqual(['a', 'b', 'c']);
  await clock.pass(500);
  expect(order).toEqual(['a', 'b', 'c', 'd']);
});

/** Makes calls that each take a number of milliseconds. */
async function take(endpoint: Endpoint, clock: ManualClock, ms: number, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const call = endpoint.run(() => promise);
    await clock.pass(ms);
    resolve();
    await call;
  }
}

test('if half of twenty calls take longer than the rule says, none starts for a second', async () => {
  const { endpoint, clock, quick, slow } = begin({ responseMs: 100 });
  await take(endpoint, clock, 100, 10);
  await take(endpoint, clock, 101, 9);
  await quick();
  expect(slow).toEqual([]);
  await take(endpoint, clock, 101, 1);
  await take(endpoint, clock, 101, 1);
  expect(slow).toHaveLength(1);
  await expect(quick()).rejects.toThrow(EndpointFull);
  await clock.pass(999);
  await expect(quick()).rejects.toThrow(EndpointFull);
  await clock.pass(1);
  await quick();
});

test('a rule that changes also counts for calls that wait, and those under way count for it', async () => {
  const { call, endpoint, order, ends } = begin({ concurrent: 1, excess: 'queue' });
  for (const name of ['a', 'b', 'c']) void call(name);
  await settle();
  endpoint.setRule({ concurrent: 2, excess: 'reject', ...QUEUE });
  await settle();
  expect(order).toEqual(['a', 'b']);
  endpoint.setRule(undefined);
  await settle();
  expect(order).toEqual(['a', 'b', 'c']);
  endpoint.setRule({ concurrent: 3, excess: 'reject', ...QUEUE });
  void call('d');
  await settle();
  expect(order.at(-1)).toBe('d refused');
  ends[0]?.();
  await settle();
  void call('e');
  await settle();
  expect(order.at(-1)).toBe('e');
});

test('a call that fails gives its place back', async () => {
  const { endpoint, quick } = begin({ concurrent: 1 });
  await expect(endpoint.run(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  await quick();
});
