import { join } from 'node:path';
import { NearlightError } from '../base/errors.ts';

/**
 * The names in the run folder, which the shim's script knows as well. A process is written as its id and when it began (field 22 of
 * /proc/PID/stat): a number alone may come to mean another process.
 */
export interface RunPaths {
  /** Hosts that wait: named by process id, holding when it began (empty: not told); made once it listens. */
  warm: string;
  /** Who took a host: made by the shim's `start`, named by process id, lines `key=value` (`parseClaim`). */
  claim: string;
  /** Sockets of the hosts: PID.sock. */
  host: string;
  /** Which host serves whom: NAMESPACE/ID, holding its process id and when it began. */
  pod: string;
  /** What `delete` cleans up after a host that died, by process id: lines `guest PID` (and when it began) and `cgroup FOLDER`. */
  state: string;
  /** Output of the hosts (PID.log) and of the keeper. */
  log: string;
  /** Process id of the keeper, and when it began. */
  keeperPid: string;
  /** Holds seconds since boot: a `start` has started a keeper then. */
  keeperLock: string;
  keeperSocket: string;
}

/** The layout below a run folder. */
export function runPaths(folder: string): RunPaths {
  return {
    warm: join(folder, 'warm'),
    claim: join(folder, 'claim'),
    host: join(folder, 'host'),
    pod: join(folder, 'pod'),
    state: join(folder, 'state'),
    log: join(folder, 'log'),
    keeperPid: join(folder, 'keeper.pid'),
    keeperLock: join(folder, 'keeper.lock'),
    keeperSocket: join(folder, 'keeper.sock'),
  };
}

/** Who took a host. */
export interface Claim {
  /** When the host began that was taken; a claim with another value is an older process's. */
  started: string;
  namespace: string;
  /** The container that was asked for first: in a pod, its sandbox. */
  id: string;
  bundle: string;
  /** containerd's sockets: for events, and its main one. */
  ttrpc: string;
  address: string;
}

/** Reads the text of a claim; undefined where it is not whole. */
export function parseClaim(text: string): Claim | undefined {
  const lines = text.split('\n').slice(0, -1);
  const values = new Map(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  const { started = '', namespace = '', id = '' } = Object.fromEntries(values);
  if (!started || !namespace || !id || !values.has('address')) return undefined;
  const [bundle = '', ttrpc = '', address = ''] = ['bundle', 'ttrpc', 'address'].map((key) => values.get(key));
  return { started, namespace, id, bundle, ttrpc, address };
}

/** Settings of a node, from the environment that containerd was started with. */
export interface NodeSettings {
  runDir: string;
  cacheDir: string;
  /** Hosts that are kept waiting. */
  poolSize: number;
}

const POOL_SIZE_DEFAULT = 2;
const POOL_SIZE_MAX = 64;
/** sockaddr_un holds 108 bytes, and one of them ends the path; what follows the folder is `/host/PID.sock`. */
const RUN_DIR_BYTES_MAX = 107 - '/host/4194304.sock'.length;

/** @throws NearlightError NL_SETTING naming the variable and its bounds */
export function readNodeSettings(env: Record<string, string | undefined>): NodeSettings {
  const poolSize = Number(env.NEARLIGHT_POOL_SIZE || POOL_SIZE_DEFAULT);
  if (!Number.isInteger(poolSize) || poolSize < 0 || poolSize > POOL_SIZE_MAX)
    throw new NearlightError(
      'NL_SETTING',
      `NEARLIGHT_POOL_SIZE=${env.NEARLIGHT_POOL_SIZE} is not a whole number from 0 to ${POOL_SIZE_MAX}`,
    );
  const runDir = env.NEARLIGHT_RUN_DIR || '/run/nearlight';
  if (Buffer.byteLength(runDir) > RUN_DIR_BYTES_MAX)
    throw new NearlightError('NL_SETTING', `NEARLIGHT_RUN_DIR=${runDir} has more than ${RUN_DIR_BYTES_MAX} bytes`);
  return { runDir, cacheDir: env.NEARLIGHT_CACHE_DIR || '/var/lib/nearlight/cache', poolSize };
}
