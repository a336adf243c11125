import { afterEach, expect, test } from 'vitest';
import { readConfig } from '../../host/base/config.ts';
import { NearlightError } from '../../host/base/errors.ts';
import { Meters } from '../../host/observe/meters.ts';
import { createOperatorServer, type OperatorServer } from '../../host/stream/operator.ts';
import type { OperatorCall } from '../../host/stream/operator-call.ts';

const BYTES_MAX = 32;
const servers: OperatorServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function start(answer: OperatorCall['answer']) {
  const server = await createOperatorServer({
    config: { ...readConfig({}), operatorPort: 0 },
    warn: () => {},
    status: () => ({}),
    health: () => undefined,
    metrics: async () => '',
    meters: new Meters(),
    calls: [{ path: '/thing', methods: 'GET, PUT, DELETE', bodyBytesMax: BYTES_MAX, answer }],
  });
  servers.push(server);
  return async (method: string, body?: string, type = 'application/json; charset=utf-8') => {
    const headers = body === undefined ? {} : { 'content-type': type };
    const response = await fetch(`${server.url}thing`, { method, headers, ...(body === undefined ? {} : { body }) });
    return { status: response.status, body: (await response.json()) as { code?: string; made?: number } };
  };
}

test("a call of the operators' port gets method and body, and makes its answer for each request", async () => {
  const seen: object[] = [];
  const ask = await start((request) => {
    seen.push(request);
    return { made: seen.length };
  });
  expect(await ask('GET')).toEqual({ status: 200, body: { made: 1 } });
  expect(await ask('PUT', '{"a":"é"}')).toEqual({ status: 200, body: { made: 2 } });
  expect(await ask('DELETE')).toEqual({ status: 200, body: { made: 3 } });
  expect(seen).toEqual([
    { method: 'GET', body: '' },
    { method: 'PUT', body: '{"a":"é"}' },
    { method: 'DELETE', body: '' },
  ]);
  expect((await ask('POST', '{}')).status).toBe(405);
});

test('a body has a size limit and must be JSON, so that no page of another site can send it', async () => {
  let asked = 0;
  const ask = await start(() => ({ made: ++asked }));
  expect((await ask('PUT', 'x'.repeat(BYTES_MAX))).status).toBe(200);
  expect(await ask('PUT', 'x'.repeat(BYTES_MAX + 1))).toMatchObject({ status: 400, body: { code: 'NL_REQUEST' } });
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'])
    expect(await ask('PUT', '{}', type)).toMatchObject({ status: 400, body: { code: 'NL_REQUEST' } });
  expect((await ask('OPTIONS')).status).toBe(405);
  expect(asked).toBe(1);
});

test('an error of a call reaches the operator with its code', async () => {
  const ask = await start(() => {
    throw new NearlightError('NL_CHAOS', 'not here');
  });
  expect(await ask('GET')).toEqual({ status: 403, body: { code: 'NL_CHAOS', message: 'not here' } });
});
