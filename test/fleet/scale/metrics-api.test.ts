import { request } from 'node:https';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type MetricsApi, openMetricsApi } from '../../../host/fleet/scale/metrics-api.ts';
import { METRIC_NAMES } from '../../../host/fleet/scale/source.ts';
import { makeAuthority, makeCertificate, type Pair } from './certificates.ts';
import { HandSource } from './source.ts';

const ROOT = '/apis/external.metrics.k8s.io/v1beta1';
const USER = { 'x-remote-user': 'system:serviceaccount:kube-system:horizontal-pod-autoscaler' };

const proxyAuthority = makeAuthority('front-proxy-ca');
const serverAuthority = makeAuthority('metrics-ca');
const serverPair = makeCertificate(serverAuthority, { name: 'metrics', use: 'serverAuth' });
const proxy = makeCertificate(proxyAuthority, { name: 'front-proxy-client', use: 'clientAuth' });

const certificates = {
  ...serverPair,
  frontProxy: { ca: proxyAuthority.cert, names: ['front-proxy-client'] },
};

let source: HandSource;
let api: MetricsApi;
let lines: string[];
beforeAll(async () => {
  const shared: HandSource = new HandSource();
  source = shared;
  api = await openMetricsApi({
    listen: { host: '127.0.0.1', port: 0 },
    certificates,
    source: {
      games: shared.games,
      read: (name) => source.read(name),
      onChange: (listener) => source.onChange(listener),
    },
    log: (level, message) => lines.push(`${level} ${message}`),
  });
});
afterAll(() => api.close());
beforeEach(() => {
  source = new HandSource();
  lines = [];
});

interface Asking {
  client?: Pair | undefined;
  headers?: Record<string, string>;
  method?: string;
  ca?: string;
}

/** Asks as the API server does, unless `asking` says otherwise. */
function ask(path: string, { client = proxy, headers = USER, method = 'GET', ca = serverAuthority.cert }: Asking = {}) {
  return new Promise<{ code: number; body: Record<string, unknown> }>((resolve, reject) => {
    const options = { host: '127.0.0.1', port: api.port, path, method, headers, ca, agent: false, ...client };
    const sent = request(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        expect(response.headers['content-type']).toBe('application/json');
        resolve({ code: response.statusCode ?? 0, body: JSON.parse(text) as Record<string, unknown> });
      });
    });
    sent.on('error', reject);
    sent.end();
  });
}

const none: Pair = { cert: '', key: '' };

describe('external.metrics.k8s.io', () => {
  test('discovery: the group, its version and each metric', async () => {
    expect(await ask('/apis')).toMatchObject({
      code: 200,
      body: { kind: 'APIGroupList', groups: [{ name: 'external.metrics.k8s.io' }] },
    });
    expect((await ask('/apis/external.metrics.k8s.io')).body).toMatchObject({
      kind: 'APIGroup',
      preferredVersion: { groupVersion: 'external.metrics.k8s.io/v1beta1', version: 'v1beta1' },
    });
    const { body } = await ask(ROOT);
    expect(body).toMatchObject({ kind: 'APIResourceList', groupVersion: 'external.metrics.k8s.io/v1beta1' });
    expect(body.resources).toEqual(
      METRIC_NAMES.map((name) => ({
        name,
        singularName: '',
        namespaced: true,
        kind: 'ExternalMetricValueList',
        verbs: ['get'],
      })),
    );
  });

  test('a metric: one value for each game of the namespace that the selector fits', async () => {
    source.set('nearlight/arena', { nearlight_servers_wanted: 7, nearlight_frame_p99_ms: 16.25 });
    source.set('nearlight/model', { nearlight_servers_wanted: 2 });
    source.set('other/arena', { nearlight_servers_wanted: 99 });
    const path = `${ROOT}/namespaces/nearlight/nearlight_servers_wanted`;
    const item = (game: string, value: string, metricName = 'nearlight_servers_wanted') => ({
      metricName,
      metricLabels: { game },
      timestamp: '2026-11-28T12:00:00Z',
      value,
    });
    expect(await ask(path)).toEqual({
      code: 200,
      body: {
        kind: 'ExternalMetricValueList',
        apiVersion: 'external.metrics.k8s.io/v1beta1',
        metadata: {},
        items: [item('arena', '7'), item('model', '2')],
      },
    });
    expect((await ask(`${path}?labelSelector=game%3Dmodel`)).body.items).toEqual([item('model', '2')]);
    expect((await ask(`${path}?labelSelector=game%20in%20(arena)`)).body.items).toEqual([item('arena', '7')]);
    expect((await ask(`${ROOT}/namespaces/nearlight/nearlight_frame_p99_ms`)).body.items).toEqual([
      item('arena', '16250m', 'nearlight_frame_p99_ms'),
    ]);
  });

  test('without data the list is empty, so that the HPA controller changes nothing', async () => {
    expect((await ask(`${ROOT}/namespaces/nearlight/nearlight_servers_wanted`)).body.items).toEqual([]);
    source.set('nearlight/arena', { nearlight_servers_wanted: undefined });
    expect((await ask(`${ROOT}/namespaces/nearlight/nearlight_servers_wanted`)).body.items).toEqual([]);
  });

  test.each([
    [`${ROOT}/namespaces/nearlight/moon_phase`, 404, 'NotFound'],
    [`${ROOT}/namespaces/Near_light/nearlight_queue`, 404, 'NotFound'],
    [`${ROOT}/namespaces/nearlight/nearlight_queue/more`, 404, 'NotFound'],
    [`${ROOT}/nodes`, 404, 'NotFound'],
    ['/apis/external.metrics.k8s.io/v1', 404, 'NotFound'],
    ['/openapi/v2', 404, 'NotFound'],
    ['/', 404, 'NotFound'],
    [`${ROOT}/namespaces/nearlight/nearlight_queue?labelSelector=a%20b`, 400, 'BadRequest'],
    ['//', 400, 'BadRequest'],
  ])('%s is refused with %i', async (path, code, reason) => {
    const { code: got, body } = await ask(path);
    expect([got, body.kind, body.reason, body.code]).toEqual([code, 'Status', reason, code]);
  });

  test('metrics can only be read', async () => {
    expect((await ask(ROOT, { method: 'DELETE' })).code).toBe(405);
  });

  test('a fault of this server is in its log, and not in the answer', async () => {
    source.set('nearlight/arena', { nearlight_queue: Number.NaN });
    const { code, body } = await ask(`${ROOT}/namespaces/nearlight/nearlight_queue`);
    expect([code, body.message]).toEqual([500, 'the log of this server says more']);
    expect(lines).toEqual([expect.stringContaining('is not a quantity')]);
  });
});

describe('only the API server may ask', () => {
  const refused: [string, Asking][] = [
    ['without a certificate', { client: none }],
    [
      'with a certificate of another authority',
      { client: makeCertificate(serverAuthority, { name: 'front-proxy-client', use: 'clientAuth' }) },
    ],
    [
      'with a certificate of another name',
      { client: makeCertificate(proxyAuthority, { name: 'aggregator', use: 'clientAuth' }) },
    ],
    [
      'with a certificate for servers',
      { client: makeCertificate(proxyAuthority, { name: 'front-proxy-client', use: 'serverAuth' }) },
    ],
    ['without a user', { headers: {} }],
    ['with an empty user', { headers: { 'x-remote-user': '' } }],
  ];

  test.each(refused)('a request %s is refused', async (_, asking) => {
    const { code, body } = await ask(ROOT, asking);
    expect([code, body.reason]).toEqual([401, 'Unauthorized']);
  });

  test('a probe of the kubelet needs no certificate', async () => {
    for (const path of ['/healthz', '/readyz'])
      expect(await ask(path, { client: none, headers: {} })).toEqual({ code: 200, body: { ok: true } });
  });

  test('certificates that were renewed are used for new connections, and every name is valid if none is given', async () => {
    const other = makeAuthority('another-ca');
    const renewed = makeCertificate(other, { name: 'metrics', use: 'serverAuth' });
    api.renew({ ...renewed, frontProxy: { ca: other.cert, names: [] } });
    await expect(ask(ROOT)).rejects.toThrow();
    expect((await ask(ROOT, { ca: other.cert })).code).toBe(401);
    const anyone = makeCertificate(other, { name: 'anyone', use: 'clientAuth' });
    expect((await ask(ROOT, { ca: other.cert, client: anyone })).code).toBe(200);
    expect(() => api.renew({ ...renewed, key: 'no key', frontProxy: certificates.frontProxy })).toThrow();
    expect((await ask(ROOT, { ca: other.cert, client: anyone })).code).toBe(200);
    api.renew(certificates);
    expect((await ask(ROOT)).code).toBe(200);
  });

  test('a server without a valid certificate, or at a port that is taken, does not start', async () => {
    const open = (more: object) =>
      openMetricsApi({ listen: { host: '127.0.0.1', port: 0 }, certificates, source, log: () => {}, ...more });
    await expect(open({ certificates: { ...certificates, cert: 'none' } })).rejects.toThrow('NL_SETTING');
    await expect(open({ listen: { host: '127.0.0.1', port: api.port } })).rejects.toThrow('NL_PORT_IN_USE');
    await expect(open({ listen: { host: '192.0.2.1', port: 0 } })).rejects.toThrow('NL_SETTING');
  });
});
