import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../command.ts';

/** The oldest Gatekeeper that the rules are for, and the current one. */
export const GATEKEEPER_VERSIONS = ['3.15.1', '3.23.1'] as const;

const MODULE = 'github.com/open-policy-agent/gatekeeper/v3';
const CACHE = process.env.CACHE_DIR || join(homedir(), '.cache/nearlight');

/** Returns the path of a gator of this version, and builds it from its Go module first if it is not there. */
export function gator(version: string, say: (line: string) => void): string {
  const folder = join(CACHE, 'gator');
  const path = join(folder, `gator-${version}`);
  if (existsSync(path)) return path;
  say(`building gator ${version}, which takes some minutes ...`);
  const work = mkdtempSync(join(tmpdir(), 'nl-gator-'));
  mkdirSync(folder, { recursive: true });
  const temporary = `${path}.${process.pid}`;
  // `go install MODULE@VERSION` refuses a module that replaces others, as the older one does, so gator is built as a dependency.
  const go = (...args: string[]) =>
    run('nice', ['-n', '19', 'go', ...args], { folder: work, env: { GOFLAGS: '-mod=mod' } });
  go('mod', 'init', 'gatekeeper');
  go('get', `${MODULE}/cmd/gator@v${version}`);
  go('build', '-o', temporary, `${MODULE}/cmd/gator`);
  renameSync(temporary, path);
  rmSync(work, { recursive: true });
  return path;
}
