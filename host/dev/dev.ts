import { type FSWatcher, watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, stop } from 'esbuild';
import type { Config } from '../config.ts';
import type { TrapFrame } from '../engine/engine.ts';
import { packAssets } from '../engine/pack.ts';
import { describeFrames } from '../engine/symbols.ts';
import type { Built, Notice } from './build.ts';
import { Compiler } from './compiler.ts';
import { type PageFile, startServer } from './server.ts';
import type { Source } from './source.ts';

export interface DevOptions {
  source: Source;
  /** 0 takes a free one. */
  port: number;
  config: Config;
  /** The game's asset pack; without it, the folder NAME.assets in build/ or beside the game's own folder. */
  assets?: Uint8Array;
  log(message: string): void;
}

/** A running server of one game's page. */
export interface Dev {
  readonly url: string;
  close(): Promise<void>;
}

/** An editor may write a file in several steps. */
const SETTLE_MS = 15;
const KEPT = 4;
const folder = import.meta.dirname;

/**
 * Serves a page that runs the game in the tab, compiles its sources, and again whenever one is saved.
 * @throws NearlightError NL_PORT_IN_USE
 */
export async function startDev(options: DevOptions): Promise<Dev> {
  const { source, config, log } = options;
  const [files, assets] = await Promise.all([buildPage(), options.assets ?? findAssets(source)]);
  files.set('/assets', { type: 'application/octet-stream', body: assets });
  files.set('/config', { type: 'application/json', body: Buffer.from(JSON.stringify(config)) });
  const compiler = new Compiler(source);
  const builds = new Map<number, Built & { module: Uint8Array }>();
  let newest: Notice | undefined;
  const server = await startServer({
    port: options.port,
    newest: () => newest,
    file: (path) => files.get(path) ?? moduleFile(builds.get(Number(/^\/module\/(\d+)$/.exec(path)?.[1]))),
    ask: (path, text) => (path === '/trace' ? trace(builds, text) : undefined),
  });
  let id = 0;
  const rebuild = async () => {
    const number = ++id;
    const built = await compiler.compile();
    if (number !== id) return;
    if ('module' in built) builds.set(number, built);
    builds.delete(number - KEPT);
    newest = notice(source.name, number, built);
    server.tell(newest);
    log(describe(newest, built.ms));
  };
  const watcher = watchSources(
    join(source.folder, 'renderer'),
    () => void rebuild().catch((error) => log(String(error))),
  );
  await rebuild();
  // The second time is slow as well, until the compiler's own code is compiled: nobody waits for this one.
  void compiler.compile().catch(() => {});
  return {
    url: server.url,
    async close() {
      watcher.close();
      await Promise.all([server.close(), compiler.close()]);
    },
  };
}

function watchSources(path: string, changed: () => void): FSWatcher {
  let timer: NodeJS.Timeout | undefined;
  return watch(path, { recursive: true }, (_, name) => {
    if (!name?.endsWith('.ts')) return;
    clearTimeout(timer);
    timer = setTimeout(changed, SETTLE_MS);
  });
}

function notice(name: string, id: number, built: Built): Notice {
  if ('problems' in built) return { kind: 'broken', id, name, problems: built.problems };
  return { kind: 'built', id, name, bytes: built.module.length, ms: Math.round(built.ms) };
}

function describe(told: Notice, ms: number): string {
  if (told.kind === 'built') return `${told.name}: compiled in ${Math.round(ms)} ms, ${told.bytes} bytes`;
  const lines = told.problems.map(
    ({ message, file, line, column }) => `  ${file ? `${file}:${line}:${column}: ` : ''}${message}`,
  );
  return `${told.name}: does not compile\n${lines.join('\n')}`;
}

function moduleFile(built: { module: Uint8Array } | undefined): PageFile | undefined {
  return built && { type: 'application/wasm', body: built.module };
}

/** Answers a page whose game has trapped: JSON {id, frames} to a place in the sources. */
function trace(builds: Map<number, { module: Uint8Array } & Built>, text: string): string {
  const { id, frames } = JSON.parse(text) as { id: number; frames: TrapFrame[] };
  const built = builds.get(id);
  return built && 'map' in built ? describeFrames(built.map, built.module, frames) : '';
}

async function findAssets({ name, folder: base, entry }: Source): Promise<Uint8Array> {
  const beside = await packAssets(join(base, entry, '..', `${name}.assets`));
  return beside.length > 0 ? beside : packAssets(join(base, 'build', `${name}.assets`));
}

/** The page as paths and files; nothing is written to disk. */
async function buildPage(): Promise<Map<string, PageFile>> {
  const { outputFiles } = await build({
    entryPoints: { dev: join(folder, 'page.ts'), style: join(folder, 'style.css') },
    outdir: folder,
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    charset: 'utf8',
    logLevel: 'silent',
  });
  // Its process would stay for as long as this one.
  await stop();
  const output = (ending: string) => outputFiles.find(({ path }) => path.endsWith(ending))!.contents;
  return new Map([
    ['/', { type: 'text/html; charset=utf-8', body: await readFile(join(folder, 'index.html')) }],
    ['/dev.js', { type: 'text/javascript; charset=utf-8', body: output('dev.js') }],
    ['/style.css', { type: 'text/css; charset=utf-8', body: output('style.css') }],
    ['/favicon.svg', { type: 'image/svg+xml', body: await readFile(join(folder, '../player/favicon.svg')) }],
  ]);
}
