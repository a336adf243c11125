import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { NearlightError } from '../base/errors.ts';

/**
 * The files in the run folder, through which the keeper, host processes and containerd's shim work together. The shim's script
 * uses the same names. A file that refers to a process holds its id and when it started (field 22 of /proc/PID/stat), because
 * the kernel gives the ids of dead processes to new ones.
 */
export interface RunPaths {
  /**
   * Folder of the host processes that listen and wait for a pod: PID, holding when the process started. An empty file matches
   * any process with that id.
   */
  warm: string;
  /**
   * Folder of the host processes that were taken, and by which container: PID, written by the shim's `start` as lines
   * `key=value` (`parseClaim`).
   */
  claim: string;
  /** Folder of the host processes' sockets: PID.sock. */
  host: string;
  /** Folder that says which host process serves which container: NAMESPACE/ID, holding the process id and when it started. */
  pod: string;
  /**
   * Folder that lists what the shim's `delete` must remove after a host process died: PID, holding lines
   * `guest PID STARTED` and `cgroup FOLDER`.
   */
  state: string;
  /** Folder of the output of the host processes (PID.log) and of the keeper. */
  log: string;
  /** File that holds the keeper's process id and when the keeper started. */
  keeperPid: string;
  /**
   * File that the shim's `start` writes before it starts a keeper, so that others do not: the seconds since boot at that time.
   */
  keeperLock: string;
  /** The keeper's socket, on which hosts ask for native code. */
  keeperSocket: string;
  /** The keeper's socket, on which hosts ask whether shaders are harmless. */
  vetSocket: string;
  /** The keeper's socket for `GET /metrics` over HTTP. */
  metricsSocket: string;
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
    vetSocket: join(folder, 'vet.sock'),
    metricsSocket: join(folder, 'metrics.sock'),
  };
}

/** Which container took a host process, as recorded in a claim file. */
export interface Claim {
  /** When the host process started. A claim with another value was made on an earlier process with the same id. */
  started: string;
  namespace: string;
  /** The container for which the host process was taken; in a pod, this is its sandbox. */
  id: string;
  /** Folder of the OCI bundle. */
  bundle: string;
  /** containerd's socket for events. */
  ttrpc: string;
  /** containerd's main socket. */
  address: string;
}

/** Parses the text of a claim file, which says what container took a host process; undefined if it is incomplete. */
export function parseClaim(text: string): Claim | undefined {
  const lines = text.split('\n').slice(0, -1);
  const values = new Map(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  const value = (key: string) => values.get(key) ?? '';
  const [started, namespace, id] = [value('started'), value('namespace'), value('id')];
  if (!started || !namespace || !id || !values.has('address')) return undefined;
  return { started, namespace, id, bundle: value('bundle'), ttrpc: value('ttrpc'), address: value('address') };
}

/** Settings of a node, which host processes inherit from containerd's environment. */
export interface NodeSettings {
  runDir: string;
  cacheDir: string;
  /** How many host processes are kept ready, waiting for pods. */
  poolSize: number;
  /** How many may wait after many pods have started at a time. */
  poolSizeMax: number;
  /** How many modules are compiled at a time. */
  compilers: number;
  /** How long a host process may go without responding, in milliseconds, before the keeper kills it; 0 for ever. */
  responseMsMax: number;
  /** The first of the 2^22 user ids for the hosts of pods. A host has the one at the place of its supervisor's process id. */
  uidFirst: number;
}

/** Bounds and default of a setting of the node that is a whole number. */
interface NumberSetting {
  env: string;
  default: number;
  min: number;
  max: number;
}

const POOL_SIZE: NumberSetting = { env: 'NEARLIGHT_POOL_SIZE', default: 2, min: 0, max: 64 };
/** A waiting host uses some 86 MiB. If the maximum is less than POOL_SIZE, the latter counts. */
const POOL_SIZE_MAX: NumberSetting = { env: 'NEARLIGHT_POOL_SIZE_MAX', default: 8, min: 0, max: 64 };
/**
 * With two compilers, a namespace gets one of them at most, so another does not wait for it. Each may use COMPILE_BYTES_MAX of
 * memory.
 */
const COMPILERS: NumberSetting = {
  env: 'NEARLIGHT_COMPILERS',
  default: Math.min(2, availableParallelism()),
  min: 1,
  max: 64,
};
/**
 * The default is longer than any work that a host may do at a stretch, such as executing a game's commands (REPLAY_MS_MAX),
 * and short enough that a pod is restarted within 10 seconds.
 */
const RESPONSE_MS_MAX: NumberSetting = { env: 'NEARLIGHT_RESPONSE_MS_MAX', default: 5000, min: 0, max: 600_000 };
/** Number of process ids that a kernel gives at most. */
const UIDS = 2 ** 22;
/**
 * The default ids are in a range that systemd leaves unused (UIDS-GIDS.md in its sources). The largest id is 2^32 - 2, because
 * the next one means "unchanged" in system calls.
 */
const UID_FIRST: NumberSetting = {
  env: 'NEARLIGHT_UID_FIRST',
  default: 0x70400000,
  min: 1,
  max: 2 ** 32 - 1 - UIDS,
};
/**
 * Most bytes of the run folder's path: a path in a sockaddr_un has at most 107, and the longest socket below the folder is
 * `/host/PID.sock`.
 */
const RUN_DIR_BYTES_MAX = 107 - '/host/4194304.sock'.length;

/** Reads the settings of a node. @throws NearlightError NL_SETTING with the name of the variable and its bounds */
export function readNodeSettings(env: Record<string, string | undefined>): NodeSettings {
  const runDir = env.NEARLIGHT_RUN_DIR || '/run/nearlight';
  if (Buffer.byteLength(runDir) > RUN_DIR_BYTES_MAX)
    throw new NearlightError('NL_SETTING', `NEARLIGHT_RUN_DIR=${runDir} is longer than ${RUN_DIR_BYTES_MAX} bytes`);
  return {
    runDir,
    cacheDir: env.NEARLIGHT_CACHE_DIR || '/var/lib/nearlight/cache',
    poolSize: readNumber(POOL_SIZE, env),
    // A node that keeps no hosts for pods keeps none after a burst, either.
    poolSizeMax: readNumber(POOL_SIZE, env) === 0 ? 0 : readNumber(POOL_SIZE_MAX, env),
    compilers: readNumber(COMPILERS, env),
    responseMsMax: readNumber(RESPONSE_MS_MAX, env),
    uidFirst: readNumber(UID_FIRST, env),
  };
}

function readNumber(setting: NumberSetting, env: Record<string, string | undefined>): number {
  const text = env[setting.env];
  const value = Number(text || setting.default);
  if (!Number.isInteger(value) || value < setting.min || value > setting.max)
    throw new NearlightError(
      'NL_SETTING',
      `${setting.env}=${text} is not a whole number from ${setting.min} to ${setting.max}`,
    );
  return value;
}
