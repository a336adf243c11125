import { writeFileSync } from 'node:fs';
import { NearlightError } from '../base/errors.ts';
import type { LogLevel } from '../engine/engine.ts';
import { openCgroup } from './cgroup.ts';
import type { Kernel } from './kernel.ts';
import type { OciBundle } from './oci-bundle.ts';

/** The capabilities that the host process of a pod keeps (capabilities(7)). */
const KEPT_CAPABILITIES = [
  23, // CAP_SYS_NICE: moves threads of processes with more privileges into cgroups.
  31, // CAP_SETFCAP: maps root into the user namespaces of later guests (user_namespaces(7)).
];
/** Files of the pod that are mounted over those of the node. */
const POD_FILES = ['/etc/resolv.conf', '/etc/hosts'];

/**
 * Moves this process into a pod: it gets the pod's network and name servers, and keeps only the privileges it still needs.
 * @throws NearlightError NL_POD if the network cannot be entered or the privileges cannot be dropped; NL_SECURITY_CONTEXT if
 *   the kernel refuses a parameter of the network
 */
export function enterPod(
  { network, mounts, cgroupsPath, security }: OciBundle,
  { kernel, log }: { kernel: Kernel; log(level: LogLevel, message: string): void },
): void {
  for (const { destination, source } of mounts) {
    if (!POD_FILES.includes(destination)) continue;
    try {
      kernel.bindMount(source, destination, false);
    } catch (error) {
      log('warn', `the pod's ${destination} is not used: ${(error as Error).message}`);
    }
  }
  if (network === 'new') kernel.newNetwork();
  else if (network !== 'host') kernel.enterNetwork(network.path);
  for (const [name, value] of Object.entries(security.sysctls)) setParameter(name, value);
  // The cgroup is created now, because that takes privileges that are dropped next.
  if (cgroupsPath !== '') openCgroup(cgroupsPath).create();
  const { skipped } = kernel.dropPrivileges(KEPT_CAPABILITIES);
  if (skipped.length > 0)
    log('debug', `threads that block signals keep their privileges and network: ${skipped.join(', ')}`);
}

/** Sets a kernel parameter of this process's network, whose name begins with `net.`. */
function setParameter(name: string, value: string): void {
  try {
    writeFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, value);
  } catch (cause) {
    const why = (cause as Error).message;
    throw new NearlightError('NL_SECURITY_CONTEXT', `sysctls: ${name}=${value} cannot be set: ${why}`, { cause });
  }
}
