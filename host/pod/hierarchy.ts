import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TaskError } from './tasks.ts';

/** Controllers of version 1 that a container is limited or counted by. */
const CONTROLLERS = ['cpu', 'cpuacct', 'cpuset', 'memory', 'pids'] as const;
/** Bytes of a cgroupsPath, and of one name in it (NAME_MAX). */
export const PATH_BYTES_MAX = 1024;
export const NAME_BYTES_MAX = 255;

/** Where cgroups are mounted. */
export interface CgroupMounts {
  /** Folder of each controller of version 1 that is mounted; empty on a pure version 2. */
  controllers: Map<string, string>;
  /** Folder of version 2, where it is the one that controls. */
  unified: string | undefined;
}

/**
 * Finds the mounts in the text of /proc/self/mountinfo (proc(5)). Where version 1 controls anything (hybrid mode), version 2 is
 * left alone: it has no controllers then. Of several mounts of one thing the first counts; others are in folders of chroots.
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

let known: CgroupMounts | undefined;

/** The mounts as this process sees them; they stay as they are. */
export function ownMounts(): CgroupMounts {
  known ??= findMounts(readFileSync('/proc/self/mountinfo', 'utf8'));
  return known;
}

/**
 * The folder below a mount that an OCI cgroupsPath names: a path, or `slice:prefix:name` of the systemd driver.
 * @throws TaskError invalidArgument for a path that leaves the mount, is too long, or is no slice
 */
export function relativePath(cgroupsPath: string): string {
  const refuse = (why: string) => {
    throw new TaskError('invalidArgument', `cgroupsPath ${JSON.stringify(cgroupsPath.slice(0, 200))} ${why}`);
  };
  if (Buffer.byteLength(cgroupsPath) > PATH_BYTES_MAX) refuse(`is longer than ${PATH_BYTES_MAX} bytes`);
  if (cgroupsPath.includes('\0')) refuse('holds a zero byte');
  const parts = cgroupsPath.split(':');
  const isSystemd = parts.length === 3 && !cgroupsPath.startsWith('/');
  if (isSystemd && cgroupsPath.includes('/')) refuse('holds a / in the name of a unit');
  const path = isSystemd ? unitPath(parts as [string, string, string], refuse) : cgroupsPath;
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  if (names.length === 0) refuse('names no cgroup');
  if (names.includes('..')) refuse('leaves the place it names');
  if (names.some((name) => Buffer.byteLength(name) > NAME_BYTES_MAX))
    refuse(`has a name of over ${NAME_BYTES_MAX} bytes`);
  return names.join('/');
}

/** A slice's dashes are its parents, and `-.slice` is the root (systemd.slice(5)); scopes begin in system.slice. */
function unitPath([slice, prefix, name]: [string, string, string], refuse: (why: string) => void): string {
  if (name === '') refuse('names no unit');
  const unit = name.endsWith('.slice') ? name : `${prefix ? `${prefix}-` : ''}${name}.scope`;
  if (slice === '-.slice') return unit;
  const own = slice === '' ? 'system.slice' : slice;
  const parts = own.replace(/\.slice$/, '').split('-');
  if (!own.endsWith('.slice') || parts.includes('')) refuse(`has no slice in ${JSON.stringify(slice)}`);
  return join(...parts.map((_, at) => `${parts.slice(0, at + 1).join('-')}.slice`), unit);
}
