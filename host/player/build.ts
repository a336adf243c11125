import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, stop } from 'esbuild';
import { SOURCE_ENDING } from '../base/self.ts';

/** One file as the server sends it: its content type, and its bytes. */
export type PlayerFile = { type: string; body: Buffer };

const folder = import.meta.dirname;

/** The player's page as paths and files, all that it needs; nothing is written to disk. Meets `default-src 'self'`. */
export async function buildPlayer(): Promise<Map<string, PlayerFile>> {
  const { outputFiles } = await build({
    entryPoints: { player: join(folder, `page.${SOURCE_ENDING}`), style: join(folder, 'style.css') },
    outdir: folder,
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    charset: 'utf8',
    logLevel: 'silent',
  });
  // Its process would stay for as long as this one.
  await stop();
  const [html, icon] = await Promise.all([readFile(join(folder, 'index.html')), readFile(join(folder, 'favicon.svg'))]);
  const output = (name: string) => Buffer.from(outputFiles.find((file) => file.path.endsWith(name))!.contents);
  return new Map([
    ['/', { type: 'text/html; charset=utf-8', body: html }],
    ['/player.js', { type: 'text/javascript; charset=utf-8', body: output('player.js') }],
    ['/style.css', { type: 'text/css; charset=utf-8', body: output('style.css') }],
    ['/favicon.svg', { type: 'image/svg+xml', body: icon }],
  ]);
}
