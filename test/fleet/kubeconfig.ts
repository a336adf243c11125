import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { must } from '../../host/base/assert.ts';
import type { KubeAccess } from '../../host/fleet/kube/access.ts';

interface Kubeconfig {
  'current-context'?: string;
  contexts: { name: string; context: { cluster: string; user: string } }[];
  clusters: { name: string; cluster: Record<string, string> }[];
  users: { name: string; user: Record<string, string> }[];
}

/** Reads the access that a kubeconfig describes: a client's certificate or a token. @throws Error if it has neither */
export function readKubeconfig(path: string): KubeAccess {
  const config = parse(readFileSync(path, 'utf8')) as Kubeconfig;
  const current = config['current-context'] ?? config.contexts[0]?.name;
  const context = config.contexts.find(({ name }) => name === current)?.context;
  const cluster = config.clusters.find(({ name }) => name === context?.cluster)?.cluster ?? {};
  const user = config.users.find(({ name }) => name === context?.user)?.user ?? {};
  const text = (fields: Record<string, string>, name: string): string | undefined => {
    const data = fields[`${name}-data`];
    if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8');
    const file = fields[name];
    return file === undefined ? undefined : readFileSync(resolve(dirname(path), file), 'utf8');
  };
  const { token } = user;
  const cert = text(user, 'client-certificate');
  if (cluster.server === undefined || (token === undefined && cert === undefined))
    throw new Error(`${path} names no server, or no client with a certificate or a token`);
  return {
    url: cluster.server.replace(/\/$/, ''),
    ca: text(cluster, 'certificate-authority'),
    cert,
    key: text(user, 'client-key'),
    ...(token === undefined ? {} : { token: async () => token }),
  };
}

/** Returns the cluster that `npm run test:cluster` has started, or that of KUBECONFIG. */
export function describeCluster(): { kubeconfig: string; kubectl: string } {
  const { KUBECONFIG, NEARLIGHT_CLUSTER: path } = process.env;
  if (path !== undefined) return JSON.parse(readFileSync(path, 'utf8')) as { kubeconfig: string; kubectl: string };
  return { kubeconfig: must(KUBECONFIG, 'KUBECONFIG, or a cluster of npm run test:cluster'), kubectl: 'kubectl' };
}
