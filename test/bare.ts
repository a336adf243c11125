import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');

/**
 * Installs a minimal Debian system into a new folder with debootstrap, from the mirror that this machine's apt uses. Needs
 * root.
 */
export function makeBareSystem(release: 'bookworm' | 'trixie', folder: string): void {
  const [mirror = ''] = execFileSync('sh', ['-c', '. host/cli/archive.sh; mirror /etc/apt'], {
    cwd: ROOT,
    encoding: 'utf8',
  }).split('\n');
  execFileSync('debootstrap', ['--variant=minbase', release, folder, mirror], { stdio: 'pipe' });
}
