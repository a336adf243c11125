import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { NearlightError } from '../../../host/base/errors.ts';
import { BODY_BYTES_MAX, createReceiver } from '../../../host/edge/outbox/receiver.ts';
import { Sender, type SenderOptions } from '../../../host/edge/outbox/sender.ts';
import { createHttpSink } from '../../../host/edge/outbox/sink.ts';
import type { EdgeStore } from '../../../host/edge/store/store.ts';
import { ManualClock } from '../../room/fake.ts';
import { service } from '../dependencies/services.ts';
import { eventOf, resultOf } from '../store/events.ts';
import { openTestStore } from '../store/stores.ts';

const TYPE = 'application/cloudevents+json';
const SECRET = 'only-for-this-node';

/** Starts an HTTP server on a free port. */
async function serve(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ url: string; server: Server }> {
  const server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`, server };
}

function sender(store: EdgeStore, url: string, options: Partial<SenderOptions> = {}): Sender {
  return new Sender({
    store,
    send: createHttpSink({ url, token: 'secret-token', dependency: service('centre') }).send,
    clock: new ManualClock(),
    log: () => {},
    random: () => 0,
    intervalMs: 60_000,
    batchMax: 1,
    eventsPerSecondMax: Number.POSITIVE_INFINITY,
    ...options,
  });
}

test.each([1, 7])(
  'events reach another store in order, with %i in a request, and leave the outbox',
  async (batchMax) => {
    const { store } = await openTestStore();
    const { store: centre } = await openTestStore();
    const receive = createReceiver(centre, () => 99);
    const { url } = await serve((request, response) => void receive(request, response));
    for (let n = 0; n < 20; n++)
      await store.addEvent(eventOf(`e${n}`, { subject: `match-${n % 3}`, data: `{"n":${n}}` }));
    expect(await sender(store, url, { batchMax }).sendRound()).toBe(60_000);
    const inbox = await centre.readInbox({ after: 0, limit: 100 });
    expect(inbox.map(({ id }) => id)).toEqual(Array.from({ length: 20 }, (_, n) => `e${n}`));
    expect(inbox[4]).toMatchObject({
      type: 'test.happened',
      subject: 'match-1',
      time: 1000,
      data: '{"n":4}',
      receivedAt: 99,
    });
    expect(await store.countOutbox({})).toMatchObject({ waiting: 0 });
  },
);

test('an event whose answer is lost is sent again, and the receiver keeps it once', async () => {
  const { store } = await openTestStore();
  const { store: centre } = await openTestStore();
  const receive = createReceiver(centre);
  let requests = 0;
  const { url } = await serve((request, response) => {
    requests++;
    if (requests > 1) void receive(request, response);
    // The event is kept, and the line is cut before the answer leaves.
    else
      void receive(
        request,
        new Proxy(response, { get: (target, key) => (key === 'writeHead' ? cut(target) : Reflect.get(target, key)) }),
      );
  });
  const cut = (response: ServerResponse) => () => {
    response.destroy();
    return response;
  };
  await store.addEvent(eventOf('a'));
  const sending = sender(store, url);
  expect(await sending.sendRound()).toBeLessThan(60_000);
  expect(await centre.readInbox({ after: 0, limit: 5 })).toHaveLength(1);
  expect(await store.countOutbox({})).toMatchObject({ waiting: 1 });
  expect(await sending.sendRound()).toBe(60_000);
  expect(await centre.readInbox({ after: 0, limit: 5 })).toHaveLength(1);
  expect(requests).toBe(2);
  expect(sending.figures).toMatchObject({ sent: 1, failures: 1, isCut: false });
});

test('nothing that is marked as local appears on the wire', async () => {
  const { store } = await openTestStore();
  let wire = '';
  const { url } = await serve(async (request, response) => {
    wire += `${request.method} ${request.url}\n${request.rawHeaders.join('\n')}\n`;
    for await (const chunk of request) wire += chunk;
    response.writeHead(204).end();
  });
  const data = JSON.stringify({ note: SECRET });
  await store.putPlayer({ id: SECRET, name: SECRET, seenAt: 1, local: true, data });
  await store.startSession({ id: `${SECRET}-session`, game: 'arena', startedAt: 1, local: true });
  await store.startSession({ id: 'open-session', game: 'arena', startedAt: 1, local: false });
  await store.addEvent(eventOf(SECRET, { subject: SECRET, local: true, data }));
  await store.addResult(resultOf(`${SECRET}-result`, { match: SECRET, local: true, data }));
  await store.endLostSessions({ at: 5 });
  await store.addResult(resultOf('open-result'));
  await store.addEvent(eventOf('open-event'));
  await sender(store, url, { batchMax: 1 }).sendRound();
  await sender(store, url, { batchMax: 100 }).sendRound();
  // The control: what is not local did arrive.
  for (const id of ['open-session/ended', 'open-result', 'open-event']) expect(wire).toContain(`"id":"${id}"`);
  expect(wire).toContain('Bearer secret-token');
  expect(wire).not.toContain(SECRET);
  expect(await store.countOutbox({})).toMatchObject({ waiting: 0, local: 3 });
});

test.each([
  [200, undefined, { kind: 'accepted' }],
  [202, undefined, { kind: 'accepted' }],
  [302, undefined, { kind: 'failed', reason: 'it answered with status 302' }],
  [400, undefined, { kind: 'refused', reason: 'it answered with status 400' }],
  [401, undefined, { kind: 'failed', reason: 'it answered with status 401' }],
  [404, undefined, { kind: 'failed', reason: 'it answered with status 404' }],
  [413, undefined, { kind: 'refused', reason: 'it answered with status 413' }],
  [429, '7', { kind: 'failed', reason: 'it answered with status 429', retryMs: 7000 }],
  [503, '999999', { kind: 'failed', reason: 'it answered with status 503', retryMs: 600_000 }],
  [503, 'soon', { kind: 'failed', reason: 'it answered with status 503' }],
])('the answer %i, with Retry-After: %s, is understood', async (status, retryAfter, outcome) => {
  const { url } = await serve((request, response) => {
    request.resume();
    response
      .writeHead(status, { location: '/elsewhere', ...(retryAfter ? { 'retry-after': retryAfter } : {}) })
      .end('text');
  });
  const sink = createHttpSink({ url, token: '', dependency: service('centre') });
  expect(await sink.send([{ ...eventOf('a'), sequence: 1, source: 's' }])).toEqual(outcome);
});

test.each([
  [
    'text/html; charset=utf-8',
    { kind: 'failed', reason: 'it answered with a page of HTML, which is not a sink of events' },
  ],
  ['text/plain', { kind: 'accepted' }],
])('an answer 200 of the type %s, as a page for signing in may send it, is understood', async (type, outcome) => {
  const { url } = await serve((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': type }).end('<p>sign in</p>');
  });
  const sink = createHttpSink({ url, token: '', dependency: service('centre') });
  expect(await sink.send([{ ...eventOf('a'), sequence: 1, source: 's' }])).toEqual(outcome);
});

test('a sink that is not there, or does not answer, is a failure with its reason', async () => {
  const { url, server } = await serve(() => {});
  const event = { ...eventOf('a'), sequence: 1, source: 's' };
  const silent = await createHttpSink({ url, token: '', dependency: service('centre', { msMax: 100 }) }).send([event]);
  expect(silent).toMatchObject({ kind: 'failed', reason: expect.stringMatching(/timeout/i) });
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
  const gone = await createHttpSink({ url, token: '', dependency: service('centre') }).send([event]);
  expect(gone).toMatchObject({ kind: 'failed', reason: expect.stringContaining('ECONNREFUSED') });
});

/** Posts a body to a receiver. Returns the status and the text of its answer. */
async function post(
  url: string,
  body: string | Buffer,
  type = TYPE,
  method = 'POST',
): Promise<{ status: number; text: string }> {
  const sent = request(url, { method, headers: { 'content-type': type } });
  // The receiver closes the connection when a body is too large.
  sent.on('error', () => {});
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode ?? 0, text };
}

test('a receiver refuses what is not an event, and says why', async () => {
  const { store } = await openTestStore();
  const receive = createReceiver(store);
  const { url } = await serve((request, response) => void receive(request, response));
  expect(await post(url, '{')).toMatchObject({ status: 400, text: expect.stringContaining('the body is not JSON') });
  expect(await post(url, '{}', 'text/plain')).toMatchObject({ status: 415 });
  expect(await post(url, '', TYPE, 'PUT')).toMatchObject({ status: 405 });
  expect(await post(url, Buffer.alloc(BODY_BYTES_MAX, ' '))).toMatchObject({ status: 400 });
  expect(await post(url, Buffer.alloc(BODY_BYTES_MAX + 1, ' '))).toMatchObject({ status: 413 });
  expect(await store.readInbox({ after: 0, limit: 5 })).toEqual([]);
});

test('a receiver whose store has no room says when to try again, and the sender does', async () => {
  const { store } = await openTestStore();
  await store.addEvent(eventOf('a'));
  const full = () => Promise.reject(new NearlightError('NL_STORE_FULL', 'the disk is full'));
  const receive = createReceiver({ acceptEvents: full });
  const { url } = await serve((request, response) => void receive(request, response));
  expect(await sender(store, url).sendRound()).toBe(1000);
  expect(await store.countOutbox({})).toMatchObject({ waiting: 1, refused: 0 });
});
