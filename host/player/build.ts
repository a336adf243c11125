import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { must } from '../base/assert.ts';
import { SOURCE_ENDING } from '../base/self.ts';

/** One file of the page, with its content type. */
export type PlayerFile = { type: string; body: Buffer };

const FOLDER = import.meta.dirname;

/** A package holds the page as it was bundled when the package was made: a file for each path, and an index of them. */
const BUILT = 'built';
const INDEX = 'index.json';

interface IndexEntry {
  type: string;
  file: string;
}

/**
 * Gives the player's page: as the package holds it, or bundled in memory. It is complete: the page loads nothing from
 * elsewhere and has no inline script or style, so it works under the policy `default-src 'self'`.
 * @returns the files by path
 */
export async function buildPlayer(): Promise<Map<string, PlayerFile>> {
  const folder = join(FOLDER, BUILT);
  if (!existsSync(join(folder, INDEX))) return bundlePlayer();
  const index = JSON.parse(readFileSync(join(folder, INDEX), 'utf8')) as Record<string, IndexEntry>;
  const files = Object.entries(index).map(
    ([path, { type, file }]) => [path, { type, body: readFileSync(join(folder, file)) }] as const,
  );
  return new Map(files);
}

/** Writes the bundled page into `folder`, the host/player of a package. */
export async function writePlayer(folder: string): Promise<void> {
  const index: Record<string, IndexEntry> = {};
  mkdirSync(join(folder, BUILT), { recursive: true });
  for (const [path, { type, body }] of await bundlePlayer()) {
    const file = path === '/' ? 'index.html' : path.slice(1);
    writeFileSync(join(folder, BUILT, file), body);
    index[path] = { type, file };
  }
  writeFileSync(join(folder, BUILT, INDEX), JSON.stringify(index));
}

async function bundlePlayer(): Promise<Map<string, PlayerFile>> {
  const { build, stop } = await import('esbuild');
  const { outputFiles } = await build({
    entryPoints: { player: join(FOLDER, `page.${SOURCE_ENDING}`), style: join(FOLDER, 'style.css') },
    outdir: FOLDER,
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    charset: 'utf8',
    logLevel: 'silent',
  });
  // esbuild's helper process would otherwise run as long as this one.
  await stop();
  const [html, icon] = await Promise.all([readFile(join(FOLDER, 'index.html')), readFile(join(FOLDER, 'favicon.svg'))]);
  const output = (name: string) =>
    Buffer.from(
      must(
        outputFiles.find((file) => file.path.endsWith(name)),
        `bundled file ${name}`,
      ).contents,
    );
  return new Map([
    ['/', { type: 'text/html; charset=utf-8', body: html }],
    ['/player.js', { type: 'text/javascript; charset=utf-8', body: output('player.js') }],
    ['/style.css', { type: 'text/css; charset=utf-8', body: output('style.css') }],
    ['/favicon.svg', { type: 'image/svg+xml', body: icon }],
  ]);
}
