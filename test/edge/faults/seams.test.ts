import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { BusCounts, type BusMessage } from '../../../host/base/bus.ts';
import { FaultCounts, type FaultPlace, INJECTED } from '../../../host/base/faults.ts';
import type { MakeLink } from '../../../host/edge/bus/process.ts';
import { Chaos } from '../../../host/edge/faults/chaos.ts';
import { faultyFetch } from '../../../host/edge/faults/fetch.ts';
import { faultyLink, LINK_WAITING_MAX } from '../../../host/edge/faults/link.ts';
import type { Fault } from '../../../host/edge/faults/plan.ts';
import { faultySink } from '../../../host/edge/faults/sink.ts';
import { faultyStore } from '../../../host/edge/faults/store.ts';
import { fetchJson } from '../../../host/edge/fetch-json.ts';
import { createHttpSink } from '../../../host/edge/outbox/sink.ts';
import { ManualClock, settle } from '../../room/fake.ts';
import { eventually } from '../../wait.ts';
import { eventOf, resultOf } from '../store/events.ts';
import { openTestStore, temporaryFolder } from '../store/stores.ts';

let clock: ManualClock;
let chaos: Chaos;
beforeEach(() => {
  clock = new ManualClock();
  chaos = new Chaos({ clock, counts: new FaultCounts(), log: () => {} });
});

function inject(place: FaultPlace, kind: Fault['kind'], ms = 0): void {
  chaos.set([{ place, kind, share: 1, seconds: 60, ms }]);
}

async function startServer(): Promise<{ url: string; asked: () => number }> {
  let asked = 0;
  const server = createServer((_, response) => {
    asked++;
    response.end('{"a":1}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, asked: () => asked };
}

test('a request to a dependency fails as the injected fault says, and works before and after', async () => {
  const { url, asked } = await startServer();
  const ask = () =>
    fetchJson(url, { msMax: 60_000, bytesMax: 100, fetch: faultyFetch(chaos, { place: 'opa', clock }) });
  expect(await ask()).toEqual({ a: 1 });
  inject('opa', 'error');
  await expect(ask()).rejects.toThrow('answered with HTTP status 503');
  inject('opa', 'cut');
  await expect(ask()).rejects.toThrow('fetch failed');
  expect(asked()).toBe(1);
  inject('opa', 'latency', 500);
  let isAnswered = false;
  const late = ask().then((answer) => {
    isAnswered = true;
    return answer;
  });
  await clock.pass(499);
  expect([isAnswered, asked()]).toEqual([false, 1]);
  await clock.pass(1);
  expect(await late).toEqual({ a: 1 });
  chaos.end('enough');
  expect(await ask()).toEqual({ a: 1 });
});

test('a caller that gives up does not wait for the injected latency', async () => {
  const get = faultyFetch(chaos, { place: 'issuer', clock });
  inject('issuer', 'latency', 60_000);
  const giveUp = new AbortController();
  const asked = get('http://127.0.0.1:1/', { signal: giveUp.signal });
  giveUp.abort(new Error('too late'));
  await expect(asked).rejects.toThrow('too late');
  await expect(get('http://127.0.0.1:1/', { signal: giveUp.signal })).rejects.toThrow('too late');
});

test('a sink fails as the injected fault says, never for good, and works before and after', async () => {
  const { url, asked } = await startServer();
  const http = createHttpSink({ url, token: '', timeoutMs: 60_000 });
  const sink = faultySink(http, { faults: chaos, clock, timeoutMs: 1000 });
  const events = [{ ...eventOf('a'), sequence: 1, source: 'node' }];
  expect(await sink.send(events)).toEqual({ kind: 'accepted' });
  for (const kind of ['error', 'cut'] as const) {
    inject('sink', kind);
    expect(await sink.send(events)).toEqual({ kind: 'failed', reason: INJECTED });
  }
  expect(asked()).toBe(1);
  inject('sink', 'latency', 999);
  const late = sink.send(events);
  await clock.pass(999);
  expect([await late, asked()]).toEqual([{ kind: 'accepted' }, 2]);
  inject('sink', 'latency', 1000);
  const tooLate = sink.send(events);
  await clock.pass(1000);
  expect([await tooLate, asked()]).toEqual([{ kind: 'failed', reason: INJECTED }, 2]);
  chaos.end('enough');
  expect((await sink.send(events)).kind).toBe('accepted');
  await sink.close();
});

/** A link to other hosts that records what passes in both directions. */
function openLink() {
  const [sent, received]: [string[], string[]] = [[], []];
  const counts = new BusCounts();
  let arrive: (text: string) => void = () => {};
  const message = (text: string): BusMessage => ({ topic: text, origin: 1n, bytes: new Uint8Array() });
  const make: MakeLink = (receive) => {
    arrive = (text) => receive('game', message(text));
    return {
      listen() {},
      ignore() {},
      publish: (_, { topic }) => void sent.push(topic),
      close: async () => {},
    };
  };
  const link = faultyLink(make, { faults: chaos, clock, counts })((_, { topic }) => void received.push(topic));
  return { sent, received, counts, publish: (text: string) => link.publish('game', message(text)), arrive };
}

test('messages between hosts are cut in both directions, and counted', () => {
  const { sent, received, counts, publish, arrive } = openLink();
  publish('a');
  arrive('A');
  inject('nats', 'cut');
  publish('b');
  arrive('B');
  chaos.end('enough');
  publish('c');
  arrive('C');
  expect([sent, received, counts.dropped.offline]).toEqual([['a', 'c'], ['A', 'C'], 2]);
});

test('late messages keep their order, also when the latency ends, and only so many wait', async () => {
  const { sent, counts, publish } = openLink();
  inject('nats', 'latency', 100);
  publish('a');
  publish('b');
  chaos.end('enough');
  publish('c');
  expect(sent).toEqual([]);
  await clock.pass(100);
  expect(sent).toEqual(['a', 'b', 'c']);
  publish('d');
  expect(sent.at(-1)).toBe('d');
  inject('nats', 'latency', 100);
  for (let n = 0; n < LINK_WAITING_MAX; n++) publish('e');
  expect(counts.dropped.slow).toBe(0);
  publish('f');
  expect(counts.dropped.slow).toBe(1);
});

test('calls of a store are late or fail as the injected fault says, and its data stays', async () => {
  const { store } = await openTestStore();
  const faulty = faultyStore(store, { faults: chaos, clock });
  await faulty.addEvent(eventOf('a'));
  inject('store', 'error');
  await expect(faulty.addEvent(eventOf('b'))).rejects.toMatchObject({ code: 'NL_STORE' });
  inject('store', 'latency', 1000);
  let isAdded = false;
  const adding = faulty.addEvent(eventOf('c')).then(() => {
    isAdded = true;
  });
  await clock.pass(999);
  expect(isAdded).toBe(false);
  await clock.pass(1);
  await adding;
  chaos.end('enough');
  expect(await faulty.countOutbox({})).toMatchObject({ waiting: 2 });
  expect(faulty.figures).toBe(store.figures);
});

test('with an injected full disk the store gives data up in its order, and every result is kept', async () => {
  const { store, lines } = await openTestStore({ folder: temporaryFolder() });
  const faulty = faultyStore(store, { faults: chaos, clock });
  const body = JSON.stringify('x'.repeat(50_000));
  await Promise.all(Array.from({ length: 20 }, (_, n) => faulty.addTrace({ at: n, body })));
  inject('store', 'full');
  const ids = Array.from({ length: 60 }, (_, n) => `r${n}`);
  const kept = ids.map((id) => faulty.addResult(resultOf(id, { data: body })));
  await eventually(() => expect(store.figures.held).toBeGreaterThan(0));
  expect(lines.map(({ message }) => message)[0]).toContain('gives up its traces');
  await expect(faulty.addTrace({ at: 1, body: '1' })).rejects.toMatchObject({ code: 'NL_STORE_FULL' });
  await faulty.tend();
  expect(store.figures.givenUp).toBeGreaterThan(0);
  chaos.end('enough');
  await settle();
  await faulty.tend();
  await Promise.all(kept);
  expect((await faulty.getResults({ match: 'match-1' })).map(({ id }) => id)).toEqual(ids);
  expect(store.figures).toMatchObject({ givenUp: 0, held: 0 });
});
