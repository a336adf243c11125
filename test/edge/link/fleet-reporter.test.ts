import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type { HostReport } from '../../../host/base/host-report.ts';
import { FleetReporter } from '../../../host/edge/link/fleet-reporter.ts';
import { reportFor } from '../../base/server-report.ts';
import { ManualClock } from '../../room/fake.ts';
import { eventually } from '../../wait.ts';

/** A fleet that keeps what it gets, and answers as the test says. */
async function start(path = '/') {
  const got: { url: string | undefined; token: string | undefined; body: unknown }[] = [];
  const answer = { status: 200, text: '{}' };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.once('end', () => {
      const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
      got.push({ url: request.url, token: request.headers.authorization, body });
      response.writeHead(answer.status).end(answer.text);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const clock = new ManualClock();
  const lines: string[] = [];
  const servers: HostReport[] = [];
  const reporter = new FleetReporter({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`,
    token: 'a-secret-of-the-nodes',
    node: 'n1',
    servers: () => servers,
    log: (level, line) => lines.push(`${level}: ${line}`),
    clock,
  });
  return { got, answer, clock, lines, servers, reporter };
}

test('a node reports its servers each second', async () => {
  const { got, clock, servers, reporter } = await start();
  reporter.start();
  await eventually(() => expect(reporter.sent).toBe(1));
  servers.push(reportFor('u1'));
  await clock.pass(999);
  expect(got).toHaveLength(1);
  await clock.pass(1);
  await eventually(() => expect(reporter.sent).toBe(2));
  await reporter.close();
  expect(got).toEqual([
    { url: '/v1/nodes/n1', token: 'Bearer a-secret-of-the-nodes', body: { node: 'n1', pods: [] } },
    { url: '/v1/nodes/n1', token: 'Bearer a-secret-of-the-nodes', body: { node: 'n1', pods: [reportFor('u1')] } },
  ]);
});

test('the path of the URL of the fleet stays', async () => {
  const { got, reporter } = await start('/west');
  await reporter.report();
  expect(got[0]?.url).toBe('/west/v1/nodes/n1');
});

test('a fleet that does not take a report gets the next one, and the log says so once', async () => {
  const { answer, lines, reporter } = await start();
  Object.assign(answer, { status: 503 });
  await reporter.report();
  await reporter.report();
  Object.assign(answer, { status: 200, text: 'no JSON' });
  await reporter.report();
  Object.assign(answer, { text: `{"a":"${'x'.repeat(65_536)}"}` });
  await reporter.report();
  expect([reporter.failed, lines]).toEqual([4, [expect.stringContaining('warn: the fleet does not take reports')]]);
  Object.assign(answer, { text: '{}' });
  await reporter.report();
  expect([reporter.sent, lines.at(-1)]).toEqual([1, 'info: the fleet takes reports of this node again']);
});
