import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** Makes a folder a project in which the SDK of this checkout is installed, as a link. */
export function installSdk(folder: string, { keepManifest = false } = {}): void {
  if (!keepManifest) writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'test', type: 'module' }));
  mkdirSync(join(folder, 'node_modules/@nearlight'), { recursive: true });
  symlinkSync(join(root, 'renderer'), join(folder, 'node_modules/@nearlight/sdk'));
}
