import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Who may push and pull where a registry asks for a password. */
export const ACCOUNT = { user: 'player', password: 'test' };
/** bcrypt of the password, the one kind that docker-registry takes. */
const HTPASSWD = `${ACCOUNT.user}:$2b$04$ELcjRcZD6DLIabiJj5xf4uRxoAujgmaRIW0Z1rF/li2rl1rOtheVq\n`;
const START_MS_MAX = 10_000;

export interface Registry {
  /** Host and port, as in the name of an image. */
  readonly address: string;
  /** Ends it and forgets what it holds. */
  close(): Promise<void>;
}

/**
 * Starts Debian's docker-registry on a free port of the loopback, over plain HTTP.
 * @throws Error with its output where it does not start
 */
export async function startRegistry({ password = false } = {}): Promise<Registry> {
  const folder = mkdtempSync(join(tmpdir(), 'nl-registry-'));
  const htpasswd = join(folder, 'htpasswd');
  writeFileSync(htpasswd, HTPASSWD);
  const config = {
    version: '0.1',
    log: { level: 'info' },
    storage: { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: true } },
    http: { addr: '127.0.0.1:0' },
    ...(password ? { auth: { htpasswd: { realm: 'test', path: htpasswd } } } : {}),
  };
  // JSON is YAML as well.
  writeFileSync(join(folder, 'config.yml'), JSON.stringify(config));
  const child = spawn('docker-registry', ['serve', join(folder, 'config.yml')], { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const close = async () => {
    child.kill('SIGKILL');
    await exited;
    rmSync(folder, { recursive: true });
  };
  let output = '';
  const address = new Promise<string>((resolve, reject) => {
    const fail = () => reject(new Error(`docker-registry does not listen: ${output}`));
    const read = (chunk: Buffer) => {
      output += chunk;
      const found = /listening on (127\.0\.0\.1:\d+)/.exec(output)?.[1];
      if (found) resolve(found);
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', (error) => reject(new Error(`docker-registry cannot be started: ${error.message}`)));
    child.once('exit', fail);
    setTimeout(fail, START_MS_MAX).unref();
  });
  try {
    return { address: await address, close };
  } catch (error) {
    if (child.pid !== undefined) await close();
    throw error;
  }
}
