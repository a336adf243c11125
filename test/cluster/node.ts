import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Commands } from './binaries.ts';
import { type Authority, issue, writeKubeconfig } from './certificates.ts';
import { enter, NODE_FILE, type NodeFile, run, startProgram } from './cluster.ts';
import { type Machine, startMachine } from './machine.ts';
import { connectNode, type Network } from './network.ts';

const CGROUPS = '/sys/fs/cgroup';
/** Name of the image of sandboxes in the registry. */
export const PAUSE = 'pause:1';
/** Waits until containerd answers. */
const CONTAINERD_READY =
  'tries=0; until ctr version >/dev/null 2>&1; do tries=$((tries + 1)); [ $tries -lt 300 ] || { tail -n 5 /var/log/containerd.log; exit 1; }; sleep 0.2; done';
/** More pods than a node of the tests holds. */
const PODS_MAX = 500;
/** Where the programs of a node find others. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface NodeOptions {
  name: string;
  index: number;
  /** Number of nodes of the cluster. */
  count: number;
  /** Receives the node's own files. */
  folder: string;
  /** Name of the node's cgroup. */
  cgroup: string;
  /** Folder of an installation: `opt` and `bin` are what an installer has written. */
  installation: string;
  registry: string;
  server: string;
  commands: Commands;
  network: Network;
  authority: Authority;
}

export interface Node {
  readonly name: string;
  readonly address: string;
  readonly folder: string;
  close(): Promise<void>;
}

/** Starts a node: its machine, containerd, kubelet and kube-proxy. */
export async function startNode(options: NodeOptions): Promise<Node> {
  const { name, index, count, folder, cgroup, installation, network } = options;
  mkdirSync(folder, { recursive: true });
  makeCgroups(cgroup);
  cpSync(join(installation, 'bin'), join(folder, 'usr/local/bin'), { recursive: true });
  // The files come first: what is below a mounted overlay must not change.
  writeContainerd(options);
  await writeKubelet(options);
  await writeProxy(options);
  const machine = await startMachine(name, folder, join(installation, 'opt'));
  const close = async () => {
    await machine.close();
    removeCgroups(cgroup);
  };
  try {
    await connectNode(network, machine, index, count);
    await start(options, machine);
  } catch (error) {
    await close();
    throw error;
  }
  return { name, address: network.nodeAddress(index), folder, close };
}

/** Starts the node's programs, and writes down how, so that tests can start them again. */
async function start(options: NodeOptions, { pid }: Machine): Promise<void> {
  const { name, index, folder, commands, network } = options;
  const env = { PATH, HOME: '/root' };
  const kubelet = [
    '--config=/etc/kubernetes/kubelet.yaml',
    '--kubeconfig=/etc/kubernetes/kubelet.kubeconfig',
    `--hostname-override=${name}`,
    `--node-ip=${network.nodeAddress(index)}`,
  ];
  const programs: NodeFile['programs'] = {
    containerd: { argv: ['containerd', '--config', '/etc/containerd/config.toml'], env },
    kubelet: { argv: [commands.kubelet, ...kubelet], env },
    'kube-proxy': { argv: [commands['kube-proxy'], '--config=/etc/kubernetes/kube-proxy.yaml'], env },
  };
  const file: NodeFile = { pid, device: network.device(index), programs };
  writeFileSync(join(folder, NODE_FILE), JSON.stringify(file, null, 2));
  for (const [program, { argv }] of Object.entries(programs)) {
    startProgram(program, { pid, argv, env });
    // The kubelet ends if it does not find containerd.
    if (program === 'containerd') await run('nsenter', [...enter(pid), 'sh', '-c', CONTAINERD_READY]);
  }
}

/** The configuration of containerd, with the runtime as the installer of the node bundle says it. */
function writeContainerd({ folder, index, network, registry }: NodeOptions): void {
  const plugin = {
    type: 'bridge',
    bridge: 'cni0',
    isGateway: true,
    ipMasq: false,
    hairpinMode: true,
    ipam: {
      type: 'host-local',
      ranges: [[{ subnet: network.podRange(index) }]],
      routes: [{ dst: '0.0.0.0/0' }],
    },
  };
  write(folder, 'etc/cni/net.d/10-test.conflist', {
    cniVersion: '0.4.0',
    name: 'test',
    plugins: [plugin, { type: 'portmap', capabilities: { portMappings: true } }],
  });
  write(
    folder,
    `etc/containerd/certs.d/${registry}/hosts.toml`,
    `server = "http://${registry}"\n[host."http://${registry}"]\n`,
  );
  write(
    folder,
    'etc/containerd/config.toml',
    `version = 2
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.tracing.processor.v1.otlp"]
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${registry}/${PAUSE}"
  # A machine of the tests may lack the right to lower the score of a process.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/etc/containerd/certs.d"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.wasmedge]
    runtime_type = "io.containerd.wasmedge.v1"
`,
  );
}

async function writeKubelet({ name, index, folder, cgroup, network, authority, server }: NodeOptions): Promise<void> {
  const names = [`DNS:${name}`, `IP:${network.nodeAddress(index)}`];
  const identity = await issue(authority, name, `/O=system:nodes/CN=system:node:${name}`, names);
  const kubeconfig = writeKubeconfig(authority, name, { ...identity, server });
  mkdirSync(join(folder, 'etc/kubernetes'), { recursive: true });
  cpSync(kubeconfig, join(folder, 'etc/kubernetes/kubelet.kubeconfig'));
  write(folder, 'etc/kubernetes/kubelet.yaml', {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: { x509: { clientCAFile: authority.certificate }, anonymous: { enabled: false } },
    authorization: { mode: 'Webhook' },
    tlsCertFile: identity.certificate,
    tlsPrivateKeyFile: identity.key,
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${cgroup}`,
    failCgroupV1: false,
    failSwapOn: false,
    clusterDomain: 'cluster.local',
    clusterDNS: [network.services.replace(/0\/\d+$/, '10')],
    maxPods: PODS_MAX,
    serializeImagePulls: false,
    // The disk of the tests belongs to others, too.
    evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    imageGCHighThresholdPercent: 100,
  });
}

async function writeProxy({ name, folder, network, authority, server }: NodeOptions): Promise<void> {
  const user = `kube-proxy-${name}`;
  const identity = await issue(authority, user, '/CN=system:kube-proxy');
  const kubeconfig = writeKubeconfig(authority, user, { ...identity, server });
  write(folder, 'etc/kubernetes/kube-proxy.yaml', {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig },
    hostnameOverride: name,
    mode: 'iptables',
    clusterCIDR: network.pods,
    // The machine's own table of connections keeps its size.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
  });
}

/** Writes a file of a node: text, or an object as JSON, which is YAML too. */
function write(folder: string, path: string, what: string | object): void {
  const file = join(folder, path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, typeof what === 'string' ? what : JSON.stringify(what, null, 2));
}

/** The mounted hierarchies of cgroups: one of version 2, or one for each controller of version 1. */
function hierarchies(): string[] {
  if (existsSync(join(CGROUPS, 'cgroup.controllers'))) return [CGROUPS];
  return readdirSync(CGROUPS, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(CGROUPS, entry.name));
}

/** Makes the cgroup below which a kubelet makes its own. */
function makeCgroups(name: string): void {
  for (const hierarchy of hierarchies()) {
    const path = join(hierarchy, name);
    mkdirSync(path, { recursive: true });
    // A cgroup of this controller has no processors and no memory at first.
    for (const file of ['cpuset.cpus', 'cpuset.mems'])
      if (existsSync(join(path, file)) && existsSync(join(hierarchy, 'tasks')))
        writeFileSync(join(path, file), readFileSync(join(hierarchy, file)));
  }
}

/** Removes a cgroup and those below it. Its processes have ended. */
export function removeCgroups(name: string): void {
  const remove = (path: string) => {
    for (const entry of readdirSync(path, { withFileTypes: true }))
      if (entry.isDirectory()) remove(join(path, entry.name));
    rmdirSync(path);
  };
  for (const hierarchy of hierarchies())
    if (existsSync(join(hierarchy, name))) {
      try {
        remove(join(hierarchy, name));
      } catch {
        // A process has not quite ended. An empty cgroup costs nothing.
      }
    }
}
