import { createServer } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { type Config, readConfig, settings } from '../../host/base/config.ts';
import { NearlightError } from '../../host/base/errors.ts';
import { Meters } from '../../host/observe/meters.ts';
import { createOperatorServer, type OperatorServer, type OperatorServerOptions } from '../../host/stream/operator.ts';

const servers: OperatorServer[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const server of servers.splice(0)) await server.close();
});

async function start(overrides: Partial<OperatorServerOptions> = {}, config: Partial<Config> = {}) {
  const server = await createOperatorServer({
    config: { ...readConfig({}), operatorPort: 0, ...config },
    warn: () => {},
    status: () => ({ players: 0 }),
    health: () => undefined,
    metrics: async () => '# HELP a b\n',
    meters: new Meters(),
    ...overrides,
  });
  servers.push(server);
  const get = async (path: string) => {
    const response = await fetch(`${server.url}${path}`);
    const type = response.headers.get('content-type');
    return [response.status, type, type?.includes('json') ? await response.json() : await response.text()];
  };
  return { server, get };
}

const JSON_TYPE = 'application/json; charset=utf-8';

test("the operator's port answers with status, metrics and probes, and refuses unknown addresses and methods", async () => {
  const { server, get } = await start();
  expect(await get('status')).toEqual([200, JSON_TYPE, { players: 0 }]);
  expect(await get('healthz')).toEqual([200, JSON_TYPE, { ok: true }]);
  expect(await get('readyz')).toEqual([200, JSON_TYPE, { ok: true }]);
  expect(await get('metrics')).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8', '# HELP a b\n']);
  for (const path of ['', 'whep', 'player.js'])
    expect(await get(path)).toEqual([404, JSON_TYPE, expect.objectContaining({ code: 'NL_NOT_FOUND' })]);
  const response = await fetch(`${server.url}status`, { method: 'DELETE' });
  expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
});

test("the operator's port says why the host is not ready", async () => {
  const { get } = await start({ health: () => new NearlightError('NL_ROOM_ENDED', 'no game is running') });
  const body = { ok: false, code: 'NL_ROOM_ENDED', message: 'no game is running' };
  expect(await get('readyz')).toEqual([503, JSON_TYPE, body]);
  expect(await get('healthz')).toEqual([200, JSON_TYPE, { ok: true }]);
});

test("the operator's port makes each answer once a second, and makes it again at once if that failed", async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  let made = 0;
  let fails = false;
  const { get } = await start({
    metrics: async () => {
      if (fails) throw new Error('secret');
      return `made ${++made}`;
    },
  });
  await Promise.all(Array.from({ length: 20 }, () => get('metrics')));
  vi.advanceTimersByTime(999);
  expect((await get('metrics'))[2]).toBe('made 1');
  vi.advanceTimersByTime(1);
  expect((await get('metrics'))[2]).toBe('made 2');
  vi.advanceTimersByTime(1000);
  fails = true;
  expect(await get('metrics')).toEqual([500, JSON_TYPE, expect.not.objectContaining({ message: 'secret' })]);
  fails = false;
  expect((await get('metrics'))[2]).toBe('made 3');
});

test('a host whose event loop is blocked again and again is not alive', async () => {
  const { get } = await start();
  vi.useFakeTimers({ toFake: ['performance'] });
  let ended = false;
  let turnMs = 1000;
  const turn = () => {
    if (ended) return;
    vi.advanceTimersByTime(turnMs);
    setImmediate(turn);
  };
  turn();
  try {
    expect((await get('healthz'))[0]).toBe(200);
    turnMs = 1001;
    const message = 'the event loop took 1001 ms for one turn';
    expect(await get('healthz')).toEqual([503, JSON_TYPE, { ok: false, message }]);
  } finally {
    ended = true;
  }
});

test("a host takes another operator's port only if the default one is taken and it may", async () => {
  const other = createServer();
  const taken = await new Promise<number>((resolve) => {
    other.once('error', () => resolve(settings.operatorPort.default));
    other.listen(settings.operatorPort.default, '127.0.0.1', () => resolve(settings.operatorPort.default));
  });
  try {
    await expect(start({}, { operatorPort: taken })).rejects.toThrow('OPERATOR_PORT=0 takes a free one');
    expect((await start({ mayMove: true }, { operatorPort: taken })).server.port).not.toBe(taken);
    const { server } = await start();
    await expect(start({ mayMove: true }, { operatorPort: server.port })).rejects.toThrow('NL_PORT_IN_USE');
  } finally {
    other.close();
  }
});

test("the operator's port has pictures traced, but not for a page of any site", async () => {
  const asked: object[] = [];
  const traceFrames = (request: object) => {
    asked.push(request);
    return { room: 'arena', frames: 3 };
  };
  const { server } = await start({ traceFrames });
  const post = async (query: string, init: RequestInit = {}) => {
    const response = await fetch(`${server.url}trace/frames${query}`, { method: 'POST', ...init });
    return [response.status, await response.json()];
  };
  expect(await post('?frames=3&room=arena')).toEqual([202, { room: 'arena', frames: 3 }]);
  expect(await post('')).toEqual([202, expect.anything()]);
  expect(asked).toEqual([
    { room: 'arena', frames: 3 },
    { room: undefined, frames: Number.NaN },
  ]);
  expect(await post('?frames=3', { headers: { origin: server.url } })).toMatchObject([403, { code: 'NL_ORIGIN' }]);
  expect(await post('?frames=3', { method: 'PUT' })).toMatchObject([405, { code: 'NL_METHOD' }]);
  expect(asked).toHaveLength(2);
  const { server: plain } = await start();
  const response = await fetch(`${plain.url}trace/frames?frames=1`, { method: 'POST' });
  expect([response.status, await response.json()]).toMatchObject([400, { code: 'NL_REQUEST' }]);
});
