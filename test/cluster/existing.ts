import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Description } from './cluster.ts';
import type { RunningCluster } from './start.ts';

interface Nodes {
  items: { metadata: { name: string }; status: { addresses: { type: string; address: string }[] } }[];
}

/**
 * Describes an existing cluster. If a command with --hold has started it, it has its description beside the kubeconfig, and tests
 * reach the file systems of its nodes. Any other one needs a registry from which its nodes pull over plain HTTP.
 * @throws Error if there is no such registry, or the cluster does not answer
 */
export function useCluster(
  kubeconfig: string,
  { registry, address }: { registry?: string; address?: string },
): RunningCluster {
  const beside = join(dirname(resolve(kubeconfig)), '../cluster.json');
  if (existsSync(beside)) {
    const description = JSON.parse(readFileSync(beside, 'utf8')) as Description;
    return { description, path: beside, close: async () => {} };
  }
  if (!registry)
    throw new Error(
      'CLUSTER_REGISTRY is not set: name a registry (HOST:PORT/PATH) to which this machine pushes, and from which the nodes pull over plain HTTP',
    );
  const text = execFileSync('kubectl', ['--kubeconfig', kubeconfig, 'get', 'nodes', '-o', 'json'], {
    encoding: 'utf8',
  });
  const nodes = (JSON.parse(text) as Nodes).items.map(({ metadata, status }) => ({
    name: metadata.name,
    address: status.addresses.find(({ type }) => type === 'InternalIP')?.address ?? '',
  }));
  const description: Description = {
    kubeconfig: resolve(kubeconfig),
    kubectl: 'kubectl',
    address: address || ownAddress(),
    registry,
    nodes,
  };
  const folder = mkdtempSync(join(tmpdir(), 'nlc-'));
  const path = join(folder, 'cluster.json');
  writeFileSync(path, JSON.stringify(description));
  return { description, path, close: async () => rmSync(folder, { recursive: true }) };
}

/** The first address of this machine that is not a loopback one. */
function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
}
