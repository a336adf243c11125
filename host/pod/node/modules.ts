// In the bundle, in place of host/play/modules.ts: it holds built games and no sources.
import { join } from 'node:path';

const out = join(import.meta.dirname, '../build');

export async function buildModules(): Promise<[]> {
  return [];
}

export function modulePaths(): Map<string, string> {
  return new Map();
}

export function modulePath(name: string): string {
  return join(out, `${name}.wasm`);
}
