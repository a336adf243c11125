import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Flag of /proc/PID/net/unix for a socket that listens (SO_ACCEPTCON). */
const LISTENS = 0x10000;
/** Parts of paths by which containerd tells containers apart. */
const IDS = /[0-9a-f]{64}|(?<=\/io\/)\d+/g;

/** How many descriptors a process has open, by what they are. */
export type Descriptors = Readonly<Record<string, number>>;

/**
 * Counts the descriptors that a process has open, by what they are: the path of a file, `connection of PATH` at the server's end of a unix
 * socket, `connection` at other ends of sockets, or the kernel's name of other things.
 */
export function descriptorsOf(pid: number): Descriptors {
  const sockets = unixSockets(pid);
  const counts: Record<string, number> = {};
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    const name = nameOf(`/proc/${pid}/fd/${fd}`, sockets);
    if (name !== undefined) counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** Returns what more a process has open than before, with the number of each. */
export function moreDescriptors(now: Descriptors, before: Descriptors): Descriptors {
  const more = Object.entries(now).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(more.filter(([, count]) => count > 0));
}

function nameOf(link: string, sockets: ReadonlyMap<string, string>): string | undefined {
  try {
    const target = readlinkSync(link);
    const [, kind, inode = ''] = /^(socket|pipe):\[(\d+)\]$/.exec(target) ?? [];
    if (kind === 'socket') return sockets.get(inode) ?? 'connection';
    // Each container has its own names of the files for its output.
    return kind ?? target.replaceAll(IDS, '…');
  } catch {
    // It was closed meanwhile.
    return undefined;
  }
}

/** Describes the unix sockets with a path in a process's network namespace, by inode (proc(5), /proc/PID/net/unix). */
function unixSockets(pid: number): Map<string, string> {
  const lines = readFileSync(`/proc/${pid}/net/unix`, 'utf8').trim().split('\n').slice(1);
  return new Map(
    lines.flatMap((line) => {
      const [, , , flags = '0', , , inode = '', path] = line.trim().split(/\s+/);
      if (path === undefined) return [];
      return [[inode, `${Number.parseInt(flags, 16) & LISTENS ? 'server' : 'connection'} of ${path}`] as const];
    }),
  );
}
