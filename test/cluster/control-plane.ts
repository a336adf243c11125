import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Commands } from './binaries.ts';
import { type Authority, issue, writeKubeconfig } from './certificates.ts';
import { enter, run } from './cluster.ts';
import type { Machine } from './machine.ts';
import type { Network } from './network.ts';
import { startLogged } from './program.ts';

/** Port of the API server at the address of the control plane. */
const API_PORT = 6443;
const ETCD_PORT = 2379;
const PEER_PORT = 2380;
/** The API server starts within a minute on a busy machine. */
const START_MS_MAX = 120_000;

export interface ControlPlane {
  readonly server: string;
  /** Path of an administrator's kubeconfig. */
  readonly kubeconfig: string;
}

interface Options {
  folder: string;
  commands: Commands;
  machine: Machine;
  network: Network;
  authority: Authority;
}

/** Starts etcd, the API server, the controllers and the scheduler; resolves when the API server is ready. */
export async function startControlPlane(options: Options): Promise<ControlPlane> {
  const { folder, commands, network, authority } = options;
  const { address, services } = network;
  const server = `https://${address}:${API_PORT}`;
  mkdirSync(join(folder, 'etcd'), { recursive: true, mode: 0o700 });
  const first = services.replace(/0\/\d+$/, '1');
  const names = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'localhost'].map(
    (name) => `DNS:${name}`,
  );
  const [api, toKubelets, toExtensions, accounts] = await Promise.all([
    issue(authority, 'kube-apiserver', '/CN=kube-apiserver', [
      ...names,
      `IP:${address}`,
      `IP:${first}`,
      'IP:127.0.0.1',
    ]),
    issue(authority, 'kubelet-client', '/O=system:masters/CN=kube-apiserver-kubelet-client'),
    issue(authority, 'front-proxy', '/CN=front-proxy-client'),
    issue(authority, 'service-accounts', '/CN=service-accounts'),
  ]);
  const kubeconfig = async (name: string, subject: string) =>
    writeKubeconfig(authority, name, { ...(await issue(authority, name, subject)), server });
  const [admin, manager, scheduler] = await Promise.all([
    kubeconfig('admin', '/O=system:masters/CN=admin'),
    kubeconfig('kube-controller-manager', '/CN=system:kube-controller-manager'),
    kubeconfig('kube-scheduler', '/CN=system:kube-scheduler'),
  ]);
  const start = starter(options);
  const etcd = `http://${address}:${ETCD_PORT}`;
  const peers = `http://${address}:${PEER_PORT}`;
  start('etcd', {
    name: 'test',
    'data-dir': join(folder, 'etcd'),
    'listen-client-urls': etcd,
    'advertise-client-urls': etcd,
    'listen-peer-urls': peers,
    'initial-advertise-peer-urls': peers,
    'initial-cluster': `test=${peers}`,
    // The data of a test need not outlive a power cut.
    'unsafe-no-fsync': 'true',
  });
  start('kube-apiserver', {
    'etcd-servers': etcd,
    'bind-address': address,
    'advertise-address': address,
    'secure-port': String(API_PORT),
    'tls-cert-file': api.certificate,
    'tls-private-key-file': api.key,
    'client-ca-file': authority.certificate,
    'service-cluster-ip-range': services,
    'service-account-issuer': 'https://kubernetes.default.svc',
    'service-account-key-file': accounts.certificate,
    'service-account-signing-key-file': accounts.key,
    'authorization-mode': 'Node,RBAC',
    'enable-admission-plugins': 'NodeRestriction',
    'kubelet-client-certificate': toKubelets.certificate,
    'kubelet-client-key': toKubelets.key,
    'kubelet-certificate-authority': authority.certificate,
    'kubelet-preferred-address-types': 'InternalIP',
    'requestheader-client-ca-file': authority.certificate,
    'requestheader-allowed-names': 'front-proxy-client',
    'requestheader-username-headers': 'X-Remote-User',
    'requestheader-group-headers': 'X-Remote-Group',
    'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
    'proxy-client-cert-file': toExtensions.certificate,
    'proxy-client-key-file': toExtensions.key,
    // This machine has no kube-proxy: webhooks and extensions of the API are reached at the addresses of their pods.
    'enable-aggregator-routing': 'true',
    'allow-privileged': 'true',
    profiling: 'false',
  });
  await ready(commands.kubectl, admin, join(folder, 'log/kube-apiserver.log'));
  start('kube-controller-manager', {
    kubeconfig: manager,
    'service-account-private-key-file': accounts.key,
    'root-ca-file': authority.certificate,
    'cluster-signing-cert-file': authority.certificate,
    'cluster-signing-key-file': authority.key,
    'use-service-account-credentials': 'true',
    'leader-elect': 'false',
    'secure-port': '0',
  });
  start('kube-scheduler', { kubeconfig: scheduler, 'leader-elect': 'false', 'secure-port': '0' });
  return { server, kubeconfig: admin };
}

/** Returns a function that starts a command of the control plane with options. */
function starter({ folder, commands, machine }: Options) {
  return (name: keyof Commands, options: Record<string, string>) => {
    const args = Object.entries(options).map(([key, value]) => `--${key}=${value}`);
    startLogged('nsenter', [...enter(machine.pid), commands[name], ...args], join(folder, `log/${name}.log`));
  };
}

async function ready(kubectl: string, kubeconfig: string, log: string): Promise<void> {
  const end = Date.now() + START_MS_MAX;
  for (;;) {
    const problem = await run(kubectl, ['--kubeconfig', kubeconfig, 'get', '--raw', '/readyz']).then(
      () => '',
      (error: Error) => error.message,
    );
    if (problem === '') return;
    if (Date.now() > end) {
      const tail = readFileSync(log, 'utf8').split('\n').slice(-15).join('\n');
      throw new Error(`the API server does not become ready: ${problem}\nThe end of its log:\n${tail}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
