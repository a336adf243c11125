import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { must } from '../base/assert.ts';
import { SOURCE_ENDING } from '../base/self.ts';

/** One file of the player's web page. */
export type PlayerFile = {
  /** Content type, with its charset. */
  type: string;
  body: Buffer;
  /** Whether pages of the sites in ALLOWED_ORIGINS may load the file. */
  isShared?: boolean;
};

const FOLDER = import.meta.dirname;

/** Folder of an npm package with the player's page, bundled when the package was made: a file for each path, and an index. */
const BUILT = 'built';
const INDEX = 'index.json';
const JAVASCRIPT = 'text/javascript; charset=utf-8';

interface IndexEntry {
  type: string;
  file: string;
  isShared?: boolean;
}

/**
 * Returns the player's page: as the npm package holds it, or else bundled in memory. The page loads nothing from elsewhere
 * and has no inline script or style, so it works under the content security policy `default-src 'self'`.
 * @returns the files by URL path
 */
export async function buildPlayer(): Promise<Map<string, PlayerFile>> {
  const folder = join(FOLDER, BUILT);
  if (!existsSync(join(folder, INDEX))) {
    // Calls at the same time share one result, because the first to end would stop the bundler for all.
    bundling ??= bundlePlayer().finally(() => {
      bundling = undefined;
    });
    return bundling;
  }
  const index = JSON.parse(readFileSync(join(folder, INDEX), 'utf8')) as Record<string, IndexEntry>;
  const files = Object.entries(index).map(
    ([path, { file, ...entry }]) => [path, { ...entry, body: readFileSync(join(folder, file)) }] as const,
  );
  return new Map(files);
}

/** Bundles the player's page and writes it into `folder`, which is host/player of an npm package. */
export async function writePlayer(folder: string): Promise<void> {
  const index: Record<string, IndexEntry> = {};
  mkdirSync(join(folder, BUILT), { recursive: true });
  for (const [path, { body, ...entry }] of await bundlePlayer()) {
    const file = path === '/' ? 'index.html' : path.slice(1);
    writeFileSync(join(folder, BUILT, file), body);
    index[path] = { ...entry, file };
  }
  writeFileSync(join(folder, BUILT, INDEX), JSON.stringify(index));
}

let bundling: Promise<Map<string, PlayerFile>> | undefined;

async function bundlePlayer(): Promise<Map<string, PlayerFile>> {
  const { build, stop } = await import('esbuild');
  const common = {
    outdir: FOLDER,
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    charset: 'utf8',
    logLevel: 'silent',
  } as const;
  const styles = await Promise.all(
    ['style', 'tools'].map((name) => build({ ...common, entryPoints: [join(FOLDER, `${name}.css`)] })),
  );
  const [style, toolsStyle] = styles.map(({ outputFiles: [file] }) => must(file, 'bundled style').text.trim());
  const page = await readFile(join(FOLDER, 'page.html'), 'utf8');
  const { outputFiles } = await build({
    ...common,
    splitting: true,
    chunkNames: '[name]-[hash]',
    entryPoints: {
      player: join(FOLDER, `element.${SOURCE_ENDING}`),
      site: join(FOLDER, `site.${SOURCE_ENDING}`),
      'site-style': join(FOLDER, 'site.css'),
    },
    define: {
      PAGE_HTML: JSON.stringify(withoutIndents(page)),
      PAGE_CSS: JSON.stringify(style),
      TOOLS_CSS: JSON.stringify(toolsStyle),
    },
  });
  // esbuild's helper process would otherwise run as long as this one.
  await stop();
  const [html, icon] = await Promise.all([readFile(join(FOLDER, 'site.html')), readFile(join(FOLDER, 'favicon.svg'))]);
  const output = (name: string) =>
    Buffer.from(
      must(
        outputFiles.find((file) => basename(file.path) === name),
        `bundled file ${name}`,
      ).contents,
    );
  // Parts that not every player needs at once are files of their own, which the element loads later.
  const own = ['player.js', 'site.js'];
  const parts = outputFiles
    .map(({ path }) => basename(path))
    .filter((name) => extname(name) === '.js' && !own.includes(name));
  return new Map([
    ['/', { type: 'text/html; charset=utf-8', body: html }],
    ['/player.js', { type: JAVASCRIPT, body: output('player.js'), isShared: true }],
    ...parts.map((name) => [`/${name}`, { type: JAVASCRIPT, body: output(name), isShared: true }] as const),
    ['/site.js', { type: JAVASCRIPT, body: output('site.js') }],
    ['/site.css', { type: 'text/css; charset=utf-8', body: output('site-style.css') }],
    ['/favicon.svg', { type: 'image/svg+xml', body: icon }],
  ]);
}

/** Returns the content of a file with one HTML template, without the template's tags and the white space between lines. */
function withoutIndents(html: string): string {
  return html.replace(/^\s*<template>\s*|\s*<\/template>\s*$/g, '').replace(/>\n\s*</g, '><');
}
