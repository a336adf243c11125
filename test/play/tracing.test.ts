import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { readConfig } from '../../host/base/config.ts';
import type { About } from '../../host/base/log.ts';
import { HOST_STAGES } from '../../host/base/stages.ts';
import { readTraceparent } from '../../host/base/trace.ts';
import { currentSpan } from '../../host/base/trace-context.ts';
import { type Host, startHost } from '../../host/play/host.ts';
import { ownModulePath } from '../../host/play/project.ts';
import { Issuer } from '../edge/issuer.ts';
import { type ReceivedSpan, startTraceReceiver, type TraceReceiver } from '../observe/tracing/receiver.ts';
import { Peer } from '../stream/peer.ts';
import { eventually } from '../wait.ts';

const PAGE = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };

let receiver: TraceReceiver;
let issuer: Issuer;
let host: Host;
/** Requests of the host to its OPA server: the header `traceparent`. */
const asked: (string | undefined)[] = [];
/** Lines of the log, with the ids of the span in which they were written. */
const lines: { message: string; about: About }[] = [];

/** Events that the host has posted to its sink. */
const posted: { traceparent: string | undefined; body: { id: string; traceparent?: string } }[] = [];

async function serve(answer: (headers: Record<string, unknown>, body: string) => string): Promise<string> {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    response.end(answer(request.headers, body));
  });
  server.unref();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

beforeAll(async () => {
  receiver = await startTraceReceiver();
  issuer = await Issuer.open();
  const opaUrl = await serve(({ traceparent }) => {
    asked.push(traceparent as string | undefined);
    return '{"result":true}';
  });
  const sinkUrl = await serve(({ traceparent }, body) => {
    posted.push({ traceparent: traceparent as string | undefined, body: JSON.parse(body) });
    return '';
  });
  const config = readConfig({
    PORT: '0',
    OPERATOR_PORT: '0',
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    TRACE_PERCENT: '100',
    ADMISSION: 'token',
    OIDC_ISSUER: issuer.url,
    OIDC_AUDIENCE: 'games',
    OPA_URL: opaUrl,
    // The store is in memory.
    STORE_DIR: 'unused',
    LOCAL_STORAGE: 'false',
    SINK_URL: sinkUrl,
    SYNC_INTERVAL: '1s',
  });
  const log = (_level: string, message: string) => lines.push({ message, about: { ...currentSpan().ids } });
  host = await startHost({ modules: [ownModulePath('cube')], config, log });
});

afterAll(async () => {
  await host?.close();
  await receiver?.close();
});

/** Waits until a whole trace has arrived, and returns its root and the names of the root's parts. */
async function received(isWanted: (span: ReceivedSpan) => boolean) {
  const root = await eventually(() => must(receiver.spans.find(isWanted), 'span'));
  const parts = receiver.spans.filter(({ parentId }) => parentId === root.spanId);
  return { root, parts, names: parts.map(({ name }) => name) };
}

test('the start of a room is one trace: load with native code and start, then the first tick', async () => {
  const { root, parts, names } = await received(({ name }) => name === 'room');
  expect(names).toEqual(['load', 'first tick']);
  expect(root.attributes).toMatchObject({ 'nearlight.game': 'cube' });
  const load = must(parts[0], 'load');
  const inside = receiver.spans.filter(({ parentId }) => parentId === load.spanId).map(({ name }) => name);
  expect(inside).toEqual(['native code', 'start']);
  expect(root.endNanos).toBeGreaterThanOrEqual(must(parts[1], 'first tick').endNanos);
});

test("a join is one trace of the page's: each step of admission, and the connection; OPA gets it too", async () => {
  const peer = new Peer();
  const trace = `00-${PAGE.traceId}-${PAGE.spanId}-00`;
  const query = '?size=320x180&fps=30';
  await peer.join(host.servers.players.url, { query, bearer: await issuer.token(), trace });
  const { root, parts, names } = await received(({ name, traceId }) => name === 'join' && traceId === PAGE.traceId);
  expect(root).toMatchObject({ parentId: PAGE.spanId, kind: 2, status: 0 });
  expect(names).toEqual(['address', 'token', 'account', 'policy', 'seat', 'ticket', 'connect']);
  const policy = must(parts[3], 'policy');
  expect(asked.map(readTraceparent)).toContainEqual({ traceId: PAGE.traceId, spanId: policy.spanId });

  // The player's next pictures, on demand.
  const frames = (count: number) =>
    fetch(`${host.servers.operator.url}trace/frames?room=cube&frames=${count}`, { method: 'POST' });
  expect(receiver.spans.filter(({ name }) => name === 'frame')).toEqual([]);
  expect((await frames(1001)).status).toBe(400);
  expect(await (await frames(3)).json()).toEqual({ room: 'cube', frames: 3 });
  await eventually(() => expect(receiver.spans.filter(({ name }) => name === 'frame')).toHaveLength(3));
  const frame = await received(({ name }) => name === 'frame');
  expect(frame.names).toEqual(HOST_STAGES);
  for (const { startNanos, endNanos } of frame.parts) expect(endNanos).toBeGreaterThanOrEqual(startNanos);
  peer.close();
});

test('a join that is refused is kept with its reason, and the line of the log has the id of its trace', async () => {
  const peer = new Peer();
  const joining = peer.join(host.servers.players.url, { bearer: await issuer.token({ aud: 'others' }) });
  await expect(joining).rejects.toThrow('NL_TOKEN');
  const { root, parts } = await received(({ name, status }) => name === 'join' && status === 2);
  expect(root).toMatchObject({ failure: 'NL_TOKEN', attributes: { 'nearlight.reason': 'token-audience' } });
  expect(parts.map(({ name, failure }) => [name, failure])).toEqual([
    ['address', ''],
    ['token', 'NL_TOKEN'],
  ]);
  const line = lines.find(({ message }) => message.startsWith('a join was refused: token-audience'));
  expect(line?.about.traceId).toBe(root.traceId);
  peer.close();
});

test('a result is one trace, from the room to the request that brings its event to the centre', async () => {
  const edge = must(host.edge, 'store');
  edge.record({ id: 'r1', game: 'cube', origin: 7n, tick: 1, bytes: new Uint8Array(3) });
  const { root: result } = await received(({ name }) => name === 'result');
  const { root: send } = await received(({ name, parentId }) => name === 'send' && parentId === result.spanId);
  // 3: client.
  expect(send).toMatchObject({ traceId: result.traceId, kind: 3, status: 0 });
  expect(send.startNanos).toBeGreaterThanOrEqual(result.startNanos);
  const { traceparent, body } = must(
    posted.find(({ body }) => body.id === 'r1'),
    'request',
  );
  expect(readTraceparent(traceparent)).toEqual({ traceId: send.traceId, spanId: send.spanId });
  expect(readTraceparent(body.traceparent)).toEqual({ traceId: result.traceId, spanId: result.spanId });
});

test('the metrics of the host count traces and spans', async () => {
  const metrics = await (await fetch(`${host.servers.operator.url}metrics`)).text();
  expect(metrics).toMatch(/^nearlight_traces_total\{outcome="kept"\} [1-9]/m);
  expect(metrics).toMatch(/^nearlight_trace_spans_total\{outcome="sent"\} [1-9]/m);
  expect(metrics).toMatch(/^nearlight_trace_spans_total\{outcome="dropped"\} 0$/m);
});
