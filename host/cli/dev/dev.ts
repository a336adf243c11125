import { join } from 'node:path';
import { createAssetPackFromFolder } from '../../../assets/folder.ts';
import type { Config } from '../../base/config.ts';
import { SOURCE_ENDING } from '../../base/self.ts';
import type { TrapFrame } from '../../engine/engine.ts';
import { describeFrames } from '../../engine/symbols.ts';
import { describeMisplacedAssets } from '../../play/misplaced.ts';
import type { GameSource } from '../../play/project.ts';
import { Assets, assetFolders, firstFolder, type Pack } from './assets.ts';
import { type BuildNotice, type Compilation, formatProblem, type Problem } from './build.ts';
import { bundlePage } from './bundle.ts';
import { Compiler } from './compiler.ts';
import { type PageFile, startServer } from './server.ts';
import { Watch } from './watch.ts';

export interface DevOptions {
  source: GameSource;
  /** HTTP port; 0 takes a free one. */
  port: number;
  config: Config;
  /** An asset pack that is used instead of the game's folder of assets. */
  assets?: Uint8Array;
  log(message: string): void;
}

/** A running development server, which serves the page of one game. */
export interface Dev {
  readonly url: string;
  close(): Promise<void>;
}

/** A compiled game and its assets, which the page fetches from the server. */
interface DevBuild {
  compilation: Compilation & { module: Uint8Array };
  pack: Pack;
}

/** Number of builds of the game that the server keeps. A page may still load an older one while a newer one is compiled. */
const BUILDS_KEPT = 4;
const FOLDER = import.meta.dirname;

/**
 * Serves a page that runs the game in the tab. Compiles the game's sources now, and again whenever a source or an asset is
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
  const builds = new Map<number, DevBuild>();
  let newest: BuildNotice | undefined;
  const server = await startServer({
    port: options.port,
    newest: () => newest,
    file: (path) => files.get(path) ?? buildFile(builds, path),
    post: (path, text) => (path === '/stopped' ? reportStop(builds, text, name, log) : undefined),
  });
  // The compiler's thread keeps the process alive, so it must not start if the port is in use.
  const compiler = new Compiler(source);
  let id = 0;
  const rebuild = async () => {
    const number = ++id;
    const [compilation, pack] = await Promise.all([compiler.compile(), assets.pack()]);
    if (number !== id) return;
    builds.delete(number - BUILDS_KEPT);
    const numbered = { run, id: number, name };
    if ('module' in compilation) {
      builds.set(number, { compilation, pack });
      const ms = Math.round(compilation.ms);
      newest = { kind: 'built', ...numbered, bytes: compilation.module.length, ms, pack: pack.id };
    } else newest = { kind: 'broken', ...numbered, problems: compilation.problems };
    server.broadcast(newest);
    log(describe(newest));
  };
  const onSourceChange = () => void rebuild().catch((error: unknown) => log(String(error)));
  const sourceWatch = new Watch({
    folder: join(source.root, topFolder(source.entry)),
    filter: (file) => file.endsWith('.ts'),
    onChange: onSourceChange,
  });
  const assetWatches = folders.map(
    (path) =>
      new Watch({
        folder: path,
        filter: () => true,
        onChange() {
          assets.invalidate();
          onSourceChange();
        },
      }),
  );
  if (!options.assets) for (const line of describeMisplacedAssets(source)) log(line);
  await rebuild();
  // The second compilation is also slow, because V8 has not optimised the compiler yet. Do it before the author saves.
  void compiler.compile().catch(() => {});
  return {
    url: server.url,
    async close() {
      for (const watch of [sourceWatch, ...assetWatches]) watch.close();
      await Promise.all([server.close(), compiler.close()]);
    },
  };
}

/** Returns the first folder of a path: `src` in an author's project, `renderer` in a checkout of this program. */
function topFolder(entry: string): string {
  const at = entry.indexOf('/');
  return at < 0 ? '' : entry.slice(0, at);
}

function describe(notice: BuildNotice): string {
  if (notice.kind === 'built') return `${notice.name}: compiled in ${notice.ms} ms, ${notice.bytes} bytes`;
  return `${notice.name}: does not compile\n${formatProblems(notice.problems)}`;
}

function formatProblems(problems: readonly Problem[]): string {
  return problems.map((problem) => `  ${formatProblem(problem).replaceAll('\n', '\n  ')}`).join('\n');
}

function buildFile(builds: Map<number, DevBuild>, path: string): PageFile | undefined {
  const [, kind, id] = /^\/(module|assets)\/(\d+)$/.exec(path) ?? [];
  const found =
    kind === 'module'
      ? builds.get(Number(id))?.compilation.module
      : [...builds.values()].find(({ pack }) => pack.id === Number(id))?.pack.bytes;
  return found && { type: kind === 'module' ? 'application/wasm' : 'application/octet-stream', body: found };
}

/** Logs why the game on a page has stopped. @returns the places of its trap in the sources; empty if it did not trap */
function reportStop(builds: Map<number, DevBuild>, text: string, name: string, log: DevOptions['log']): string {
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
  log(`${name}: ${headline}\n${formatProblems(problems)}${place}`);
  return place;
}

async function packFirst(folders: readonly string[]): Promise<Uint8Array> {
  const path = firstFolder(folders);
  return path === undefined ? new Uint8Array() : createAssetPackFromFolder(path);
}

function buildPage(): Promise<Map<string, PageFile>> {
  return bundlePage({
    folder: FOLDER,
    entryPoints: {
      dev: join(FOLDER, `page.${SOURCE_ENDING}`),
      worker: join(FOLDER, `worker.${SOURCE_ENDING}`),
      worklet: join(FOLDER, `worklet.${SOURCE_ENDING}`),
      style: join(FOLDER, 'style.css'),
    },
  });
}
