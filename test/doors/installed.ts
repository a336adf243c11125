import { type ExecFileSyncOptions, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * Returns the folder of a package of npm or of Python that only these tests need. It is installed into a cache folder when it is
 * needed first, so that everyone else does without it.
 */
export function installed(kind: 'npm' | 'python', name: string, release: string): string {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  const folder = join(cache, 'nearlight/test', `${name.replaceAll('/', '-')}-${release}`);
  const mark = join(folder, kind === 'npm' ? `node_modules/${name}` : 'installed');
  if (existsSync(mark)) return kind === 'npm' ? mark : folder;
  mkdirSync(folder, { recursive: true });
  const options: ExecFileSyncOptions = { stdio: ['ignore', 'ignore', 'inherit'] };
  if (kind === 'npm') {
    const flags = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', folder];
    execFileSync('npm', ['install', ...flags, `${name}@${release}`], options);
    return mark;
  }
  execFileSync('/usr/bin/python3', ['-m', 'venv', folder], options);
  execFileSync(join(folder, 'bin/pip'), ['install', '--quiet', `${name}==${release}`], options);
  writeFileSync(mark, '');
  return folder;
}
