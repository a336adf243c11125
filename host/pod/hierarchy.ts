import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TaskError } from './tasks.ts';

/** The controllers of cgroup version 1 that limit or count what a container uses. */
const CONTROLLERS = ['cpu', 'cpuacct', 'cpuset', 'memory', 'pids'] as const;
/** Most bytes of a cgroupsPath, and of one name in it (NAME_MAX of Linux). */
export const PATH_BYTES_MAX = 1024;
export const NAME_BYTES_MAX = 255;

/** Where cgroups are mounted. */
export interface CgroupMounts {
  /** Where each controller of cgroup version 1 is mounted; empty on a node that has only version 2. */
  controllers: Map<string, string>;
  /** Where cgroup version 2 is mounted; undefined if version 1 has the controllers. */
  unified: string | undefined;
}

/**
 * Finds where cgroups are mounted, from the text of /proc/self/mountinfo (proc(5)). If version 1 has any controller, version 2
 * is ignored: in this hybrid mode it has none. The first mount of each controller counts; later ones may be inside a chroot's
 * folder.
 */
export function findMounts(mountinfo: string): CgroupMounts {
  const controllers = new Map<string, string>();
  let unified: string | undefined;
  for (const line of mountinfo.split('\n')) {
    const [before, after] = line.split(' - ');
    const path = before?.split(' ')[4];
    const [type, , options = ''] = after?.split(' ') ?? [];
    if (path === undefined) continue;
    if (type === 'cgroup2') unified ??= path;
    if (type === 'cgroup')
      for (const name of options.split(','))
        if ((CONTROLLERS as readonly string[]).includes(name) && !controllers.has(name)) controllers.set(name, path);
  }
  return { controllers, unified: controllers.size > 0 ? undefined : unified };
}

/**
 * Returns the files with which a process can be moved into the cgroups of another one, as far as they limit or count what
 * containers use. @param text that of the other's /proc/PID/cgroup (cgroups(7))
 */
export function processFiles(text: string, { controllers, unified }: CgroupMounts = ownMounts()): string[] {
  const folders = text.split('\n').flatMap((line) => {
    const [number, names = '', ...rest] = line.split(':');
    const path = rest.join(':');
    if (unified !== undefined) return number === '0' && names === '' ? [join(unified, path)] : [];
    return names.split(',').flatMap((name) => {
      const mount = controllers.get(name);
      return mount === undefined ? [] : [join(mount, path)];
    });
  });
  return [...new Set(folders)].map((folder) => join(folder, 'cgroup.procs')).filter((file) => existsSync(file));
}

let knownMounts: CgroupMounts | undefined;

/** Where cgroups are mounted for this process. Read once, because that does not change. */
export function ownMounts(): CgroupMounts {
  knownMounts ??= findMounts(readFileSync('/proc/self/mountinfo', 'utf8'));
  return knownMounts;
}

/**
 * Converts an OCI cgroupsPath to a folder below the mount of a controller. A cgroupsPath is either a path, or
 * `slice:prefix:name` from the systemd driver.
 * @throws TaskError invalidArgument for a path that leads out of the mount, is too long, or has an invalid slice
 */
export function relativePath(cgroupsPath: string): string {
  const refuse = (why: string) => {
    throw new TaskError('invalidArgument', `cgroupsPath ${JSON.stringify(cgroupsPath.slice(0, 200))} ${why}`);
  };
  if (Buffer.byteLength(cgroupsPath) > PATH_BYTES_MAX) refuse(`is longer than ${PATH_BYTES_MAX} bytes`);
  if (cgroupsPath.includes('\0')) refuse('contains a zero byte');
  const [slice = '', prefix = '', name, ...rest] = cgroupsPath.split(':');
  const isSystemd = name !== undefined && rest.length === 0 && !cgroupsPath.startsWith('/');
  if (isSystemd && cgroupsPath.includes('/')) refuse('contains a / in the name of a systemd unit');
  const path = isSystemd ? unitPath({ slice, prefix, name }, refuse) : cgroupsPath;
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  if (names.length === 0) refuse('names no cgroup');
  if (names.includes('..')) refuse('contains ..');
  if (names.some((name) => Buffer.byteLength(name) > NAME_BYTES_MAX))
    refuse(`contains a name longer than ${NAME_BYTES_MAX} bytes`);
  return names.join('/');
}

/**
 * Returns the cgroup folder of a systemd unit. Each dash in the name of a slice stands for a parent slice, and `-.slice` is the
 * root (systemd.slice(5)). A scope without a slice is in system.slice.
 */
function unitPath(
  { slice, prefix, name }: { slice: string; prefix: string; name: string },
  refuse: (why: string) => void,
): string {
  if (name === '') refuse('names no systemd unit');
  const unit = name.endsWith('.slice') ? name : `${prefix ? `${prefix}-` : ''}${name}.scope`;
  if (slice === '-.slice') return unit;
  const own = slice === '' ? 'system.slice' : slice;
  const parts = own.replace(/\.slice$/, '').split('-');
  if (!own.endsWith('.slice') || parts.includes(''))
    refuse(`has ${JSON.stringify(slice)} where the name of a slice belongs`);
  return join(...parts.map((_, at) => `${parts.slice(0, at + 1).join('-')}.slice`), unit);
}
