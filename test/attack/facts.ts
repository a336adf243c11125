import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../../host/base/assert.ts';

/** Milliseconds of a clock tick of /proc/PID/stat (proc(5)). */
const TICK_MS = 10;

export const NAMESPACES = ['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup'] as const;
export type Namespace = (typeof NAMESPACES)[number];

/** The facts in /proc about how a process is confined. */
export interface Facts {
  pid: number;
  uid: number;
  gid: number;
  /** Effective, permitted and bounding capabilities, in hexadecimal. */
  effective: string;
  permitted: string;
  bounding: string;
  /** Mode of seccomp: 0 for none, 2 for a filter. */
  seccomp: number;
  noNewPrivs: boolean;
  /** The namespaces that are not those of this test, which has the node's own. */
  ownNamespaces: Namespace[];
  /** Names in the root folder of the process. */
  root: string[];
  /** Targets of the open descriptors by number. */
  descriptors: Map<number, string>;
}

/** Number of the device /dev/null: major 1, minor 3 (devices.txt). */
const NULL_DEVICE = 0x103;

/** Reads the facts about a process. @throws Error if it has ended */
export function readFacts(pid: number): Facts {
  const folder = `/proc/${pid}`;
  const status = readFileSync(join(folder, 'status'), 'utf8');
  const field = (name: string) => must(new RegExp(`^${name}:\\s+(\\S+)`, 'm').exec(status)?.[1], name);
  const descriptors = readdirSync(join(folder, 'fd')).map((fd) => {
    const path = join(folder, 'fd', fd);
    // In a root folder of its own, the device has another path.
    const isNull = statSync(path, { throwIfNoEntry: false })?.rdev === NULL_DEVICE;
    return [Number(fd), isNull ? '/dev/null' : readlinkSync(path)] as const;
  });
  return {
    pid,
    uid: Number(field('Uid')),
    gid: Number(field('Gid')),
    effective: field('CapEff'),
    permitted: field('CapPrm'),
    bounding: field('CapBnd'),
    seccomp: Number(field('Seccomp')),
    noNewPrivs: field('NoNewPrivs') === '1',
    ownNamespaces: NAMESPACES.filter(
      (name) => readlinkSync(join(folder, 'ns', name)) !== readlinkSync(`/proc/self/ns/${name}`),
    ),
    root: namesIn(join(folder, 'root')),
    descriptors: new Map(descriptors.sort(([a], [b]) => a - b)),
  };
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** Milliseconds of processor time that a process has used; 0 if it has ended. */
export function cpuMs(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return 0;
  }
}
