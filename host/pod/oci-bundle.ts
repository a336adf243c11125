import { fstatSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readSecurityContext, type SecurityContext, type SecurityJson } from './security-context.ts';
import { type Resources, TaskError } from './tasks.ts';

/** Largest config.json of an OCI bundle that is read, in bytes. Those of containerd have about ten kilobytes. */
const CONFIG_BYTES_MAX = 4 * 2 ** 20;

/** Bounds of a process's oom_score_adj (proc(5), /proc/PID/oom_score_adj). */
const OOM_SCORE_MAX = 1000;

/** The parts of an OCI bundle's config.json that matter to a game (OCI runtime specification). */
export interface OciBundle {
  folder: string;
  /** A pod's sandbox, a container in such a sandbox, or a container without a sandbox, as `ctr run` creates it. */
  kind: 'sandbox' | 'container' | 'standalone';
  /** The container's name in its pod; undefined for a container that has no pod. */
  name: string | undefined;
  args: string[];
  /** The working directory, from which a relative path of the module counts. */
  cwd: string;
  env: Record<string, string>;
  /** The network namespace to enter: an existing one by its path, the node's own (`host`), or a `new` one. */
  network: { path: string } | 'host' | 'new';
  /** The pod's name in its network; empty if it has that of the node. */
  hostname: string;
  /** Id of the pod in Kubernetes; undefined for a container that has no pod. */
  podUid: string | undefined;
  /** linux.cgroupsPath; empty if the container needs no cgroup. */
  cgroupsPath: string;
  resources: Resources;
  /**
   * How readily the kernel ends the container's processes when the node runs out of memory, from -1000 to 1000. The kubelet derives it
   * from the pod's class of service. Undefined if the processes keep what they have.
   */
  oomScore: number | undefined;
  mounts: { destination: string; source: string; type: string; options: string[] }[];
  security: SecurityContext;
  /** Folder of the image's files, if containerd or `ctr --rootfs` has mounted them. */
  rootPath: string;
}

/** The parsed config.json of an OCI bundle, before defaults are filled in. */
interface ConfigJson extends SecurityJson {
  annotations?: Record<string, string>;
  process?: SecurityJson['process'] & { args?: string[]; cwd?: string; env?: string[]; oomScoreAdj?: number };
  root?: { path?: string };
  hostname?: string;
  mounts?: { destination: string; source?: string; type?: string; options?: string[] }[];
  linux?: SecurityJson['linux'] & { cgroupsPath?: string; resources?: Resources };
}

/**
 * Reads the config.json of an OCI bundle.
 * @param file descriptor of the config.json, for a process that may not open it
 * @throws TaskError if it cannot be read or is not an object in JSON; NearlightError NL_SECURITY_CONTEXT
 */
export function readOciBundle(folder: string, file?: number): OciBundle {
  const config = readConfig(join(folder, 'config.json'), file);
  const { annotations = {}, process = {}, linux = {}, mounts = [] } = config;
  const type = annotations['io.kubernetes.cri.container-type'];
  const network = linux.namespaces?.find((namespace) => namespace.type === 'network');
  const kind = type === 'sandbox' || type === 'container' ? type : 'standalone';
  return {
    folder,
    kind,
    name: annotations['io.kubernetes.cri.container-name'],
    podUid: annotations['io.kubernetes.cri.sandbox-uid'],
    args: process.args ?? [],
    cwd: process.cwd || '/',
    env: Object.fromEntries((process.env ?? []).map((entry) => split(entry))),
    network: network === undefined ? 'host' : network.path ? { path: network.path } : 'new',
    hostname: config.hostname ?? '',
    cgroupsPath: linux.cgroupsPath ?? '',
    resources: linux.resources ?? {},
    oomScore: readOomScore(process.oomScoreAdj),
    mounts: mounts.map(({ destination, source = '', type: kind = '', options = [] }) => {
      return { destination, source, type: kind, options };
    }),
    security: readSecurityContext(config, kind),
    rootPath: resolve(folder, config.root?.path ?? 'rootfs'),
  };
}

/** @throws TaskError if the value is not one that the kernel takes */
function readOomScore(value: number | undefined): number | undefined {
  if (value === undefined || (Number.isInteger(value) && Math.abs(value) <= OOM_SCORE_MAX)) return value;
  const range = `from -${OOM_SCORE_MAX} to ${OOM_SCORE_MAX}`;
  throw new TaskError('invalidArgument', `process.oomScoreAdj ${JSON.stringify(value)} is not a whole number ${range}`);
}

/** Splits NAME=VALUE; an entry without = has an empty value. */
function split(entry: string): [string, string] {
  const at = entry.indexOf('=');
  return at < 0 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)];
}

/** Returns the annotations of an OCI bundle; none if its config.json cannot be read. */
export function annotationsOf(folder: string): Readonly<Record<string, string>> {
  try {
    return readConfig(join(folder, 'config.json')).annotations ?? {};
  } catch {
    return {};
  }
}

function readConfig(path: string, file?: number): ConfigJson {
  try {
    const { size } = file === undefined ? statSync(path) : fstatSync(file);
    if (size > CONFIG_BYTES_MAX) throw new Error(`it has ${size} bytes, and ${CONFIG_BYTES_MAX} are allowed`);
    const config: unknown = JSON.parse(readFileSync(file ?? path, 'utf8'));
    if (typeof config !== 'object' || config === null) throw new Error('it is not an object');
    return config;
  } catch (cause) {
    throw new TaskError('invalidArgument', `${path} cannot be used: ${(cause as Error).message}`, { cause });
  }
}
