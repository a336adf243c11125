import { join } from 'node:path';
import type { Tenant } from './fair-queue.ts';
import { annotationsOf } from './oci-bundle.ts';
import { type Claim, parseClaim, type RunPaths } from './paths.ts';
import { parentOf, read, startedAt } from './process.ts';

/** The tenant of processes that serve no pod, such as hosts that wait for one. */
export const NODE_TENANT: Tenant = { namespace: '', pod: '' };

/**
 * Finds the pod that a host process serves. The answer comes from files that containerd and its shim have written, never from
 * the process itself.
 * @param pid the process, according to the kernel; undefined if it is not known
 */
export function tenantOf(paths: RunPaths, pid: number | undefined): Tenant {
  const claim = pid === undefined ? undefined : (claimOf(paths, pid) ?? claimOf(paths, parentOf(pid)));
  return claim ? tenantOfClaim(claim) : NODE_TENANT;
}

/** Finds the claim on a process. A process that supervises a host is claimed in the host's place. */
function claimOf(paths: RunPaths, pid: number | undefined): Claim | undefined {
  if (pid === undefined) return undefined;
  const claim = parseClaim(read(join(paths.claim, `${pid}`)));
  return claim?.started === startedAt(pid) ? claim : undefined;
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
