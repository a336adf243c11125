import { afterEach, expect, test } from 'vitest';
import { readConfig } from '../../host/base/config.ts';
import { NearlightError } from '../../host/base/errors.ts';
import { Meters } from '../../host/observe/meters.ts';
import { type MoveOrder, ORDER_BYTES_MAX } from '../../host/stream/move-order.ts';
import { createOperatorServer, type OperatorServer } from '../../host/stream/operator.ts';

let server: OperatorServer | undefined;
afterEach(() => server?.close());

async function start(move?: (order: MoveOrder) => Promise<object>) {
  server = await createOperatorServer({
    config: { ...readConfig({}), operatorPort: 0 },
    warn: () => {},
    status: () => ({}),
    health: () => undefined,
    metrics: async () => '',
    meters: new Meters(),
    move,
  });
  const { url } = server;
  return async (order: unknown, headers: Record<string, string> = {}, method = 'POST') => {
    const body = typeof order === 'string' ? order : JSON.stringify(order);
    const sent = { method, headers: { 'content-type': 'application/json', ...headers } };
    const response = await fetch(`${url}moves`, method === 'GET' ? sent : { ...sent, body });
    return [response.status, (await response.json()) as { code?: string }] as const;
  };
}

test('an operator moves a player, and gets the result', async () => {
  const orders: MoveOrder[] = [];
  const post = await start(async (order) => {
    orders.push(order);
    return { outcome: 'committed' };
  });
  expect(await post({ game: 'arena', seat: 0, host: 'west' })).toEqual([200, { outcome: 'committed' }]);
  const trace = 'b'.repeat(32);
  const traceparent = `00-${trace}-${'1'.repeat(16)}-01`;
  await post({ game: 'arena', seat: 63, toGame: 'other' }, { traceparent });
  await post({ game: 'a', seat: 1 }, { traceparent: `00-${'0'.repeat(32)}-${'1'.repeat(16)}-01` });
  expect(orders).toEqual([
    { game: 'arena', seat: 0, to: { host: 'west', game: '' } },
    { game: 'arena', seat: 63, to: { host: '', game: 'other' }, trace },
    { game: 'a', seat: 1, to: { host: '', game: '' } },
  ]);
});

test('an order that cannot be read is refused before anything is done', async () => {
  const post = await start(async () => {
    throw new Error('never');
  });
  const refused = [400, expect.objectContaining({ code: 'NL_REQUEST' })];
  const order = { game: 'arena', seat: 0 };
  for (const bad of ['', 'null', '{', '[]', {}, { game: '', seat: 0 }, { ...order, seat: -1 }, { ...order, seat: 64 }])
    expect(await post(bad), JSON.stringify(bad)).toEqual(refused);
  for (const bad of [
    { ...order, seat: 0.5 },
    { ...order, host: 1 },
    { ...order, toGame: 'g'.repeat(257) },
  ])
    expect(await post(bad), JSON.stringify(bad)).toEqual(refused);
  expect(await post(order, { 'content-type': 'text/plain' })).toEqual(refused);
  expect(await post(JSON.stringify(order).padEnd(ORDER_BYTES_MAX + 1))).toEqual(refused);
  expect((await post('', {}, 'GET'))[0]).toBe(405);
});

test('an order of the largest size is taken; a host that cannot move players, and a refusal, say why', async () => {
  const post = await start(async () => {
    throw new NearlightError('NL_MOVE', 'no one plays there');
  });
  const order = JSON.stringify({ game: 'arena', seat: 0 }).padEnd(ORDER_BYTES_MAX);
  expect(await post(order)).toEqual([409, { code: 'NL_MOVE', message: 'no one plays there' }]);
  await server?.close();
  expect(await (await start())({ game: 'arena', seat: 0 })).toEqual([
    409,
    { code: 'NL_MOVE', message: expect.stringContaining('STORE_DIR') },
  ]);
});
