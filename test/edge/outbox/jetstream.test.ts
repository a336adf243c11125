import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { expect, onTestFinished, test } from 'vitest';
import { readConfig } from '../../../host/base/config.ts';
import { readTraceparent } from '../../../host/base/trace.ts';
import { JetStreamSink } from '../../../host/edge/outbox/jetstream.ts';
import { Sender } from '../../../host/edge/outbox/sender.ts';
import { createJointSink, type Outcome, type Sink } from '../../../host/edge/outbox/sink.ts';
import type { SendableEvent } from '../../../host/edge/store/outbox.ts';
import { Meters } from '../../../host/observe/meters.ts';
import type { EndedSpan } from '../../../host/observe/tracing/span.ts';
import { openTracing } from '../../../host/observe/tracing/tracing.ts';
import { freePort } from '../../net/programs.ts';
import { ManualClock } from '../../room/fake.ts';
import { NatsServer } from '../bus/nats-server.ts';
import { service } from '../dependencies/services.ts';
import { eventOf } from '../store/events.ts';
import { openTestStore } from '../store/stores.ts';

const STREAM = 'events';

async function server(...args: string[]): Promise<NatsServer> {
  const made = new NatsServer(...args);
  onTestFinished(() => made.close());
  await made.start();
  return made;
}

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'nearlight-jetstream-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** Starts a server with JetStream, whose streams a restart keeps. */
const hub = (...args: string[]) => server('-js', '-sd', folder(), ...args);

async function client(url: string): Promise<NatsConnection> {
  const connection = await connect({ servers: new URL(url).host });
  onTestFinished(() => connection.close());
  return connection;
}

async function addStream(url: string, more: { max_msg_size?: number } = {}): Promise<void> {
  const { streams } = await jetstreamManager(await client(url));
  await streams.add({ name: STREAM, subjects: ['nearlight.events.>'], ...more });
}

interface Stored {
  subject: string;
  id: string | undefined;
  type: string | undefined;
  traceparent: string;
  event: { id: string; source: string; data: unknown };
}

/** Reads all messages of the stream. */
async function stored(url: string): Promise<Stored[]> {
  const { streams } = await jetstreamManager(await client(url));
  const { state } = await streams.info(STREAM);
  const found: Stored[] = [];
  for (let seq = state.first_seq; seq <= state.last_seq && state.messages > 0; seq++) {
    const message = await streams.getMessage(STREAM, { seq });
    if (!message) continue;
    const { subject, header } = message;
    found.push({
      subject,
      id: header.get('Nats-Msg-Id'),
      type: header.get('content-type'),
      traceparent: header.get('traceparent'),
      event: message.json(),
    });
  }
  return found;
}

function sink(url: string, timeoutMs = 3000): Sink {
  const made = new JetStreamSink({ url, subject: 'nearlight.events', timeoutMs, dependency: service('centre') });
  onTestFinished(() => made.close());
  return made;
}

const sendable = (id: string, more: Parameters<typeof eventOf>[1] & { type?: string } = {}): SendableEvent => ({
  ...eventOf(id, more),
  ...(more.type === undefined ? {} : { type: more.type }),
  sequence: 1,
  source: 'node-1',
});

test('events reach a stream in order, as CloudEvents under their type, and a copy changes nothing', async () => {
  const { url } = await hub();
  await addStream(url);
  const to = sink(url);
  const events = ['a', 'b', 'c', 'd'].map((id, n) => sendable(id, { subject: `match-${n % 2}`, data: `{"n":${n}}` }));
  expect(await to.send(events)).toEqual({ kind: 'accepted' });
  expect(await to.send(events.slice(1))).toEqual({ kind: 'accepted' });
  const found = await stored(url);
  expect(found.map(({ id }) => id).sort()).toEqual(['node-1/a', 'node-1/b', 'node-1/c', 'node-1/d']);
  const ids = found.map(({ event }) => event.id);
  expect([ids.indexOf('a') < ids.indexOf('c'), ids.indexOf('b') < ids.indexOf('d')]).toEqual([true, true]);
  expect(found.find(({ event }) => event.id === 'b')).toEqual({
    subject: 'nearlight.events.test.happened',
    id: 'node-1/b',
    type: 'application/cloudevents+json',
    traceparent: '',
    event: expect.objectContaining({ specversion: '1.0', source: 'node-1', subject: 'match-1', data: { n: 1 } }),
  });
});

test('the message of a traced event has the traceparent of its request, in the trace of the event', async () => {
  const { url } = await hub();
  await addStream(url);
  const spans: EndedSpan[] = [];
  const tracing = openTracing({
    config: readConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318', TRACE_PERCENT: '100' }),
    log: () => {},
    meters: new Meters(),
    open: async () => ({ send: async (ended) => void spans.push(...ended), close: async () => {} }),
  });
  const options = { url, subject: 'nearlight.events', timeoutMs: 3000, dependency: service('centre') };
  const to = new JetStreamSink({ ...options, tracer: tracing.tracer });
  onTestFinished(() => to.close());
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  expect(await to.send([{ ...sendable('a'), traceparent }])).toEqual({ kind: 'accepted' });
  await tracing.close();
  const [span] = spans;
  expect(span).toMatchObject({ name: 'send', kind: 'producer', parentId: '00f067aa0ba902b7', failure: undefined });
  const [message] = await stored(url);
  expect(readTraceparent(message?.traceparent)).toEqual({ traceId: span?.traceId, spanId: span?.spanId });
  expect(message?.event).toMatchObject({ id: 'a', traceparent });
});

test('a type that cannot be a subject of NATS loses what must not be in one', async () => {
  const { url } = await hub();
  await addStream(url);
  for (const type of ['a b.*.>', '.x..y.'])
    expect(await sink(url).send([sendable(type, { type })])).toEqual({ kind: 'accepted' });
  const found = await stored(url);
  expect(found.map(({ subject }) => subject)).toEqual(['nearlight.events.a_b._._', 'nearlight.events._x_.y_']);
});

test('without a stream, and without a server, the reason says what is missing', async () => {
  const nats = await hub();
  const to = sink(nats.url, 1000);
  const reason = async () => ((await to.send([sendable('a')])) as Outcome & { kind: 'failed' }).reason;
  expect(await reason()).toBe('no stream takes nearlight.events.test.happened, or the line to its server is cut');
  await nats.kill();
  await expect.poll(reason).toMatch(/refused/i);
  await nats.start();
  await addStream(nats.url);
  await expect.poll(() => to.send([sendable('a')])).toEqual({ kind: 'accepted' });
});

test('an event that is larger than the stream or the server takes is refused, and those beside it arrive', async () => {
  const { url } = await hub();
  await addStream(url, { max_msg_size: 2000 });
  const { store, lines } = await openTestStore();
  const sizes = [10, 5000, 2_000_000, 10];
  for (const [n, size] of sizes.entries())
    await store.addEvent(eventOf(`e${n}`, { data: JSON.stringify('x'.repeat(size)) })).catch(() => {});
  const large = sendable('huge', { data: JSON.stringify('x'.repeat(2_000_000)) });
  expect(await sink(url).send([large])).toMatchObject({ kind: 'refused' });
  await senderOf(store, sink(url)).sendRound();
  expect((await stored(url)).map(({ event }) => event.id)).toEqual(['e0', 'e3']);
  expect(await store.countOutbox({})).toMatchObject({ waiting: 0, refused: 1 });
  expect(lines.filter(({ message }) => message.includes('refuses')).length).toBeLessThan(2);
});

function senderOf(store: Awaited<ReturnType<typeof openTestStore>>['store'], to: Sink): Sender {
  return new Sender({
    store,
    send: (events) => to.send(events),
    clock: new ManualClock(),
    log: () => {},
    random: () => 0,
    intervalMs: 60_000,
    batchMax: 10,
    eventsPerSecondMax: Number.POSITIVE_INFINITY,
  });
}

test('over a leaf node whose line is cut, events wait in the store and arrive once, in order', async () => {
  const port = await freePort();
  const config = join(folder(), 'hub.conf');
  writeFileSync(config, `leafnodes { host: 127.0.0.1, port: ${port} }\n`);
  const centre = await hub('-c', config);
  await addStream(centre.url);
  const remote = join(folder(), 'leaf.conf');
  writeFileSync(remote, `leafnodes { reconnect: 1, remotes: [ { url: "nats://127.0.0.1:${port}" } ] }\n`);
  const leaf = await server('-c', remote);
  const { store } = await openTestStore();
  const to = sink(leaf.url, 1000);
  const sender = senderOf(store, to);
  const add = (id: string) => store.addEvent(eventOf(id));
  await add('a');
  await expect.poll(async () => (await sender.sendRound()) === 60_000).toBe(true);
  await centre.kill();
  await add('b');
  await add('c');
  expect(await sender.sendRound()).toBeLessThan(60_000);
  expect(await store.countOutbox({})).toMatchObject({ waiting: 2 });
  await centre.start();
  await expect.poll(async () => (await sender.sendRound()) === 60_000).toBe(true);
  expect((await stored(centre.url)).map(({ event }) => event.id)).toEqual(['a', 'b', 'c']);
});

test('two sinks have accepted an event when both have', async () => {
  const outcomes: Outcome[] = [{ kind: 'accepted' }, { kind: 'accepted' }];
  const joint = createJointSink(
    [0, 1].map((n) => ({ send: async () => outcomes[n] as Outcome, close: async () => {} })),
  );
  expect(await joint.send([sendable('a')])).toEqual({ kind: 'accepted' });
  outcomes[0] = { kind: 'refused', reason: 'too large' };
  expect(await joint.send([sendable('a')])).toEqual({ kind: 'refused', reason: 'too large' });
  outcomes[1] = { kind: 'failed', reason: 'cut' };
  expect(await joint.send([sendable('a')])).toEqual({ kind: 'failed', reason: 'cut' });
});
