import { readdirSync, readFileSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import * as loader from '@grpc/proto-loader';
import protobuf from 'protobufjs';
import { must } from '../../host/base/assert.ts';

/** The definition of Kubernetes' CRI, from Debian's package golang-github-kubernetes-cri-api-dev. */
const API = '/usr/share/gocode/src/k8s.io/cri-api/pkg/apis/runtime/v1/api.proto';

type Call = (request: object, done: (error: grpc.ServiceError | null, response: never) => void) => void;
/** A client of a gRPC service, with one method for each call. */
type Service = Record<string, Call | undefined> & { close(): void };

export interface PodOptions {
  name: string;
  /** The pod's namespace in Kubernetes. */
  namespace?: string;
  handler?: string;
  /** Whether the pod uses the node's network instead of the CNI bridge. */
  hostNetwork?: boolean;
  /** Other namespaces that the pod shares with the node or not (NamespaceOption of the CRI), such as `{ pid: 'NODE' }`. */
  namespaces?: { pid?: NamespaceMode; ipc?: NamespaceMode };
  sysctls?: Record<string, string>;
}

type NamespaceMode = 'POD' | 'CONTAINER' | 'NODE';

export interface ContainerOptions {
  name: string;
  image: string;
  env?: Record<string, string>;
  /** Replaces the image's entrypoint. */
  command?: string[];
  args?: string[];
  folder?: string;
  /** Folders and files of the node that the container sees at the same path, or at another one. */
  mounts?: (string | { containerPath: string; hostPath: string })[];
  memoryBytes?: number;
  /** As the kubelet derives it from the pod's class of service. */
  oomScoreAdj?: number;
  attempt?: number;
  /** The container's securityContext, as the kubelet hands it to the CRI (LinuxContainerSecurityContext). */
  security?: object;
}

/** A client of containerd's CRI, which makes the same calls as the kubelet. */
export class Cri {
  readonly #runtime: Service;
  readonly #image: Service;
  readonly #configs = new Map<string, object>();
  readonly #logs: string;
  readonly #group: string;

  /**
   * @param address containerd's socket; the logs of the containers are in the folder `logs` beside it
   * @param group the cgroup of the pods, below the root of the hierarchy
   */
  constructor(address: string, group: string) {
    this.#group = group;
    this.#logs = join(dirname(address), 'logs');
    const { RuntimeService, ImageService } = services();
    const credentials = grpc.credentials.createInsecure();
    this.#runtime = new RuntimeService(`unix://${address}`, credentials) as unknown as Service;
    this.#image = new ImageService(`unix://${address}`, credentials) as unknown as Service;
  }

  version(): Promise<{ runtimeVersion: string }> {
    return this.call('version', {});
  }

  /** Makes a call of the CRI's runtime service, by its name in camelCase. */
  call<T>(name: string, request: object): Promise<T> {
    return callService(this.#runtime, name, request);
  }

  pull(image: string): Promise<{ imageRef: string }> {
    return callService(this.#image, 'pullImage', { image: { image } });
  }

  async runPod(options: PodOptions): Promise<string> {
    const { name, namespace = 'default', handler = 'wasmedge', hostNetwork = true, namespaces, sysctls = {} } = options;
    const config = {
      metadata: { name, uid: name, namespace, attempt: 0 },
      hostname: hostNetwork ? '' : name,
      logDirectory: join(this.#logs, name),
      dnsConfig: { servers: ['192.0.2.53'], searches: ['test'], options: [] },
      linux: {
        cgroupParent: `/${this.#group}/${name}`,
        sysctls,
        securityContext: { namespaceOptions: { network: hostNetwork ? 'NODE' : 'POD', ...namespaces } },
      },
    };
    const { podSandboxId } = await this.call<{ podSandboxId: string }>('runPodSandbox', {
      config,
      runtimeHandler: handler,
    });
    this.#configs.set(podSandboxId, config);
    return podSandboxId;
  }

  async create(pod: string, options: ContainerOptions): Promise<string> {
    const {
      name,
      image,
      env = {},
      command = [],
      args = [],
      folder = '',
      mounts = [],
      memoryBytes,
      oomScoreAdj = 0,
      attempt = 0,
      security,
    } = options;
    const config = {
      metadata: { name, attempt },
      image: { image },
      command,
      args,
      workingDir: folder,
      envs: Object.entries({ ADMISSION: 'open', ...env }).map(([key, value]) => ({ key, value })),
      mounts: mounts.map((mount) => (typeof mount === 'string' ? { containerPath: mount, hostPath: mount } : mount)),
      logPath: `${name}_${attempt}.log`,
      linux: {
        resources: { cpuShares: 512, oomScoreAdj, ...(memoryBytes ? { memoryLimitInBytes: memoryBytes } : {}) },
        ...(security ? { securityContext: security } : {}),
      },
    };
    const request = { podSandboxId: pod, config, sandboxConfig: this.#configs.get(pod) };
    return (await this.call<{ containerId: string }>('createContainer', request)).containerId;
  }

  async start(containerId: string): Promise<void> {
    await this.call('startContainer', { containerId });
  }

  async exec(containerId: string, ...cmd: string[]): Promise<{ stdout: Buffer; stderr: Buffer; exitCode: number }> {
    return this.call('execSync', { containerId, cmd, timeout: 10 });
  }

  async status(containerId: string): Promise<{ state: string; exitCode: number; reason: string; message: string }> {
    return (await this.call<{ status: never }>('containerStatus', { containerId })).status;
  }

  async podState(podSandboxId: string): Promise<string> {
    return (await this.call<{ status: { state: string } }>('podSandboxStatus', { podSandboxId })).status.state;
  }

  async podAddress(podSandboxId: string): Promise<string> {
    const { status } = await this.call<{ status: { network: { ip: string } } }>('podSandboxStatus', { podSandboxId });
    return status.network.ip;
  }

  async stop(containerId: string, timeout = 5): Promise<void> {
    await this.call('stopContainer', { containerId, timeout });
  }

  async remove(containerId: string): Promise<void> {
    await this.call('removeContainer', { containerId });
  }

  async removePod(podSandboxId: string): Promise<void> {
    await this.call('stopPodSandbox', { podSandboxId });
    await this.call('removePodSandbox', { podSandboxId });
    const config = this.#configs.get(podSandboxId) as { linux: { cgroupParent: string } } | undefined;
    this.#configs.delete(podSandboxId);
    // The kubelet would remove the pod's cgroup, so this client does.
    for (const controller of ['.', ...readdirSync('/sys/fs/cgroup')])
      if (config) await rmdir(join('/sys/fs/cgroup', controller, config.linux.cgroupParent)).catch(() => {});
  }

  /** Removes all pods; ignores failures. */
  async removeAll(): Promise<void> {
    const { items } = await this.call<{ items: { id: string }[] }>('listPodSandbox', {});
    for (const { id } of items) await this.removePod(id).catch(() => {});
  }

  /** The id of the process that containerd knows as a pod's sandbox: its host. */
  async sandboxPid(podSandboxId: string): Promise<number> {
    const { info } = await this.call<{ info: { info: string } }>('podSandboxStatus', { podSandboxId, verbose: true });
    return (JSON.parse(info.info) as { pid: number }).pid;
  }

  /** The cgroup that the kubelet creates for a pod, below the root of the hierarchy. */
  cgroupParent(pod: string): string {
    return (this.#configs.get(pod) as { linux: { cgroupParent: string } }).linux.cgroupParent;
  }

  /** The path of a container's log. */
  logPath(pod: string, name: string, attempt = 0): string {
    const { logDirectory } = this.#configs.get(pod) as { logDirectory: string };
    return join(logDirectory, `${name}_${attempt}.log`);
  }

  /** Reads the lines that a container wrote to its log (CRI log format, without times and tags). */
  log(pod: string, name: string, attempt = 0): string[] {
    const text = readFileSync(this.logPath(pod, name, attempt), 'utf8');
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split(' ').slice(3).join(' '));
  }

  close(): void {
    this.#runtime.close();
    this.#image.close();
  }
}

function callService<T>(service: Service, name: string, request: object): Promise<T> {
  return new Promise((resolve, reject) => {
    must(service[name], name).call(service, request, (error, response) => (error ? reject(error) : resolve(response)));
  });
}

type Clients = Record<'RuntimeService' | 'ImageService', grpc.ServiceClientConstructor>;

/** Creates clients from api.proto. Its imports are removed, because they matter only to a generator of Go code. */
function services(): Clients {
  const text = readFileSync(API, 'utf8')
    .replace(/^import .*$/gm, '')
    .replace(/^option \(gogoproto.*$/gm, '')
    .replace(/\s*\[[^\]]*gogoproto[^\]]*\]/g, '');
  const root = new protobuf.Root();
  protobuf.parse(text, root);
  const definition = loader.fromJSON(root.toJSON() as never, { longs: Number, enums: String, defaults: true });
  const all = grpc.loadPackageDefinition(definition) as unknown as { runtime: { v1: Clients } };
  return all.runtime.v1;
}
