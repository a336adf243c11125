import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { must } from '../base/assert.ts';
import { SOURCE_ENDING } from '../base/self.ts';

/** One file of the player's web page, with its content type. */
export type PlayerFile = { type: string; body: Buffer };

const FOLDER = import.meta.dirname;

/** Folder of an npm package with the player's page, bundled when the package was made: a file for each path, and an index. */
const BUILT = 'built';
const INDEX = 'index.json';

interface IndexEntry {
  type: string;
  file: string;
}

/**
 * Returns the player's page: as the npm package holds it, or else bundled in memory. The page loads nothing from elsewhere
 * and has no inline script or style, so it works under the content security policy `default-src 'self'`.
 * @returns the files by URL path
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

/** Bundles the player's page and writes it into `folder`, which is host/player of an npm package. */
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
