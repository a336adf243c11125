import { join } from 'node:path';

/** The names in the run folder, which the shim's script knows as well. A unix socket's path may have 106 bytes at most. */
export interface RunPaths {
  /** Hosts that wait: an empty file named by process id, made once it listens. */
  warm: string;
  /** Who took a host: made by the shim's `start`, named by process id, lines `key=value`. */
  claim: string;
  /** Sockets of the hosts: PID.sock. */
  host: string;
  /** Which host serves whom: NAMESPACE/ID, holding its process id. */
  pod: string;
  /** What `delete` cleans up after a host that died, by process id: lines `guest PID` and `cgroup PATH`. */
  state: string;
  /** Output of the hosts and of the keeper. */
  log: string;
  keeperPid: string;
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
    keeperSocket: join(folder, 'keeper.sock'),
  };
}

/** Settings of a node, from the environment that containerd was started with. */
export interface NodeSettings {
  runDir: string;
  cacheDir: string;
  /** Hosts that are kept waiting. */
  poolSize: number;
}

const POOL_SIZE_MAX = 64;

/** @throws Error naming the variable and its bounds */
export function readNodeSettings(env: Record<string, string | undefined>): NodeSettings {
  const poolSize = Number(env.NEARLIGHT_POOL_SIZE || 2);
  if (!Number.isInteger(poolSize) || poolSize < 0 || poolSize > POOL_SIZE_MAX)
    throw new Error(`NEARLIGHT_POOL_SIZE=${env.NEARLIGHT_POOL_SIZE} is not a whole number from 0 to ${POOL_SIZE_MAX}`);
  return {
    runDir: env.NEARLIGHT_RUN_DIR || '/run/nearlight',
    cacheDir: env.NEARLIGHT_CACHE_DIR || '/var/lib/nearlight/cache',
    poolSize,
  };
}
