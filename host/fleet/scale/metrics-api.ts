import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { NearlightError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { quantity } from './quantity.ts';
import { readSelector } from './selector.ts';
import { type LoadSource, METRIC_NAMES } from './source.ts';

const GROUP = 'external.metrics.k8s.io';
const VERSION = 'v1beta1';
const GROUP_VERSION = `${GROUP}/${VERSION}`;
const ROOT = `/apis/${GROUP_VERSION}`;
const LIST = 'ExternalMetricValueList';

const HEADER_BYTES_MAX = 16_384;
const CONNECTIONS_MAX = 256;
const REQUEST_MS_MAX = 10_000;
/** A name of Kubernetes: a DNS label (RFC 1123). */
const NAMESPACE = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** The key and certificate of this server, and the authority of the API server's front proxy, all in PEM. */
export interface ApiCertificates {
  readonly cert: string;
  readonly key: string;
  readonly frontProxy: FrontProxy;
}

/** How the API server proves itself to the servers behind it, as its ConfigMap extension-apiserver-authentication says. */
export interface FrontProxy {
  readonly ca: string;
  /** Common names of the client certificates that are valid. Empty: all that the authority has signed. */
  readonly names: readonly string[];
}

export interface MetricsApiOptions {
  listen: { host: string; port: number };
  certificates: ApiCertificates;
  source: LoadSource;
  log: Log;
}

export interface MetricsApi {
  readonly port: number;
  /** Takes other certificates for connections from now on. @throws Error if they cannot be used */
  renew(certificates: ApiCertificates): void;
  close(): Promise<void>;
}

/**
 * Serves external.metrics.k8s.io/v1beta1 as an aggregated API server. It answers the API server only, which has decided before whether
 * the user may ask (RBAC). Without data for a metric it answers with an empty list, upon which the HPA controller changes nothing.
 * @throws NearlightError NL_PORT_IN_USE or NL_SETTING
 */
export async function openMetricsApi(options: MetricsApiOptions): Promise<MetricsApi> {
  const { listen, source, log } = options;
  let { frontProxy } = options.certificates;
  let server: Server;
  try {
    server = createServer(tlsOf(options.certificates), (request, response) => {
      try {
        send(response, answer({ source, frontProxy }, request));
      } catch (error) {
        log('error', `a request for metrics failed: ${(error as Error).stack}`);
        send(response, failure(500, 'InternalError', 'the log of this server says more'));
      }
    });
  } catch (cause) {
    throw new NearlightError('NL_SETTING', `the certificates for metrics cannot be used: ${(cause as Error).message}`);
  }
  server.maxConnections = CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const isTaken = error.code === 'EADDRINUSE';
      reject(
        new NearlightError(
          isTaken ? 'NL_PORT_IN_USE' : 'NL_SETTING',
          `SCALE_METRICS_PORT=${listen.port} at ${listen.host}: ${error.message}`,
        ),
      );
    });
    server.listen(listen.port, listen.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    renew(certificates) {
      server.setSecureContext(tlsOf(certificates));
      ({ frontProxy } = certificates);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function tlsOf({ cert, key, frontProxy }: ApiCertificates) {
  return {
    cert,
    key,
    ca: frontProxy.ca,
    requestCert: true,
    // Probes of the kubelet have no certificate. Each request is checked below.
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2' as const,
    maxHeaderSize: HEADER_BYTES_MAX,
    requestTimeout: REQUEST_MS_MAX,
  };
}

interface Asked {
  source: LoadSource;
  frontProxy: FrontProxy;
}

function answer({ source, frontProxy }: Asked, request: IncomingMessage): Answer {
  const url = URL.parse(request.url ?? '/', 'https://metrics');
  if (!url) return failure(400, 'BadRequest', 'the address of the request cannot be read');
  if (request.method !== 'GET') return failure(405, 'MethodNotAllowed', 'metrics can only be read: GET');
  if (url.pathname === '/healthz' || url.pathname === '/readyz') return [200, { ok: true }];
  const why = whyRefused(frontProxy, request);
  return why === undefined ? route(source, url) : failure(401, 'Unauthorized', why);
}

/** Says why a request is not one that the API server passes on; undefined if it is. */
function whyRefused({ names }: FrontProxy, request: IncomingMessage): string | undefined {
  const socket = request.socket as TLSSocket;
  if (!socket.authorized) return 'only the API server may ask here, with its certificate of the front proxy';
  const { CN: name } = socket.getPeerCertificate().subject;
  const isNamed = names.length === 0 || (typeof name === 'string' && names.includes(name));
  if (!isNamed) return "the name in the client's certificate is not one of the front proxy's";
  const user = request.headers['x-remote-user'];
  return typeof user === 'string' && user !== '' ? undefined : 'the API server has not said for which user it asks';
}

type Answer = [code: number, body: object];

function route(source: LoadSource, { pathname, searchParams }: URL): Answer {
  if (pathname === '/apis') return [200, { kind: 'APIGroupList', apiVersion: 'v1', groups: [apiGroup()] }];
  if (pathname === `/apis/${GROUP}`) return [200, { kind: 'APIGroup', apiVersion: 'v1', ...apiGroup() }];
  if (pathname === ROOT) return [200, resources()];
  const [, space = '', metric = ''] = /^\/namespaces\/([^/]+)\/([^/]+)$/.exec(pathname.slice(ROOT.length)) ?? [];
  const isPath = pathname.startsWith(`${ROOT}/`) && NAMESPACE.test(space);
  if (!isPath || !METRIC_NAMES.includes(metric))
    return failure(404, 'NotFound', `there are ${METRIC_NAMES.join(', ')} in ${ROOT}/namespaces/NAMESPACE/`);
  const selects = readSelector(searchParams.get('labelSelector') ?? '');
  if (!selects) return failure(400, 'BadRequest', 'the label selector cannot be read');
  const items = source.games.flatMap((name) => {
    const metricLabels = { game: name.game };
    if (name.namespace !== space || !selects(metricLabels)) return [];
    const load = source.read(name);
    const value = load?.values[metric];
    if (!load || value === undefined) return [];
    const timestamp = new Date(load.at).toISOString().replace(/\.\d+Z$/, 'Z');
    return [{ metricName: metric, metricLabels, timestamp, value: quantity(value) }];
  });
  return [200, { kind: LIST, apiVersion: GROUP_VERSION, metadata: {}, items }];
}

function apiGroup(): object {
  const version = { groupVersion: GROUP_VERSION, version: VERSION };
  return { name: GROUP, versions: [version], preferredVersion: version };
}

function resources(): object {
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: GROUP_VERSION,
    resources: METRIC_NAMES.map((name) => ({ name, singularName: '', namespaced: true, kind: LIST, verbs: ['get'] })),
  };
}

/** Makes the answer to a request that fails, as clients of Kubernetes expect it. */
function failure(code: number, reason: string, message: string): Answer {
  return [code, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code }];
}

function send(response: ServerResponse, [code, body]: Answer): void {
  const text = JSON.stringify(body);
  response.writeHead(code, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}
