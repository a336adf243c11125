import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeBundle } from '../../../host/pod/node/bundle.ts';

const root = join(import.meta.dirname, '../../..');

/** An installed node bundle. */
export interface Installation {
  /** Folder of the program, which the shim gets as NEARLIGHT_HOME. */
  home: string;
  /** Path of containerd's shim, as the installer has written it. */
  shim: string;
}

/**
 * Makes the node bundle and installs it with its installer and its video encoder, as an administrator does on a node.
 * @param folder receives the bundle, the encoder's archives and the installation
 */
export async function installBundle(folder: string, say: (line: string) => void = () => {}): Promise<Installation> {
  // Trials of shaders are users of their own, which can read what is installed on a node.
  chmodSync(folder, 0o755);
  const { folder: bundle } = await makeBundle(join(folder, 'out'), say);
  const encoder = join(folder, 'encoder');
  packEncoder(encoder);
  const shimDir = join(folder, 'bin');
  const prefix = join(folder, 'nearlight');
  const options = ['--prefix', prefix, '--shim-dir', shimDir, '--encoder', encoder];
  installForOwner(bundle, options);
  return installedIn(folder);
}

/** Installs a node bundle as an administrator does whose files are for its owner alone: with this umask, and from a copy made with it. */
export function installForOwner(bundle: string, options: readonly string[]): void {
  const script = `umask 077; rm -rf "$0.own"; cp -r "$0" "$0.own" && "$0.own/install.sh" "$@"; status=$?; rm -rf "$0.own"; exit $status`;
  execFileSync('sh', ['-c', script, bundle, ...options], { stdio: 'pipe' });
}

/** The installation that `installBundle` has made in a folder. */
export function installedIn(folder: string): Installation {
  return { home: join(folder, 'nearlight/current'), shim: join(folder, 'bin/containerd-shim-wasmedge-v1') };
}

/** Puts the archives of the video encoder into a folder, under the names that `npm pack` gives them. */
export function packEncoder(folder: string): void {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  mkdirSync(folder, { recursive: true });
  for (const name of ['node-av', `@seydx/node-av-linux-${process.arch}`])
    execFileSync('npm', ['pack', '--silent', `${name}@${packages[`node_modules/${name}`].version}`], {
      cwd: folder,
      stdio: 'pipe',
    });
}
