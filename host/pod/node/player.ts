// In the bundle, in place of host/player/build.ts: the page was built with it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export type PlayerFile = { type: string; body: Buffer };

export async function buildPlayer(): Promise<Map<string, PlayerFile>> {
  const folder = join(import.meta.dirname, 'player');
  const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as Record<
    string,
    { type: string; file: string }
  >;
  return new Map(
    Object.entries(index).map(([path, { type, file }]) => [path, { type, body: readFileSync(join(folder, file)) }]),
  );
}
