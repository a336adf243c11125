import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, stop } from 'esbuild';
import { packAssets } from '../../../assets/folder.ts';
import type { Config } from '../../base/config.ts';
import { SOURCE_ENDING } from '../../base/self.ts';
import type { TrapFrame } from '../../engine/engine.ts';
import { describeFrames } from '../../engine/symbols.ts';
import type { GameSource } from '../../play/project.ts';
import { Assets, assetFolders, firstFolder, type Pack } from './assets.ts';
import { type Compilation, inWords, type Notice, type Problem } from './build.ts';
import { Compiler } from './compiler.ts';
import { type PageFile, startServer } from './server.ts';
import { Watch } from './watch.ts';

export interface DevOptions {
  source: GameSource;
  /** 0 takes a free one. */
  port: number;
  config: Config;
  /** The game's asset pack, instead of what lies in its folders. */
  assets?: Uint8Array;
  log(message: string): void;
}

/** A running server of one game's page. */
export interface Dev {
  readonly url: string;
  close(): Promise<void>;
}

/** A compilation, and the assets that it is played with. */
interface Playable {
  compilation: Compilation & { module: Uint8Array };
  pack: Pack;
}

const KEPT = 4;
const folder = import.meta.dirname;

/**
 * Serves a page that runs the game in the tab, compiles its sources, and again whenever one of them or of its assets is
 * saved.
 * @throws NearlightError NL_PORT_IN_USE
 */
export async function startDev(options: DevOptions): Promise<Dev> {
  const { source, config, log } = options;
  const { name } = source;
  const run = Date.now();
  const files = await buildPage();
  files.set('/config', { type: 'application/json', body: Buffer.from(JSON.stringify(config)) });
  const folders = options.assets ? [] : assetFolders(source);
  const assets = new Assets(async () => options.assets ?? (await packFirst(folders)));
  const builds = new Map<number, Playable>();
  let newest: Notice | undefined;
  const server = await startServer({
    port: options.port,
    newest: () => newest,
    file: (path) => files.get(path) ?? buildFile(builds, path),
    ask: (path, text) => (path === '/stopped' ? stopped(builds, text, name, log) : undefined),
  });
  // After the server: its thread would hold a process that finds the port taken.
  const compiler = new Compiler(source);
  let id = 0;
  const rebuild = async () => {
    const number = ++id;
    const [compilation, pack] = await Promise.all([compiler.compile(), assets.pack()]);
    if (number !== id) return;
    builds.delete(number - KEPT);
    const numbered = { run, id: number, name };
    if ('module' in compilation) {
      builds.set(number, { compilation, pack });
      const ms = Math.round(compilation.ms);
      newest = { kind: 'built', ...numbered, bytes: compilation.module.length, ms, pack: pack.id };
    } else newest = { kind: 'broken', ...numbered, problems: compilation.problems };
    server.tell(newest);
    log(describe(newest));
  };
  const changed = () => void rebuild().catch((error: unknown) => log(String(error)));
  const ofSources = new Watch({
    folder: join(source.root, topFolder(source.entry)),
    wanted: (file) => file.endsWith('.ts'),
    changed,
  });
  const ofAssets = folders.map(
    (path) =>
      new Watch({
        folder: path,
        wanted: () => true,
        changed() {
          assets.changed();
          changed();
        },
      }),
  );
  await rebuild();
  // The second time is slow as well, until the compiler's own code is compiled: nobody waits for this one.
  void compiler.compile().catch(() => {});
  return {
    url: server.url,
    async close() {
      for (const watch of [ofSources, ...ofAssets]) watch.close();
      await Promise.all([server.close(), compiler.close()]);
    },
  };
}

/** The folder of the project that holds a file, and the sources beside it: `src`, or in a checkout of this program `renderer`. */
function topFolder(entry: string): string {
  const at = entry.indexOf('/');
  return at < 0 ? '' : entry.slice(0, at);
}

function describe(told: Notice): string {
  if (told.kind === 'built') return `${told.name}: compiled in ${told.ms} ms, ${told.bytes} bytes`;
  return `${told.name}: does not compile\n${listed(told.problems)}`;
}

function listed(problems: readonly Problem[]): string {
  return problems.map((problem) => `  ${inWords(problem).replaceAll('\n', '\n  ')}`).join('\n');
}

function buildFile(builds: Map<number, Playable>, path: string): PageFile | undefined {
  const [, kind, id] = /^\/(module|assets)\/(\d+)$/.exec(path) ?? [];
  const found =
    kind === 'module'
      ? builds.get(Number(id))?.compilation.module
      : [...builds.values()].find(({ pack }) => pack.id === Number(id))?.pack.bytes;
  return found && { type: kind === 'module' ? 'application/wasm' : 'application/octet-stream', body: found };
}

/** A page's game has stopped: tells the terminal as well, and answers with the places in the sources that it trapped in. */
function stopped(builds: Map<number, Playable>, text: string, name: string, log: DevOptions['log']): string {
  const { id, headline, problems, frames } = JSON.parse(text) as {
    id: number;
    headline: string;
    problems: Problem[];
    frames: TrapFrame[];
  };
  const { compilation } = builds.get(id) ?? {};
  const place =
    compilation && 'map' in compilation && frames.length > 0
      ? describeFrames(compilation.map, compilation.module, frames)
      : '';
  log(`${name}: ${headline}\n${listed(problems)}${place}`);
  return place;
}

async function packFirst(folders: readonly string[]): Promise<Uint8Array> {
  const path = firstFolder(folders);
  return path === undefined ? new Uint8Array() : packAssets(path);
}

/** The page as paths and files; nothing is written to disk. */
async function buildPage(): Promise<Map<string, PageFile>> {
  const { outputFiles } = await build({
    entryPoints: {
      dev: join(folder, `page.${SOURCE_ENDING}`),
      worker: join(folder, `worker.${SOURCE_ENDING}`),
      style: join(folder, 'style.css'),
    },
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
    ['/worker.js', { type: 'text/javascript; charset=utf-8', body: output('worker.js') }],
    ['/style.css', { type: 'text/css; charset=utf-8', body: output('style.css') }],
    ['/favicon.svg', { type: 'image/svg+xml', body: await readFile(join(folder, '../../player/favicon.svg')) }],
  ]);
}
