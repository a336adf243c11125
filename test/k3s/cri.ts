import { readdirSync, readFileSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import * as loader from '@grpc/proto-loader';
import protobuf from 'protobufjs';

/** Debian's golang-github-kubernetes-cri-api-dev. */
const API = '/usr/share/gocode/src/k8s.io/cri-api/pkg/apis/runtime/v1/api.proto';

type Call = (request: object, done: (error: grpc.ServiceError | null, response: never) => void) => void;
type Service = Record<string, Call> & { close(): void };

export interface PodOptions {
  name: string;
  handler?: string;
  /** On the node's network instead of the CNI bridge. */
  hostNetwork?: boolean;
}

export interface ContainerOptions {
  name: string;
  image: string;
  env?: Record<string, string>;
  /** In place of the image's entrypoint. */
  command?: string[];
  args?: string[];
  folder?: string;
  /** Folders of the node that the container has at the same path. */
  mounts?: string[];
  memoryBytes?: number;
  attempt?: number;
}

/** CRI as the kubelet speaks it. */
export class Cri {
  readonly #runtime: Service;
  readonly #image: Service;
  readonly #configs = new Map<string, object>();
  readonly #logs: string;
  readonly #group: string;

  /**
   * @param address containerd's socket; the containers' logs lie beside it
   * @param group cgroup of the pods, below the root of the hierarchy
   */
  constructor(address: string, group: string) {
    this.#group = group;
    this.#logs = join(dirname(address), 'logs');
    const runtime = services();
    const credentials = grpc.credentials.createInsecure();
    this.#runtime = new runtime.RuntimeService(`unix://${address}`, credentials) as unknown as Service;
    this.#image = new runtime.ImageService(`unix://${address}`, credentials) as unknown as Service;
  }

  version(): Promise<{ runtimeVersion: string }> {
    return this.call('version', {});
  }

  /** Any call of the runtime service, by its name in camelCase. */
  call<T>(name: string, request: object): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#runtime[name].call(this.#runtime, request, (error, response) =>
        error ? reject(error) : resolve(response),
      );
    });
  }

  pull(image: string): Promise<{ imageRef: string }> {
    return new Promise((resolve, reject) => {
      const request = { image: { image } };
      this.#image.pullImage.call(this.#image, request, (error, response) =>
        error ? reject(error) : resolve(response),
      );
    });
  }

  async runPod({ name, handler = 'wasmedge', hostNetwork = true }: PodOptions): Promise<string> {
    const config = {
      metadata: { name, uid: name, namespace: 'default', attempt: 0 },
      hostname: hostNetwork ? '' : name,
      logDirectory: join(this.#logs, name),
      dnsConfig: { servers: ['192.0.2.53'], searches: ['test'], options: [] },
      linux: {
        cgroupParent: `/${this.#group}/${name}`,
        securityContext: { namespaceOptions: { network: hostNetwork ? 'NODE' : 'POD' } },
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
      attempt = 0,
    } = options;
    const config = {
      metadata: { name, attempt },
      image: { image },
      command,
      args,
      workingDir: folder,
      envs: Object.entries(env).map(([key, value]) => ({ key, value })),
      mounts: mounts.map((path) => ({ containerPath: path, hostPath: path })),
      logPath: `${name}_${attempt}.log`,
      linux: { resources: { cpuShares: 512, ...(memoryBytes ? { memoryLimitInBytes: memoryBytes } : {}) } },
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
    // The kubelet's part: a pod's own cgroup.
    for (const controller of ['.', ...readdirSync('/sys/fs/cgroup')])
      if (config) await rmdir(join('/sys/fs/cgroup', controller, config.linux.cgroupParent)).catch(() => {});
  }

  /** What cannot be removed stays. */
  async removeAll(): Promise<void> {
    const { items } = await this.call<{ items: { id: string }[] }>('listPodSandbox', {});
    for (const { id } of items) await this.removePod(id).catch(() => {});
  }

  /** The cgroup that the kubelet makes for a pod, below the root of the hierarchy. */
  cgroupParent(pod: string): string {
    return (this.#configs.get(pod) as { linux: { cgroupParent: string } }).linux.cgroupParent;
  }

  /** The file of a container's log. */
  logPath(pod: string, name: string, attempt = 0): string {
    const { logDirectory } = this.#configs.get(pod) as { logDirectory: string };
    return join(logDirectory, `${name}_${attempt}.log`);
  }

  /** Lines that the container wrote (CRI log format, without time and tag). */
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

/** The services of api.proto; its imports say only how Go code is made of it. */
function services(): Record<string, grpc.ServiceClientConstructor> {
  const text = readFileSync(API, 'utf8')
    .replace(/^import .*$/gm, '')
    .replace(/^option \(gogoproto.*$/gm, '')
    .replace(/\s*\[[^\]]*gogoproto[^\]]*\]/g, '');
  const root = new protobuf.Root();
  protobuf.parse(text, root);
  const definition = loader.fromJSON(root.toJSON() as never, { longs: Number, enums: String, defaults: true });
  const all = grpc.loadPackageDefinition(definition) as unknown as {
    runtime: { v1: Record<string, grpc.ServiceClientConstructor> };
  };
  return all.runtime.v1;
}
