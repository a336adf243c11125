import { readdirSync, readFileSync } from 'node:fs';
import { NearlightError } from './errors.ts';
import { asResourceError } from './system-error.ts';

/** The fewest files that a host must be able to open: it has some 30 open, and needs one for each player. */
const FILES_MIN = 64;
/** Files that no player gets: for a game that is loaded again, and for libraries that end the process if they cannot open one. */
const FILES_RESERVED = 12;

let limit: number | undefined;

/** Returns how many files this process may have open. Infinity if the system does not say. */
export function fileLimit(): number {
  if (limit !== undefined) return limit;
  try {
    const [, soft] = /^Max open files +(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    limit = Number(soft) || Number.POSITIVE_INFINITY;
  } catch {
    limit = Number.POSITIVE_INFINITY;
  }
  return limit;
}

/** @throws NearlightError NL_HOST_FILES if this process may open fewer files than a host needs */
export function checkFileLimit(): void {
  if (fileLimit() >= FILES_MIN) return;
  throw new NearlightError('NL_HOST_FILES', `ulimit -n is ${fileLimit()}; raise it to at least ${FILES_MIN}`);
}

/** Checks that another player may take a file. @throws NearlightError NL_HOST_FILES */
export function reserveFile(): void {
  const most = fileLimit() - FILES_RESERVED;
  // Counting takes longer on a machine whose limit is so high that it cannot matter.
  if (most > 2 ** 16) return;
  let open: number;
  try {
    open = readdirSync('/proc/self/fd').length;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw asResourceError(error);
  }
  if (open >= most)
    throw new NearlightError('NL_HOST_FILES', 'it has as many players as it has files for; try again later');
}
