import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { HttpPeer, WAITING_MAX } from '../../../host/edge/saga/client.ts';
import { openListener } from '../../../host/edge/saga/listener.ts';
import type { MoveMessage } from '../../../host/edge/saga/message.ts';
import {
  BODY_BYTES_MAX,
  HEADER_FROM,
  HEADER_MAC,
  HEADER_TIME,
  MESSAGES_MAX,
  macOfAnswer,
  macOfRequest,
  parseList,
  SKEW_MS_MAX,
} from '../../../host/edge/saga/wire.ts';

const KEY = 'k'.repeat(32);
const NOW = 1_790_000_000_000;
const never = new AbortController().signal;

function ask(n: number): MoveMessage {
  return { kind: 'ask', id: String(n).padStart(22, '0'), version: 1, trace: 'a'.repeat(32) };
}

async function listen(handle = async (_message: MoveMessage, _from: string): Promise<object> => ({ ok: true })) {
  const peers = new Set(['east']);
  const options = { host: '127.0.0.1', port: 0, name: 'west', key: KEY, peers, now: () => NOW };
  const listener = await openListener({ ...options, handle: handle as never });
  onTestFinished(() => listener.close());
  const url = `http://127.0.0.1:${listener.port}/`;
  const peer = (more: object = {}) =>
    new HttpPeer({ url, from: 'east', to: 'west', key: KEY, timeoutMs: 30_000, now: () => NOW, ...more });
  return { listener, url, peer };
}

/** Sends a request as another program would. */
async function post(
  url: string,
  { body = JSON.stringify([ask(1)]), from = 'east', to = 'west', time = NOW, key = KEY, method = 'POST' } = {},
): Promise<[status: number, code: string | undefined]> {
  const mac = macOfRequest(key, { from, to, time }, Buffer.from(body));
  const headers = { [HEADER_FROM]: from, [HEADER_TIME]: String(time), [HEADER_MAC]: mac };
  const response = await fetch(`${url}moves`, { method, headers, ...(method === 'POST' ? { body } : {}) });
  const answer = (await response.json()) as { code?: string };
  return [response.status, answer.code];
}

test('messages and answers travel in their order, with the name of the host that sent them', async () => {
  const { peer } = await listen(async ({ id }, from) => ({
    ok: false,
    code: 'NL_MOVE',
    message: `${from} ${Number(id)}`,
  }));
  const one = peer();
  const answers = await Promise.all(Array.from({ length: 3 * MESSAGES_MAX }, (_, n) => one.ask(ask(n), never)));
  expect(answers.map((answer) => !answer.ok && answer.message)).toEqual(answers.map((_, n) => `east ${n}`));
});

test('a host takes what is signed with the key, for this host, by a host that it knows, and not long ago', async () => {
  const { url } = await listen();
  expect(await post(url)).toEqual([200, undefined]);
  expect(await post(url, { time: NOW - SKEW_MS_MAX })).toEqual([200, undefined]);
  expect(await post(url, { time: NOW + SKEW_MS_MAX })).toEqual([200, undefined]);
  const refused = [400, 'NL_MOVE_MESSAGE'];
  expect(await post(url, { time: NOW - SKEW_MS_MAX - 1 })).toEqual(refused);
  expect(await post(url, { time: NOW + SKEW_MS_MAX + 1 })).toEqual(refused);
  expect(await post(url, { time: Number.NaN })).toEqual(refused);
  expect(await post(url, { key: 'x'.repeat(32) })).toEqual(refused);
  expect(await post(url, { to: 'north' })).toEqual(refused);
  expect(await post(url, { from: 'north' })).toEqual(refused);
  expect(await post(url, { method: 'GET' })).toEqual([405, 'NL_METHOD']);
  expect((await fetch(`${url}other`, { method: 'POST' })).status).toBe(404);
});

test('a body has a bounded size, and a bounded list', async () => {
  const { url } = await listen();
  const list = (length: number) => JSON.stringify(Array.from({ length }, (_, n) => ask(n)));
  expect(await post(url, { body: list(MESSAGES_MAX) })).toEqual([200, undefined]);
  for (const body of [list(MESSAGES_MAX + 1), '[]', '{}', '[', ' '.repeat(BODY_BYTES_MAX + 1)])
    expect(await post(url, { body }).catch(() => 'closed')).toSatisfy(
      (answer) => answer === 'closed' || (answer[0] === 400 && answer[1] === 'NL_MOVE_MESSAGE'),
    );
  const padded = list(1) + ' '.repeat(BODY_BYTES_MAX - list(1).length);
  expect(await post(url, { body: padded })).toEqual([200, undefined]);
});

test('one message that cannot be read does not spoil the others of its request', async () => {
  const { url } = await listen();
  const body = JSON.stringify([ask(1), { kind: 'ask' }]);
  const mac = macOfRequest(KEY, { from: 'east', to: 'west', time: NOW }, Buffer.from(body));
  const headers = { [HEADER_FROM]: 'east', [HEADER_TIME]: String(NOW), [HEADER_MAC]: mac };
  const response = await fetch(`${url}moves`, { method: 'POST', headers, body });
  expect(await response.json()).toEqual([
    { ok: true },
    expect.objectContaining({ ok: false, code: 'NL_MOVE_MESSAGE' }),
  ]);
});

/** Starts a host that answers as `respond` does. */
async function lie(
  respond: (body: Buffer, request: IncomingMessage, response: ServerResponse) => void,
): Promise<HttpPeer> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => respond(Buffer.concat(chunks), request, response));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return new HttpPeer({ url, from: 'east', to: 'west', key: KEY, timeoutMs: 30_000, now: () => NOW });
}

test.each<[string, string, (request: IncomingMessage, body: string) => string]>([
  ['without a signature', '[{"ok":true}]', () => ''],
  [
    'signed with another key',
    '[{"ok":true}]',
    ({ headers }, body) => macOfAnswer('x'.repeat(32), String(headers[HEADER_MAC]), Buffer.from(body)),
  ],
  ['to another request', '[{"ok":true}]', (_, body) => macOfAnswer(KEY, 'other', Buffer.from(body))],
  [
    'of another length',
    '[{"ok":true},{"ok":true}]',
    ({ headers }, body) => macOfAnswer(KEY, String(headers[HEADER_MAC]), Buffer.from(body)),
  ],
  [
    'that is not a list',
    '{"ok":true}',
    ({ headers }, body) => macOfAnswer(KEY, String(headers[HEADER_MAC]), Buffer.from(body)),
  ],
  [
    'that cannot be read',
    '[{"ok":2}]',
    ({ headers }, body) => macOfAnswer(KEY, String(headers[HEADER_MAC]), Buffer.from(body)),
  ],
])('an answer %s is refused', async (_, body, sign) => {
  const peer = await lie((_body, request, response) => {
    response.writeHead(200, { [HEADER_MAC]: sign(request, body) }).end(body);
  });
  await expect(peer.ask(ask(1), never)).rejects.toThrow('NL_MOVE_MESSAGE');
});

test('a signed answer is taken, which is the control of the ones above', async () => {
  const peer = await lie((_, { headers }, response) => {
    const body = '[{"ok":true}]';
    response
      .writeHead(200, { [HEADER_MAC]: macOfAnswer(KEY, String(headers[HEADER_MAC]), Buffer.from(body)) })
      .end(body);
  });
  expect(await peer.ask(ask(1), never)).toEqual({ ok: true });
});

test('messages that come while requests are on their way share the next ones, and those that were given up are not sent', async () => {
  const requests: { count: number; answer(): void }[] = [];
  const peer = await lie((body, { headers }, response) => {
    const list = parseList(body);
    const answer = () => {
      const bytes = Buffer.from(JSON.stringify(list.map(() => ({ ok: true }))));
      response.writeHead(200, { [HEADER_MAC]: macOfAnswer(KEY, String(headers[HEADER_MAC]), bytes) }).end(bytes);
    };
    requests.push({ count: list.length, answer });
  });
  const until = async (count: number) => expect.poll(() => requests.length).toBe(count);
  const waiting: Promise<unknown>[] = [];
  for (let n = 1; n <= 4; n++) {
    waiting.push(peer.ask(ask(n), never));
    await until(n);
  }
  const abort = new AbortController();
  const givenUp = peer.ask(ask(5), abort.signal).catch((error: Error) => error.message);
  for (let n = 6; n <= 9; n++) waiting.push(peer.ask(ask(n), never));
  abort.abort();
  requests[0]?.answer();
  await until(5);
  expect(requests.map(({ count }) => count)).toEqual([1, 1, 1, 1, 4]);
  expect(await givenUp).toContain('NL_MOVE_TIME');
  for (const { answer } of requests.slice(1)) answer();
  await Promise.all(waiting);
});

test('a host that is gone is an error at once, and only so many messages wait for one that is slow', async () => {
  const { listener, peer } = await listen();
  await listener.close();
  await expect(peer().ask(ask(1), never)).rejects.toThrow('west cannot be reached');
  const slow = await lie(() => {});
  const abort = new AbortController();
  const waiting = Array.from({ length: WAITING_MAX }, (_, n) => slow.ask(ask(n), abort.signal).catch(() => {}));
  await expect(slow.ask(ask(0), never)).rejects.toThrow('too many messages wait');
  abort.abort();
  expect(waiting).toHaveLength(WAITING_MAX);
});
