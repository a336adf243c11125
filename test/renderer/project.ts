import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** Installs the SDK of this checkout in a project, as a link. */
export function installSdk(folder: string): void {
  mkdirSync(join(folder, 'node_modules/@nearlight'), { recursive: true });
  symlinkSync(join(root, 'renderer'), join(folder, 'node_modules/@nearlight/sdk'));
}
