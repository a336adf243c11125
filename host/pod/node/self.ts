// In the bundle, in place of host/base/self.ts: the host's files lie one folder deep, and are JavaScript.
import { homedir } from 'node:os';
import { join } from 'node:path';

export const PACKAGE_ROOT: string = join(import.meta.dirname, '..');
export const SOURCE_ENDING = 'js';
export const IS_CHECKOUT = false;

export function cacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'nearlight');
}

export function buildFolder(): string {
  return cacheFolder();
}
