/**
 * The layers that confine a process with foreign code: a guest, which runs a module, and a compiler. Each process reports the
 * layers that hold as a bit mask, in which the n-th layer of this list is bit n.
 */
export const LAYERS = [
  'userOrUid',
  'namespaces',
  'emptyRoot',
  'noCapabilities',
  'noNewPrivileges',
  'seccomp',
  'limits',
] as const;

export type Layer = (typeof LAYERS)[number];

/** The layers that every system with a modern kernel gives, even to an ordinary user who may not make namespaces. */
export const BASIC_LAYERS: readonly Layer[] = ['seccomp', 'noNewPrivileges', 'limits'];

interface Description {
  /** The layer's effect on a process with foreign code. */
  text: string;
  /** Advice for a system that does not give the layer. */
  advice: string;
}

const USER_NAMESPACES =
  'run as root, or allow user namespaces: set user.max_user_namespaces above 0 and kernel.apparmor_restrict_unprivileged_userns to 0 with sysctl(8), and run outside of a chroot';

export const LAYER_DESCRIPTIONS: Readonly<Record<Layer, Description>> = {
  userOrUid: { text: 'a user namespace or a user id of its own', advice: USER_NAMESPACES },
  namespaces: { text: 'mount, pid, network, ipc and uts namespaces of its own', advice: USER_NAMESPACES },
  emptyRoot: { text: 'an empty file system', advice: USER_NAMESPACES },
  noCapabilities: { text: 'no capabilities, not even in the bounding set', advice: USER_NAMESPACES },
  noNewPrivileges: { text: 'no_new_privs', advice: 'use Linux 3.5 or newer' },
  seccomp: {
    text: 'a list of allowed system calls',
    advice: 'use a kernel with CONFIG_SECCOMP_FILTER, and a container runtime that allows seccomp(2)',
  },
  limits: { text: 'resource limits', advice: 'allow setrlimit(2)' },
};

/** Bit mask of some layers. */
export function maskOf(layers: readonly Layer[]): number {
  return layers.reduce((mask, layer) => mask | (1 << LAYERS.indexOf(layer)), 0);
}

/** The layers in a bit mask. Bits without a layer are ignored. */
export function layersIn(mask: number): Layer[] {
  return LAYERS.filter((_, bit) => (mask >> bit) & 1);
}

/** Reads a comma-separated list of layers, or the word none; undefined if it names anything else. */
export function readLayers(text: string): Layer[] | undefined {
  if (text === 'none') return [];
  const names = text.split(',').map((name) => name.trim());
  return names.every((name) => (LAYERS as readonly string[]).includes(name)) ? (names as Layer[]) : undefined;
}
