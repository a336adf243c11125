import { join } from 'node:path';
import type { Tenant } from './fair-queue.ts';
import { annotationsOf } from './oci-bundle.ts';
import { type Claim, parseClaim, type RunPaths } from './paths.ts';
import { read, startedAt } from './process.ts';

/** The tenant of processes that serve no pod, such as hosts that wait for one. */
export const NODE_TENANT: Tenant = { namespace: '', pod: '' };

/**
 * Finds the pod that a host process serves. The answer comes from files that containerd and its shim have written, never from
 * the process itself.
 * @param pid the process, according to the kernel; undefined if it is not known
 */
export function tenantOf(paths: RunPaths, pid: number | undefined): Tenant {
  const claim = pid === undefined ? undefined : parseClaim(read(join(paths.claim, `${pid}`)));
  if (pid === undefined || !claim || claim.started !== startedAt(pid)) return NODE_TENANT;
  return tenantOfClaim(claim);
}

function tenantOfClaim({ namespace, id, bundle }: Claim): Tenant {
  const annotations = annotationsOf(bundle);
  const [of, name] = [
    annotations['io.kubernetes.cri.sandbox-namespace'],
    annotations['io.kubernetes.cri.sandbox-name'],
  ];
  // Without Kubernetes, as under `ctr run`, each container is a tenant of its own in containerd's namespace.
  return of !== undefined && name !== undefined
    ? { namespace: of, pod: name }
    : { namespace: `${namespace}/${id}`, pod: id };
}
