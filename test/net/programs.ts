import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../wait.ts';

/** A server program that runs until it is stopped. */
export interface Program {
  /** The port at which it listens. */
  readonly port: number;
  stop(): void;
}

/** Returns a TCP port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Options of a proxy in front of a host. */
export interface ProxyOptions {
  /** URL of the host. */
  to: string;
  /** Path under which the proxy serves the host; by default that of the host itself. */
  prefix?: string;
  /** Whether the proxy speaks HTTPS. */
  tls?: boolean;
  /** Port of 127.0.0.1; by default a free one. */
  port?: number;
  /** Whether the proxy passes WebSockets, which needs a setting. */
  sockets?: boolean;
}

/** Makes a key and a certificate that no one has signed, for play.test. */
export function certificate(folder: string): { key: string; certificate: string } {
  const [key, made] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const options = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=play.test'];
  execFileSync('openssl', ['req', ...options, '-keyout', key, '-out', made], { stdio: 'ignore' });
  return { key, certificate: made };
}

/** Starts nginx as a proxy with its default settings. */
export async function startNginx({
  to,
  prefix = '/',
  tls = false,
  sockets = false,
  ...options
}: ProxyOptions): Promise<Program> {
  const folder = mkdtempSync(join(tmpdir(), 'nearlight-nginx-'));
  mkdirSync(join(folder, 'logs'));
  const port = options.port ?? (await freePort());
  const { key, certificate: made } = tls ? certificate(folder) : { key: '', certificate: '' };
  const own = tls
    ? [`listen 127.0.0.1:${port} ssl;`, `ssl_certificate ${made};`, `ssl_certificate_key ${key};`]
    : [`listen 127.0.0.1:${port};`];
  const upgrade =
    'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";';
  const location = `location ${prefix} { proxy_pass ${to}; ${sockets ? upgrade : ''} }`;
  const text = `daemon off; pid ${folder}/pid; error_log stderr; worker_processes 1; events {}
http { access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
server { ${[...own, location].join(' ')} } }\n`;
  writeFileSync(join(folder, 'nginx.conf'), text);
  return start('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], { port, folder });
}

/**
 * Starts coturn, which knows users by a shared secret. It relays to this machine, as only a test may.
 * @param place the machine to start it on: words that enter it, its addresses, of which this machine reaches the last one
 */
export async function startCoturn(
  secret: string,
  place: { enter: readonly string[]; addresses: readonly [string, ...string[]] } = {
    enter: [],
    addresses: ['127.0.0.1'],
  },
): Promise<Program> {
  const folder = mkdtempSync(join(tmpdir(), 'nearlight-turn-'));
  const port = await freePort();
  const { enter, addresses } = place;
  const listening = addresses.map((address) => `--listening-ip=${address}`);
  const options = [...listening, `--relay-ip=${addresses[0]}`, `--listening-port=${port}`, '--realm=play.test'];
  const more = [
    '--use-auth-secret',
    `--static-auth-secret=${secret}`,
    '--allow-loopback-peers',
    '--no-tls',
    '--no-dtls',
  ];
  const quiet = [
    '--no-cli',
    `--pidfile=${folder}/pid`,
    `--userdb=${folder}/db`,
    '--log-file=stdout',
    '--simple-log',
    '-n',
  ];
  const [name, ...args] = [...enter, 'turnserver', ...quiet, ...options, ...more];
  return start(name ?? '', args, { port, folder, address: addresses.at(-1) });
}

export async function start(
  name: string,
  args: string[],
  place: { port: number; folder: string; address?: string | undefined },
): Promise<Program> {
  const { port, folder, address = '127.0.0.1' } = place;
  const child = spawn(name, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors = `${errors}${chunk}`.slice(-4000);
  });
  let ended: string | undefined;
  child.on('error', (error) => {
    ended = `${name} cannot be started (${error.message}); npm run test:doors says what it needs`;
  });
  child.on('exit', (status) => {
    ended ??= `${name} ended with status ${status}: ${errors}`;
  });
  const stop = () => {
    child.kill('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await eventually(async () => {
      if (ended !== undefined) return;
      await listens(port, address);
    });
    if (ended !== undefined) throw new Error(ended);
  } catch (error) {
    stop();
    throw error;
  }
  return { port, stop };
}

function listens(port: number, address: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect(port, address);
  socket.on('connect', () => resolve());
  socket.on('error', reject);
  return promise.finally(() => socket.destroy());
}
