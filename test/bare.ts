import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '..');
/** An installed system is kept for other tests, and for the next run, for this long. */
const KEPT_MINUTES = 24 * 60;

/** Unpacks the system of the release $1 into the folder $2, and installs it first if the archive $3 does not have it. */
const SCRIPT = `set -e
exec 9>"$3.lock"
flock 9
if [ -z "$(find "$3" -mmin -${KEPT_MINUTES} 2>/dev/null)" ]; then
  mirror=$(. host/cli/archive.sh; mirror /etc/apt | head -n 1)
  rm -rf "$3.new"
  debootstrap --variant=minbase "$1" "$3.new" "$mirror"
  tar -C "$3.new" --one-file-system --numeric-owner -cf "$3.part" .
  rm -rf "$3.new"
  mv "$3.part" "$3"
fi
exec 9>&-
mkdir -p "$2"
tar -C "$2" --numeric-owner -xf "$3"
`;

/**
 * Makes a minimal Debian system in a new folder, as debootstrap installs it from the mirror that this machine's apt uses. Needs
 * root.
 */
export async function makeBareSystem(release: 'bookworm' | 'trixie', folder: string): Promise<void> {
  mkdirSync(join(ROOT, 'build'), { recursive: true });
  const kept = join(ROOT, `build/bare-${release}.tar`);
  await promisify(execFile)('sh', ['-c', SCRIPT, 'sh', release, folder, kept], { cwd: ROOT, maxBuffer: 2 ** 26 });
}
