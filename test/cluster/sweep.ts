import { existsSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { run } from './cluster.ts';
import { removeCgroups } from './node.ts';

/** Folders of clusters. The path of a socket has at most 107 bytes, so they have short names. */
export const FOLDER = '/tmp/nlc-';
const OWNER = 'owner';

/** Writes down whose a cluster is: the process id of its command, and the name of its network devices. */
export function sign(folder: string, name: string): void {
  writeFileSync(join(folder, OWNER), `${process.pid} ${name}`);
}

/** Removes what commands have left behind that were killed. Their processes have ended with them. */
export async function sweep(): Promise<void> {
  for (const folder of globSync(`${FOLDER}*`)) {
    const path = join(folder, OWNER);
    if (!existsSync(path)) continue;
    const [pid, name] = readFileSync(path, 'utf8').split(' ');
    if (existsSync(`/proc/${pid}`)) continue;
    await run('ip', ['link', 'delete', `${name}br`]).catch(() => {});
    for (const index of globSync('[0-9]', { cwd: folder })) removeCgroups(`${basename(folder)}-${index}`);
    rmSync(folder, { recursive: true, force: true });
  }
}
