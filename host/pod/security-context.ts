import { NearlightError } from '../base/errors.ts';

/** The user and group ids of a process. */
export interface User {
  uid: number;
  gid: number;
}

/** The user of images that `nearlight image` makes (oci/image.ts), and of the manifests in oci/k3s. */
export const USUAL_USER: User = { uid: 65_532, gid: 65_532 };
/** The user of Kubernetes' pause image. A sandbox has it unless its pod names one, so it tells nothing about the pod's game. */
export const PAUSE_USER: User = { uid: 65_535, gid: 65_535 };

/** The part of a pod's securityContext for which a host has to do something. The rest holds for every game, or is refused. */
export interface SecurityContext {
  /** The user and group of the game's process; undefined for root, in whose place the node chooses a user without rights. */
  user: User | undefined;
  /** Kernel parameters of the pod's network, by name. */
  sysctls: Record<string, string>;
}

/** The fields of an OCI bundle's config.json that a securityContext determines (OCI runtime specification). */
export interface SecurityJson {
  process?: {
    user?: { uid?: number; gid?: number };
    capabilities?: Record<string, readonly string[] | null>;
    selinuxLabel?: string;
    apparmorProfile?: string;
  };
  linux?: {
    namespaces?: readonly { type: string; path?: string }[];
    seccomp?: SeccompJson | null;
    sysctl?: Record<string, string>;
  };
}

interface SeccompJson {
  defaultAction?: string;
  listenerPath?: string;
  syscalls?: readonly { names?: readonly string[]; action?: string; args?: readonly unknown[] | null }[];
}

/**
 * The capabilities that containerd gives to every container of a pod that does not drop them. Asking for them says nothing, and
 * a game gets none of them. Source: containerd, oci/spec.go, defaultUnixCaps.
 */
const DEFAULT_CAPABILITIES = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
];

/** The AppArmor profile that containerd gives to every container that asks for no other one. */
const DEFAULT_APPARMOR = 'cri-containerd.apparmor.d';

/**
 * The system calls that a game's process needs while it runs a module (filter.cc, Phase::run). The kernel ends it for any other
 * one.
 */
export const GAME_CALLS = [
  'brk',
  'clock_gettime',
  'exit_group',
  'futex',
  'getpid',
  'gettid',
  'madvise',
  'mmap',
  'mprotect',
  'mremap',
  'munmap',
  'recvmsg',
  'rt_sigaction',
  'rt_sigprocmask',
  'rt_sigreturn',
  'sendto',
  'tgkill',
];

/** Largest user or group id: the next one, 2^32 - 1, means "unchanged" in system calls. */
const ID_MAX = 2 ** 32 - 2;

/**
 * Reads the securityContext of a pod's sandbox or container. PODS.md in oci/k3s says what becomes of each field.
 * @throws NearlightError NL_SECURITY_CONTEXT that names every field which cannot be honoured, and says why and what to do
 */
export function readSecurityContext(
  config: SecurityJson,
  kind: 'sandbox' | 'container' | 'standalone',
): SecurityContext {
  const { process = {}, linux = {} } = config;
  const problems = [
    // The namespaces of a container in a pod are those of its sandbox, which was checked.
    ...(kind === 'container' ? [] : [sharedProblem(linux.namespaces), joinedProblem(linux.namespaces)]),
    namespacesOfUsers(linux.namespaces),
    kind === 'sandbox' ? undefined : capabilityProblem(process.capabilities),
    kind === 'sandbox' ? undefined : seccompProblem(linux.seccomp),
    labelProblem(process),
    ...Object.keys(linux.sysctl ?? {}).map((name) => sysctlProblem(name, linux.namespaces)),
    userProblem(process.user),
  ].filter((problem) => problem !== undefined);
  if (problems.length > 0) throw new NearlightError('NL_SECURITY_CONTEXT', problems.join('; '));
  const { uid = 0, gid = 0 } = process.user ?? {};
  return { user: uid === 0 ? undefined : { uid, gid: gid === 0 ? uid : gid }, sysctls: linux.sysctl ?? {} };
}

type Namespaces = NonNullable<SecurityJson['linux']>['namespaces'];

/**
 * A namespace that is missing from the list is the node's (OCI runtime specification, "Namespaces"). containerd leaves out those
 * that the pod shares with the node, and `ctr run` leaves out at most the network.
 */
function sharedProblem(namespaces: Namespaces = []): string | undefined {
  const shared = { pid: 'hostPID', ipc: 'hostIPC' };
  const found = Object.entries(shared).filter(([type]) => !namespaces.some((namespace) => namespace.type === type));
  if (found.length === 0) return undefined;
  const fields = found.map(([, field]) => field).join(' and ');
  return `${fields}: a game never sees the node's processes and their shared memory; set it to false`;
}

/** A path asks for a namespace that exists already, such as one of another process. A host enters no such one but a network. */
function joinedProblem(namespaces: Namespaces = []): string | undefined {
  const joined = namespaces.filter(({ type, path }) => path && type !== 'network');
  if (joined.length === 0) return undefined;
  const list = joined.map(({ type, path }) => `${type}:${path}`).join(', ');
  return `namespaces: ${list} cannot be entered, only that of a network can; leave the path out`;
}

function namespacesOfUsers(namespaces: Namespaces = []): string | undefined {
  if (!namespaces.some(({ type }) => type === 'user')) return undefined;
  return 'hostUsers: this RuntimeClass chooses the users of its processes itself; leave hostUsers out';
}

function capabilityProblem(
  capabilities: NonNullable<SecurityJson['process']>['capabilities'] = {},
): string | undefined {
  const asked = new Set(Object.values(capabilities).flatMap((names) => names ?? []));
  const added = [...asked].filter((name) => !DEFAULT_CAPABILITIES.includes(name));
  if (added.includes('CAP_SYS_ADMIN') && added.includes('CAP_SYS_MODULE'))
    return 'privileged: a game gets no capability and no device; set privileged to false';
  if (added.length === 0) return undefined;
  return `capabilities.add: a game gets no capability, and this pod asks for ${added.join(', ')}; leave them out`;
}

/**
 * A profile is honoured if it allows every call that a game needs: the game's own filter, which allows nothing else, is then
 * the stricter one.
 */
function seccompProblem(profile: SeccompJson | null | undefined): string | undefined {
  if (!profile) return undefined;
  if (profile.listenerPath) return 'seccompProfile: a profile with a listener is not supported; use RuntimeDefault';
  const missing = GAME_CALLS.filter((name) => !isAllowed(profile, name));
  if (missing.length === 0) return undefined;
  return `seccompProfile: the profile forbids ${missing.join(', ')}, which every game needs; use RuntimeDefault`;
}

function isAllowed({ defaultAction = '', syscalls = [] }: SeccompJson, name: string): boolean {
  const rules = syscalls.filter(({ names = [] }) => names.includes(name));
  const actions = rules.map(({ action = '' }) => action);
  // If no rule holds for all arguments, the default action may apply, too.
  if (!rules.some(({ args }) => (args ?? []).length === 0)) actions.push(defaultAction);
  return actions.every((action) => action === 'SCMP_ACT_ALLOW' || action === 'SCMP_ACT_LOG');
}

function labelProblem({ selinuxLabel, apparmorProfile }: NonNullable<SecurityJson['process']>): string | undefined {
  if (selinuxLabel)
    return `seLinuxOptions: the SELinux label ${selinuxLabel} cannot be set; disable SELinux in containerd's settings`;
  if (apparmorProfile && apparmorProfile !== DEFAULT_APPARMOR && apparmorProfile !== 'unconfined')
    return `appArmorProfile: the profile ${apparmorProfile} cannot be applied; use RuntimeDefault`;
  return undefined;
}

function sysctlProblem(name: string, namespaces: Namespaces = []): string | undefined {
  const hasNetwork = namespaces.some(({ type }) => type === 'network');
  if (/^net(\.[a-z0-9_-]+)+$/.test(name) && hasNetwork) return undefined;
  return `sysctls: ${name} cannot be set; only parameters of a pod's own network can, which begin with net.`;
}

function userProblem({ uid = 0, gid = 0 }: User | { uid?: number; gid?: number } = {}): string | undefined {
  const isId = (id: number) => Number.isInteger(id) && id >= 0 && id <= ID_MAX;
  return isId(uid) && isId(gid) ? undefined : `runAsUser: ${uid}:${gid} are not the ids of a user and a group`;
}
