import { type ExecFileException, execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../../host/base/assert.ts';
import { pushImage } from '../../oci/push.ts';
import { parseReference, Registry } from '../../oci/registry.ts';
import { createGameImage } from '../oci/game-image.ts';
import { eventually } from '../wait.ts';

/** Longest output of a command, in bytes. */
const OUTPUT_BYTES_MAX = 2 ** 26;
/** A command that takes longer than this has failed. */
export const COMMAND_MS_MAX = 300_000;
/** Waiting for pods takes this long at most on a busy machine. */
export const WAIT_MS_MAX = 180_000;

/** The label of the nodes that run games (oci/k3s/README.md, "Nodes"). */
export const GAME_LABEL = 'gpu=enabled';

export interface ClusterNode {
  readonly name: string;
  /** The node's own address, at which its NodePorts answer. */
  readonly address: string;
  /** Path of containerd's socket as this process sees it. */
  readonly containerd: string;
  /** Folder of the node's own files as this process sees it: `run`, `opt`, `var/lib`, `var/log` and `usr/local/bin`. */
  readonly folder: string;
  /**
   * Runs a program on the node, in its file system, network and process ids, and resolves with what it prints.
   * @throws Error with its output if it fails
   */
  exec(...argv: string[]): Promise<string>;
  /** Kills one of the node's programs with SIGKILL and starts it again. The pods of the node keep running. */
  restart(program: 'containerd' | 'kubelet', environment?: Record<string, string>): Promise<void>;
  /** Pulls the node's network cable, so that nothing reaches the node any longer. */
  cut(): Promise<void>;
  /** Plugs the cable in again. */
  mend(): Promise<void>;
}

/** A Kubernetes cluster for tests. `npm run test:cluster` starts it, or uses that of the variable CLUSTER. */
export interface Cluster {
  /** Path of an administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** Path of a kubectl of the cluster's release. */
  readonly program: string;
  readonly nodes: readonly ClusterNode[];
  /** The address at which nodes and pods reach servers of this process. */
  readonly address: string;
  /** Host, port and, in a cluster of others, path of a registry from which the nodes pull images. */
  readonly registry: string;
  /** Runs kubectl and resolves with what it prints. @throws Error with its output if it fails */
  kubectl(...args: string[]): Promise<string>;
  /** Runs `kubectl get ... -o json`. */
  get<T>(...args: string[]): Promise<T>;
  /** Applies manifests. */
  apply(yaml: string): Promise<void>;
  /** Creates an object with `kubectl create`. */
  create(object: object): Promise<void>;
  /** Resolves with the URL of a port of a Service, with a slash at its end; this process and all nodes reach it. */
  url(service: { namespace: string; name: string; port: number | string }): Promise<string>;
  /** Waits until `check` returns a value other than false and undefined. @throws Error that names `what` */
  until<T>(
    check: () => Promise<T | false | undefined> | T | false | undefined,
    what: string,
    msMax?: number,
  ): Promise<T>;
  /** Pushes a game's image into the cluster's registry; resolves with its reference. */
  push(name: string, module: Uint8Array): Promise<string>;
}

/** The description of a running cluster, which the command writes and the tests read. */
export interface Description {
  kubeconfig: string;
  kubectl: string;
  address: string;
  registry: string;
  nodes: { name: string; address: string; folder?: string }[];
}

/** Name of the variable with the path of the description. */
export const DESCRIPTION = 'NEARLIGHT_CLUSTER';

/** The files of a node in its folder `var/run`, which the tests read again after each start of a program. */
export const NODE_FILE = 'node.json';

/** The parts of a node that a command needs to enter it. */
export interface NodeFile {
  /** Process id of the node's first process. */
  pid: number;
  /** Name of the node's network device outside. */
  device: string;
  /** How to start the node's programs. */
  programs: Record<string, { argv: string[]; env: Record<string, string> }>;
}

/** Opens the cluster that the command has started. @throws Error if no command has */
export function openCluster(): Cluster {
  const path = process.env[DESCRIPTION];
  if (path === undefined) throw new Error('no cluster is running: use npm run test:cluster');
  return connect(JSON.parse(readFileSync(path, 'utf8')) as Description);
}

/** Returns the functions of a described cluster. */
export function connect({ kubeconfig, kubectl, address, registry, nodes }: Description): Cluster {
  const cluster: Cluster = {
    kubeconfig,
    program: kubectl,
    address,
    registry,
    nodes: nodes.map(nodeOf),
    kubectl: (...args) => run(kubectl, ['--kubeconfig', kubeconfig, ...args]),
    async get<T>(...args: string[]) {
      return JSON.parse(await cluster.kubectl('get', ...args, '-o', 'json')) as T;
    },
    async apply(yaml) {
      await run(kubectl, ['--kubeconfig', kubeconfig, 'apply', '-f', '-'], yaml);
    },
    async create(object) {
      await run(kubectl, ['--kubeconfig', kubeconfig, 'create', '-f', '-'], JSON.stringify(object));
    },
    async url({ namespace, name, port }) {
      interface Service {
        spec: { clusterIP: string; ports: { name?: string; port: number; nodePort?: number }[] };
      }
      const { spec } = await cluster.get<Service>('service', name, '-n', namespace);
      const found = must(
        spec.ports.find((one) => one.port === port || one.name === port),
        `port ${port} of the Service ${name}`,
      );
      return `http://${spec.clusterIP}:${found.port}/`;
    },
    until: (check, what, msMax = WAIT_MS_MAX) =>
      eventually(async () => {
        const value = await check();
        if (value === undefined || value === false) throw new Error(`waited in vain for ${what}`);
        return value;
      }, msMax),
    async push(name, module) {
      const reference = `${registry}/${name}`;
      const image = await createGameImage({ module, title: name.split(':')[0] ?? name, version: '1' });
      const parsed = parseReference(reference);
      await pushImage(new Registry(parsed, { plainHttp: true }), image, parsed.tag, () => {});
      return reference;
    },
  };
  return cluster;
}

function nodeOf({ name, address, folder = '' }: Description['nodes'][number]): ClusterNode {
  const read = (): NodeFile => {
    if (folder === '')
      throw new Error(`this test needs the file system of node ${name}: run it without the variable CLUSTER`);
    return JSON.parse(readFileSync(join(folder, NODE_FILE), 'utf8')) as NodeFile;
  };
  const link = (state: 'up' | 'down') => run('ip', ['link', 'set', read().device, state]);
  return {
    name,
    address,
    folder,
    containerd: join(folder, 'run/containerd/containerd.sock'),
    exec: async (...argv) => run('nsenter', [...enter(read().pid), ...argv]),
    async restart(program, environment = {}) {
      const { pid, programs } = read();
      const { argv, env } = must(programs[program], program);
      await run('nsenter', [...enter(pid), 'sh', '-c', `kill -9 $(cat /run/${program}.pid)`]);
      startProgram(program, { pid, argv, env: { ...env, ...environment } });
    },
    cut: async () => void (await link('down')),
    mend: async () => void (await link('up')),
  };
}

/** The options of nsenter(1) that enter a machine by the id of its first process. */
export function enter(pid: number): string[] {
  return [`--target=${pid}`, '--mount', '--net', '--pid', '--uts', '--ipc', '--'];
}

/**
 * Starts a program on a machine, which writes its process id and its log to files there. It ends when the machine does, not when
 * this process does.
 */
export function startProgram(
  name: string,
  { pid, argv, env }: { pid: number; argv: readonly string[]; env: Record<string, string> },
): void {
  const script = `echo $$ >/run/${name}.pid && exec "$@" >>/var/log/${name}.log 2>&1`;
  const child = spawn('nsenter', [...enter(pid), 'sh', '-c', script, name, ...argv], {
    env,
    stdio: 'ignore',
    detached: true,
  });
  child.unref();
}

/** Runs a program and resolves with what it prints. @throws Error with its output if it fails */
export function run(program: string, args: readonly string[], input?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { maxBuffer: OUTPUT_BYTES_MAX, timeout: COMMAND_MS_MAX };
    const child = execFile(program, args, options, (error: ExecFileException | null, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${program} ${args.join(' ')}: ${stdout}${stderr || error.message}`.trim()));
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(input ?? '');
  });
}
