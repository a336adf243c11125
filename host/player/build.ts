import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, stop } from 'esbuild';
import { must } from '../base/assert.ts';
import { SOURCE_ENDING } from '../base/self.ts';

/** One file of the page, with its content type. */
export type PlayerFile = { type: string; body: Buffer };

const FOLDER = import.meta.dirname;

/**
 * Bundles the player's page in memory. The result is complete: the page loads nothing from elsewhere and has no inline
 * script or style, so it works under the policy `default-src 'self'`.
 * @returns the files by path
 */
export async function buildPlayer(): Promise<Map<string, PlayerFile>> {
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
