import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeBundle } from '../../host/pod/node/bundle.ts';
import { installForOwner, packEncoder } from '../pod/node/installed.ts';
import { cacheFolder } from './binaries.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Name of the variable with a folder that keeps an installed node bundle for later runs. */
export const INSTALLED = 'NEARLIGHT_INSTALLED';

/**
 * Makes the node bundle of this checkout and installs it as an administrator does on a node, whose root folder is `folder`. The nodes
 * see its folder `opt`, and get what it has in `bin`.
 */
export async function install(folder: string, say: (line: string) => void): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const { folder: bundle } = await makeBundle(join(folder, 'bundle'), say);
  say('installing the node bundle ...');
  const options = ['--root', folder, '--prefix', '/opt/nearlight', '--shim-dir', '/bin', '--encoder', encoderFolder()];
  installForOwner(bundle, options);
  rmSync(join(folder, 'bundle'), { recursive: true });
}

/** Returns a folder with the archives of the video encoder, which npm packs once for each version. */
export function encoderFolder(): string {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string }>;
  };
  const folder = join(cacheFolder(), `encoder-${packages['node_modules/node-av']?.version}`);
  if (existsSync(folder)) return folder;
  const temporary = `${folder}.${process.pid}`;
  packEncoder(temporary);
  renameSync(temporary, folder);
  return folder;
}
