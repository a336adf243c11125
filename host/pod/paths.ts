import { join } from 'node:path';
import { NearlightError } from '../base/errors.ts';

/**
 * The files in the run folder. The shim's script uses the same names. A file that refers to a process holds its id and when
 * it started (field 22 of /proc/PID/stat), because the kernel gives the ids of dead processes to new ones.
 */
export interface RunPaths {
  /** Hosts that listen and wait for a pod: PID, holding when it started. An empty file is valid and is not compared. */
  warm: string;
  /** Hosts that were taken, and by which container: PID, written by the shim's `start` as lines `key=value` (`parseClaim`). */
  claim: string;
  /** Sockets of the hosts: PID.sock. */
  host: string;
  /** Which host serves which container: NAMESPACE/ID, holding the host's process id and when it started. */
  pod: string;
  /** The things that `delete` must remove after a host died: PID, holding lines `guest PID` (and when it started) and `cgroup FOLDER`. */
  state: string;
  /** Output of the hosts (PID.log) and of the keeper. */
  log: string;
  /** The keeper's process id and when it started. */
  keeperPid: string;
  /** Written by a `start` that starts a keeper, so that others do not: the seconds since boot at that time. */
  keeperLock: string;
  keeperSocket: string;
}

/** The paths below a run folder. */
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

/** Which container took a host. */
export interface Claim {
  /** When the host started. A claim with another value was made on an earlier process with the same id. */
  started: string;
  namespace: string;
  /** The container for which the host was taken; in a pod, this is its sandbox. */
  id: string;
  /** Folder of the OCI bundle. */
  bundle: string;
  /** containerd's socket for events. */
  ttrpc: string;
  /** containerd's main socket. */
  address: string;
}

/** Reads the text of a claim; undefined if it is incomplete. */
export function parseClaim(text: string): Claim | undefined {
  const lines = text.split('\n').slice(0, -1);
  const values = new Map(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  const value = (key: string) => values.get(key) ?? '';
  const [started, namespace, id] = [value('started'), value('namespace'), value('id')];
  if (!started || !namespace || !id || !values.has('address')) return undefined;
  return { started, namespace, id, bundle: value('bundle'), ttrpc: value('ttrpc'), address: value('address') };
}

/** Settings of a node, which hosts inherit from containerd's environment. */
export interface NodeSettings {
  runDir: string;
  cacheDir: string;
  /** How many hosts are kept waiting. */
  poolSize: number;
}

const POOL_SIZE_DEFAULT = 2;
const POOL_SIZE_MAX = 64;
/** A path in a sockaddr_un has at most 107 bytes. The longest socket below the run folder is `/host/PID.sock`. */
const RUN_DIR_BYTES_MAX = 107 - '/host/4194304.sock'.length;

/** @throws NearlightError NL_SETTING with the name of the variable and its bounds */
export function readNodeSettings(env: Record<string, string | undefined>): NodeSettings {
  const poolSize = Number(env.NEARLIGHT_POOL_SIZE || POOL_SIZE_DEFAULT);
  if (!Number.isInteger(poolSize) || poolSize < 0 || poolSize > POOL_SIZE_MAX)
    throw new NearlightError(
      'NL_SETTING',
      `NEARLIGHT_POOL_SIZE=${env.NEARLIGHT_POOL_SIZE} is not a whole number from 0 to ${POOL_SIZE_MAX}`,
    );
  const runDir = env.NEARLIGHT_RUN_DIR || '/run/nearlight';
  if (Buffer.byteLength(runDir) > RUN_DIR_BYTES_MAX)
    throw new NearlightError('NL_SETTING', `NEARLIGHT_RUN_DIR=${runDir} is longer than ${RUN_DIR_BYTES_MAX} bytes`);
  return { runDir, cacheDir: env.NEARLIGHT_CACHE_DIR || '/var/lib/nearlight/cache', poolSize };
}
