/** How the Kubernetes API is reached: where it is, whom to trust, and who asks. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Config } from '../../base/config.ts';
import { NearlightError } from '../../base/errors.ts';

/** Folder of a pod's service account (Kubernetes, "Accessing the API from within a Pod"). */
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
/** The kubelet exchanges the token long before it expires, so it is read again this often. */
const TOKEN_MS = 60_000;

export interface KubeAccess {
  /** URL of the API, without a slash at its end. */
  readonly url: string;
  /** Certificates of the authorities that sign the API's certificate; undefined for those of the system. */
  readonly ca?: string | undefined;
  /** Certificate and key of the client, for those who have them in place of a token. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Returns the token of the client. */
  token?(): Promise<string | undefined>;
}

/**
 * Returns the access of this process: to KUBE_URL as anyone, or to the API of its cluster with the service account of its pod.
 * @throws NearlightError NL_KUBE if it does not run in a cluster and KUBE_URL is not set
 */
export function openAccess({ kubeUrl }: Pick<Config, 'kubeUrl'>, env: NodeJS.ProcessEnv, folder = ACCOUNT): KubeAccess {
  if (kubeUrl !== '') return { url: kubeUrl.replace(/\/$/, '') };
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = env;
  if (!host)
    throw new NearlightError(
      'NL_KUBE',
      'this process runs in no cluster; start it in a pod with a service account, or set KUBE_URL, for example to the address of kubectl proxy',
    );
  const path = `${folder}/token`;
  try {
    const name = host.includes(':') ? `[${host}]` : host;
    return { url: `https://${name}:${port}`, ca: readFileSync(`${folder}/ca.crt`, 'utf8'), token: rereading(path) };
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new NearlightError('NL_KUBE', `the pod has no service account; give it one: ${reason}`, { cause });
  }
}

/** Returns a function that reads a token from a file, at most once a minute. */
export function rereading(path: string, now = () => performance.now()): () => Promise<string> {
  let kept = '';
  let readAt = Number.NEGATIVE_INFINITY;
  return async () => {
    if (now() - readAt >= TOKEN_MS) {
      kept = (await readFile(path, 'utf8')).trim();
      readAt = now();
    }
    return kept;
  };
}
