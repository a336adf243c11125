import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { build, stop } from 'esbuild';
import type { PageFile } from './server.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};
const PLAYER = join(import.meta.dirname, '../../player');

export interface BundleOptions {
  /** Folder of index.html. */
  folder: string;
  /** Paths of the scripts and the style, by the names that the page loads them under. */
  entryPoints: Record<string, string>;
  minify?: boolean;
}

/** Bundles the scripts and the style of a command's page in memory. @returns the page's files by path */
export async function bundlePage({
  folder,
  entryPoints,
  minify = false,
}: BundleOptions): Promise<Map<string, PageFile>> {
  const { outputFiles } = await build({
    entryPoints,
    outdir: folder,
    bundle: true,
    minify,
    write: false,
    format: 'esm',
    target: 'es2022',
    charset: 'utf8',
    logLevel: 'silent',
  });
  // esbuild's helper process would otherwise run as long as this one.
  await stop();
  const files = new Map<string, PageFile>([
    ['/', { type: 'text/html; charset=utf-8', body: await readFile(join(folder, 'index.html')) }],
    ['/favicon.svg', { type: 'image/svg+xml', body: await readFile(join(PLAYER, 'favicon.svg')) }],
  ]);
  for (const { path, contents } of outputFiles)
    files.set(path.slice(folder.length), { type: TYPES[extname(path)] ?? 'application/octet-stream', body: contents });
  return files;
}
