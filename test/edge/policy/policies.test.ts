import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { Clock } from '../../../host/base/clock.ts';
import { readConfig } from '../../../host/base/config.ts';
import { losses } from '../../../host/base/losses.ts';
import { milli } from '../../../host/base/time.ts';
import { loadPolicies } from '../../../host/edge/policy/compiled.ts';
import type { PolicyInput } from '../../../host/edge/policy/decide.ts';
import { openPolicies } from '../../../host/edge/policy/policies.ts';
import { service } from '../dependencies/services.ts';
import { CASES } from './cases.ts';

const INPUT: PolicyInput = {
  action: 'join',
  user: { id: 'ada', role: 'player' },
  game: { id: 'arena', status: 'waiting', player_count: 9 },
};
const FULL: PolicyInput = { ...INPUT, game: { ...INPUT.game, player_count: 10 } };

const folder = mkdtempSync(join(tmpdir(), 'nl-policy-'));
const closing: (() => unknown)[] = [() => rmSync(folder, { recursive: true })];
afterEach(async () => {
  for (const close of closing.splice(1)) await close();
});

async function open(settings: Partial<ReturnType<typeof readConfig>> = {}, clock?: Pick<Clock, 'now'>) {
  const lines: string[] = [];
  const config = { ...readConfig({}), ...settings };
  const policies = await openPolicies(config, {
    log: (level, line) => void lines.push(`${level} ${line}`),
    opa: service('opa', { msMax: config.opaMsMax }),
    ...(clock ? { clock } : {}),
  });
  closing.push(() => policies.close());
  return { policies, lines };
}

/** Starts a server in place of OPA's. The real one takes part in `npm run test:policy`. */
async function opa(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test.each(CASES)('package $name says $allow to $input', async ({ name, input, allow }) => {
  const { evaluate } = await loadPolicies({ path: '', bytesMax: 2 ** 20 });
  expect(await evaluate(name, input as PolicyInput)).toBe(allow);
});

test('a decision is yes or no', async () => {
  const { policies } = await open();
  expect(await policies.decide('gaming', INPUT)).toBe('allowed');
  expect(await policies.decide('gaming', FULL)).toBe('denied');
});

test('an OPA server decides by the rule of the package, with the same input', async () => {
  const asked: unknown[] = [];
  const opaUrl = await opa(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    asked.push([request.method, request.url, JSON.parse(body)]);
    response.end(JSON.stringify({ result: request.url?.includes('gaming') }));
  });
  const { policies } = await open({ opaUrl });
  expect(await policies.decide('gaming', INPUT)).toBe('allowed');
  expect(await policies.decide('game', INPUT)).toBe('denied');
  expect(asked).toEqual([
    ['POST', '/v1/data/gaming/allow', { input: INPUT }],
    ['POST', '/v1/data/game/allow', { input: INPUT }],
  ]);
});

test.each([
  ['an error', (_request, response) => response.writeHead(500).end(), 'HTTP status 500'],
  ['silence', () => {}, 'timeout'],
  ['a redirect', (_request, response) => response.writeHead(302, { location: '/' }).end(), 'redirect'],
  ['no result, as without the policy', (_request, response) => response.end('{}'), 'gaming.allow is undefined'],
  ['a text', (_request, response) => response.end('{"result":"yes"}'), 'gaming.allow is "yes", not true or false'],
  ['too much', (_request, response) => response.end('x'.repeat(65_537)), 'more than 65536 bytes'],
] as [string, RequestListener, string][])(
  'while OPA answers with %s, each policy does what is declared for it, and one line says so',
  async (_, answer, message) => {
    const opaUrl = await opa(answer);
    const { policies, lines } = await open({ opaUrl, opaMsMax: 200 });
    expect([await policies.decide('gaming', INPUT), await policies.decide('game', INPUT)]).toEqual(['closed', 'open']);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('warn policy gaming cannot be evaluated and refuses players meanwhile');
    expect(lines[0]).toContain(message);
  },
);

test.each([
  ['none', ['closed', 'closed']],
  ['gaming', ['open', 'closed']],
  ['gaming,game', ['open', 'open']],
])('POLICY_FAIL_OPEN=%s declares %j', async (policyFailOpen, verdicts) => {
  const opaUrl = await opa((_request, response) => response.writeHead(500).end());
  const { policies } = await open({ opaUrl, policyFailOpen });
  expect([await policies.decide('gaming', INPUT), await policies.decide('game', INPUT)]).toEqual(verdicts);
});

test('joins with the same input share a decision of OPA for OPA_CACHE_MS, and the log of decisions says so', async () => {
  let asked = 0;
  const opaUrl = await opa((_request, response) => {
    asked++;
    response.end('{"result":true}');
  });
  const clock = { ms: 0 };
  const { policies, lines } = await open(
    { opaUrl, opaCacheMs: 1000, decisionLog: 'log' },
    { now: () => milli(clock.ms) },
  );
  await Promise.all(Array.from({ length: 1000 }, () => policies.decide('gaming', INPUT)));
  expect(asked).toBe(1);
  clock.ms = 499;
  expect(await policies.decide('gaming', INPUT)).toBe('allowed');
  expect(asked).toBe(1);
  const cached = lines.filter((line) => line.includes('"counter_server_query_cache_hit":1'));
  expect(cached).toHaveLength(1);
  await policies.decide('gaming', FULL);
  expect(asked).toBe(2);
  // A decision in use is fetched again before its life ends, and no one waits for that.
  clock.ms = 500;
  await policies.decide('gaming', INPUT);
  await expect.poll(() => asked).toBe(3);
  clock.ms = 2000;
  await policies.decide('gaming', FULL);
  expect(asked).toBe(4);
});

test('with OPA_CACHE_MS=0, each join asks, and those of the same moment share the answer', async () => {
  let asked = 0;
  const opaUrl = await opa((_request, response) => {
    asked++;
    response.end('{"result":true}');
  });
  const { policies } = await open({ opaUrl, opaCacheMs: 0 });
  await Promise.all(Array.from({ length: 10 }, () => policies.decide('gaming', INPUT)));
  expect(asked).toBe(1);
  await policies.decide('gaming', INPUT);
  expect(asked).toBe(2);
});

test('an answer of OPA may have 65536 bytes', async () => {
  const answer = JSON.stringify({ result: true });
  const opaUrl = await opa((_request, response) => response.end(answer.padEnd(65_536)));
  const { policies } = await open({ opaUrl });
  expect(await policies.decide('gaming', INPUT)).toBe('allowed');
});

test('decisions are logged in the format of OPA, one a line, and a file of them grows', async () => {
  const path = join(folder, 'decisions.jsonl');
  writeFileSync(path, '{"older":true}\n', { mode: 0o600 });
  const { policies } = await open({ decisionLog: path });
  await policies.decide('gaming', INPUT);
  await policies.decide('gaming', FULL);
  await policies.close();
  closing.splice(1);
  const [older, first, second, end] = readFileSync(path, 'utf8').split('\n');
  expect([older, end]).toEqual(['{"older":true}', '']);
  expect(JSON.parse(first ?? '')).toEqual({
    labels: { app: 'nearlight', id: expect.any(String), host: expect.any(String), version: expect.any(String) },
    decision_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    bundles: { nearlight: { revision: expect.any(String) } },
    path: 'gaming/allow',
    input: INPUT,
    result: true,
    timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    metrics: { timer_rego_query_eval_ns: expect.any(Number) },
  });
  expect(JSON.parse(second ?? '')).toMatchObject({ input: FULL, result: false });
});

test('a new file of decisions can be read by its owner alone', async () => {
  const path = join(folder, 'new.jsonl');
  const { policies } = await open({ decisionLog: path });
  await policies.decide('gaming', INPUT);
  await policies.close();
  closing.splice(1);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('decisions without an answer say why, and what was decided', async () => {
  const opaUrl = await opa((_request, response) => response.writeHead(500).end());
  const { policies, lines } = await open({ opaUrl, decisionLog: 'log' });
  await policies.decide('game', INPUT);
  const [line = ''] = lines.filter((each) => each.startsWith('info decision: '));
  const { result, error, bundles } = JSON.parse(line.slice('info decision: '.length));
  expect([result, bundles]).toEqual([true, undefined]);
  expect(error).toEqual({ code: 'internal_error', message: expect.stringContaining('HTTP status 500') });
});

test('where decisions cannot be written, players go on joining, and the losses are counted', async () => {
  const { policies, lines } = await open({ decisionLog: join(folder, 'no such folder/x') });
  await expect.poll(() => lines.length).toBe(1);
  expect(lines[0]).toContain('error decisions are no longer written');
  const before = losses.decisions;
  expect(await policies.decide('gaming', INPUT)).toBe('allowed');
  expect(losses.decisions).toBe(before + 1);
});

test.each([
  ['is not there', undefined, 'cannot be read (ENOENT'],
  ['is a text', 'text', 'it is not a .tar.gz file'],
])('a host whose policy bundle %s does not start', async (_, text, message) => {
  const policyBundle = join(folder, `bundle-${text}.tar.gz`);
  if (text !== undefined) writeFileSync(policyBundle, text);
  await expect(open({ policyBundle })).rejects.toThrow(message);
});
