import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../wait.ts';

/** A server program that runs until it is stopped. */
export interface Program {
  /** The port of 127.0.0.1 at which it listens. */
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

/** Makes a key and a certificate that no one has signed, for play.test. */
function certificate(folder: string): { key: string; certificate: string } {
  const [key, made] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const options = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=play.test'];
  execFileSync('openssl', ['req', ...options, '-keyout', key, '-out', made], { stdio: 'ignore' });
  return { key, certificate: made };
}

/** Starts nginx as a proxy with its default settings, except for `lines` in its one `server`. */
export async function startNginx(
  lines: readonly string[],
  options: { tls?: boolean; port?: number } = {},
): Promise<Program> {
  const { tls = false } = options;
  const folder = mkdtempSync(join(tmpdir(), 'nearlight-nginx-'));
  mkdirSync(join(folder, 'logs'));
  const port = options.port ?? (await freePort());
  const { key, certificate: made } = tls ? certificate(folder) : { key: '', certificate: '' };
  const own = tls
    ? [`listen 127.0.0.1:${port} ssl;`, `ssl_certificate ${made};`, `ssl_certificate_key ${key};`]
    : [`listen 127.0.0.1:${port};`];
  const text = `daemon off; pid ${folder}/pid; error_log stderr; worker_processes 1; events {}
http { access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
server { ${[...own, ...lines].join(' ')} } }\n`;
  writeFileSync(join(folder, 'nginx.conf'), text);
  return start('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], { port, folder });
}

/** Starts coturn, which knows users by a shared secret. It relays to this machine, as only a test may. */
export async function startCoturn(secret: string): Promise<Program> {
  const folder = mkdtempSync(join(tmpdir(), 'nearlight-turn-'));
  const port = await freePort();
  const options = ['--listening-ip=127.0.0.1', '--relay-ip=127.0.0.1', `--listening-port=${port}`, '--realm=play.test'];
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
  return start('turnserver', [...quiet, ...options, ...more], { port, folder });
}

async function start(name: string, args: string[], place: { port: number; folder: string }): Promise<Program> {
  const { port, folder } = place;
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
      await listens(port);
    });
    if (ended !== undefined) throw new Error(ended);
  } catch (error) {
    stop();
    throw error;
  }
  return { port, stop };
}

function listens(port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect(port, '127.0.0.1');
  socket.on('connect', () => resolve());
  socket.on('error', reject);
  return promise.finally(() => socket.destroy());
}
