import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A running docker-registry on a loopback address. */
export interface Distribution {
  /** Host and port. */
  address: string;
  close(): Promise<void>;
}

/** Number of times to check whether the registry answers, 25 ms apart. */
const TRIES_MAX = 1800;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * Starts a docker-registry with its own folder.
 * @param auth the section `auth` of its configuration, in which FOLDER stands for that folder
 * @param files files to write to the folder
 */
export async function startDistribution(auth = '', files: Record<string, string> = {}): Promise<Distribution> {
  const folder = mkdtempSync(join(tmpdir(), 'distribution-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const address = `127.0.0.1:${await freePort()}`;
  const config = `version: 0.1
log: { level: error }
storage: { filesystem: { rootdirectory: ${folder}/data } }
http: { addr: ${address}, secret: test }
${auth.replaceAll('FOLDER', folder)}`;
  writeFileSync(join(folder, 'config.yml'), config);
  const child = spawn('docker-registry', ['serve', join(folder, 'config.yml')], { stdio: 'ignore' });
  for (let tries = 0; ; tries++) {
    const up = await fetch(`http://${address}/v2/`).then(
      () => true,
      () => false,
    );
    if (up) break;
    if (tries > TRIES_MAX) throw new Error('docker-registry does not answer');
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return {
    address,
    async close() {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await gone;
      rmSync(folder, { recursive: true });
    },
  };
}
