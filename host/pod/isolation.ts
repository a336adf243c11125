import { statSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { NearlightError } from '../base/errors.ts';
import type { LogLevel } from '../engine/engine.ts';
import { openCgroup, rootFolders } from './cgroup.ts';
import { type CgroupMounts, ownMounts } from './hierarchy.ts';
import { type Kernel, onNode } from './kernel.ts';
import type { OciBundle } from './oci-bundle.ts';
import { gpuDevices } from './root.ts';
import type { Supervisor } from './supervisor.ts';

/** Files of the pod that this process gets a copy of. */
const POD_FILES = ['/etc/resolv.conf', '/etc/hosts'];
const GROUPS_MAX = 16;
/**
 * The folder of Mesa's cache of compiled shaders, if it is a single file. It holds native code, which other hosts run. A host opens
 * it for reading only before a pod takes the host.
 */
export const SHADER_CACHE = '/mesa_shader_cache_sf/';

export interface EnterOptions {
  kernel: Kernel;
  supervisor: Pick<Supervisor, 'grant' | 'seal'>;
  /** The user that this process becomes, and its further groups (deviceGroups). */
  uid: number;
  groups: readonly number[];
  log(level: LogLevel, message: string): void;
}

/**
 * Moves this process into a pod: it gets the pod's network and name servers, becomes a user of its own without any capability, and
 * keeps only the system calls that it needs. From now on, the supervisor does for this pod's containers whatever takes privileges.
 * @throws NearlightError NL_POD if the network cannot be entered or the privileges cannot be dropped; NL_SECURITY_CONTEXT if
 *   the kernel refuses a parameter of the network
 */
export async function enterPod(
  bundle: OciBundle,
  { kernel, supervisor, uid, groups, log }: EnterOptions,
): Promise<void> {
  const { network, mounts, cgroupsPath, security, hostname } = bundle;
  for (const { destination, source } of mounts) {
    if (!POD_FILES.includes(destination)) continue;
    try {
      kernel.copyFromNode(source, destination);
    } catch (error) {
      log('warn', `the pod's ${destination} is not used: ${(error as Error).message}`);
    }
  }
  if (network === 'new') kernel.newNetwork();
  else if (network !== 'host') kernel.enterNetwork(network.path);
  for (const [name, value] of Object.entries(security.sysctls)) setParameter(name, value);
  // Ordinary containers of the pod join the uts namespace of this process.
  if (hostname !== '') setParameter('kernel.hostname', hostname);
  if (cgroupsPath !== '') await openCgroup(cgroupsPath, mountsOnNode()).create();
  grantRights(bundle, supervisor);
  supervisor.seal();
  kernel.leaveNode();
  const { skipped } = kernel.becomeUser(uid, groups);
  if (skipped.length > 0)
    throw new NearlightError('NL_POD', `these threads cannot drop their privileges: ${skipped.join(', ')}`);
  kernel.filterSystemCalls();
}

/** Where the node has mounted cgroups, as this process reaches them until it has entered its pod. */
function mountsOnNode(): CgroupMounts {
  const { controllers, unified } = ownMounts();
  return {
    controllers: new Map([...controllers].map(([name, folder]) => [name, onNode(folder)])),
    unified: unified === undefined ? undefined : onNode(unified),
  };
}

/** Grants this host what it needs to run further containers in its pod. */
function grantRights(bundle: OciBundle, supervisor: EnterOptions['supervisor']): void {
  const { kind, folder, cgroupsPath, podUid, oomScore } = bundle;
  supervisor.grant('bundles', dirname(folder));
  if (kind === 'sandbox') {
    supervisor.grant('sandbox', basename(folder));
  } else {
    supervisor.grant('container', basename(folder));
    // ctr chooses any folder for the FIFOs of a command that it runs in a container.
    supervisor.grant('fifos', '/');
  }
  if (oomScore !== undefined) supervisor.grant('oom', String(oomScore));
  if (podUid !== undefined) supervisor.grant('terminations', `/pods/${podUid}/containers/`);
  if (cgroupsPath === '') return;
  for (const root of rootFolders()) supervisor.grant('root', root);
  // The kubelet creates a cgroup for each pod, in which the cgroups of the pod's sandbox and containers are.
  for (const own of openCgroup(cgroupsPath).folders)
    supervisor.grant('cgroup', kind === 'sandbox' ? `${dirname(own)}/` : own);
}

/** The groups that may use the GPU's device files. Without them, a lost GPU could not be opened again. */
export function deviceGroups(): number[] {
  const groups = gpuDevices().map((path) => statSync(path, { throwIfNoEntry: false })?.gid ?? 0);
  return [...new Set(groups)].filter((group) => group !== 0).slice(0, GROUPS_MAX);
}

/** Sets a kernel parameter of this process's network, whose name begins with `net.`, or of another of its namespaces. */
function setParameter(name: string, value: string): void {
  try {
    writeFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, value);
  } catch (cause) {
    const why = (cause as Error).message;
    throw new NearlightError('NL_SECURITY_CONTEXT', `sysctls: ${name}=${value} cannot be set: ${why}`, { cause });
  }
}
