#!/usr/bin/env node
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readArguments } from '../base/arguments.ts';
import { readConfig, settings } from '../base/config.ts';
import { exitStatus, NearlightError } from '../base/errors.ts';
import { createLog } from '../base/log.ts';
import { buildNative } from '../engine/wasmedge/build.ts';
import type { Gpu } from '../gpu/dawn.ts';
import { roomName, startHost, version } from '../play/host.ts';
import { buildModules, modulePaths } from '../play/modules.ts';

const ARENA = join(import.meta.dirname, '../../build/arena.wasm');
const MODEL = join(import.meta.dirname, '../../build/model.wasm');

const HELP = `Nearlight: games rendered at the edge, from one Wasm module.

Usage: npm start -- [MODULE.wasm ...] [options]
       npm start -- doctor
       npm start -- render [MODULE|NAME|SESSION.nlr] [options]
       npm start -- inspect [MODULE|NAME|SESSION.nlr|FILE.nlc] [options]

Plays a game in the browser at http://127.0.0.1:8080/; without a module, the arena.
Several modules get a room each: the first at /, others at /?game=NAME.
The page takes ?size=1280x720&fps=60.

Commands:
  doctor           say what this machine has and what is missing
  render           make pictures or a clip of a game or a session; render --help
  inspect          put what a game sends to the GPU into words; inspect --help

Options:
  --assets DIR     folder of assets (default: NAME.assets beside the module)
  --model FILE     show a glTF 2.0 model (.glb or .gltf) instead
  --port N         same as PORT
  --host ADDRESS   same as HOST
  --engine NAME    same as ENGINE
  --record FILE    record the session into FILE.nlr, to replay it with render and inspect
  --help           this text
  --version        the version

Environment:
${Object.values(settings)
  .map(
    ({ env, about, ...setting }) => `  ${env.padEnd(22)} ${about} (${setting.default === '' ? '-' : setting.default})`,
  )
  .join('\n')}
`;

async function main(args: string[]): Promise<number> {
  if (args[0] === 'render') return (await import('./render.ts')).render(args.slice(1), process.env);
  if (args[0] === 'inspect') return (await import('./inspect.ts')).inspect(args.slice(1), process.env);
  const { values, positionals } = parse(args);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (values.version) {
    process.stdout.write(`nearlight ${version}\n`);
    return 0;
  }
  const environment = { ...process.env };
  for (const name of ['port', 'host', 'engine'] as const)
    if (values[name] !== undefined) environment[settings[name].env] = values[name];
  const config = readConfig(environment);
  if (positionals[0] === 'doctor') return (await import('./doctor.ts')).doctor(config);
  const log = createLog(config.logLevel);
  const usual = values.model === undefined ? ARENA : MODEL;
  const modules = positionals.length > 0 ? positionals : [usual];
  await check(modules, values);
  const announce = (line: string) => log('info', line);
  const [pack] = await Promise.all([
    values.model === undefined ? undefined : packModel(values.model, announce),
    buildNative(announce),
    buildOwn(modules, announce),
  ]);
  const host = await startHost({
    modules,
    config,
    log,
    ...(values.assets === undefined ? {} : { assets: values.assets }),
    ...(pack ? { pack } : {}),
    ...(values.record === undefined ? {} : { record: values.record }),
  });
  const { gpu, engine, server } = host;
  // Before the line that a supervisor waits for.
  const ended = signal();
  process.stdout.write(
    `Nearlight ${version}: ${modules.map(roomName).join(', ')} on ${engine.name} and ${adapterName(gpu)}\n`,
  );
  process.stdout.write(`Play at ${server.url}   (Ctrl+C ends)\n`);
  await ended;
  await host.close();
  return 0;
}

/** The packer's libraries are loaded where there is something to pack. */
async function packModel(path: string, announce: (line: string) => void): Promise<Uint8Array> {
  const { modelAssets } = await import('../../assets/model.ts');
  return modelAssets(path, announce);
}

/** @throws NearlightError NL_USAGE for what a command line asks for and cannot have */
async function check(
  modules: string[],
  { assets, model, record }: { assets?: string | undefined; model?: string | undefined; record?: string | undefined },
): Promise<void> {
  const names = modules.map(roomName);
  for (const path of modules) {
    if (path.endsWith('.wasm') || (await stat(path).catch(() => undefined))) continue;
    const built = [...modulePaths()].find(([, name]) => name === path);
    throw new NearlightError(
      'NL_USAGE',
      built
        ? `there is no file ${path}; to play that game, give build/${path}.wasm`
        : `there is no command and no file ${path}; give a .wasm file, or one of the commands doctor, render and inspect; --help says more`,
    );
  }
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined)
    throw new NearlightError('NL_USAGE', `two modules are named ${twice}, and a room has its module's; rename a file`);
  if (assets !== undefined && !(await stat(assets).catch(() => undefined))?.isDirectory())
    throw new NearlightError('NL_USAGE', `--assets ${assets} is no folder`);
  if (model !== undefined && (modules.length > 1 || modules[0] !== MODEL || assets !== undefined))
    throw new NearlightError('NL_USAGE', '--model shows a model by itself; leave modules and --assets out');
  if (record !== undefined && modules.length > 1)
    throw new NearlightError('NL_USAGE', '--record takes the session of one module; start the others by themselves');
}

/** Compiles those of the modules that are made of sources of this repository, where they changed. */
async function buildOwn(modules: string[], announce: (line: string) => void): Promise<void> {
  const own = modulePaths();
  await buildModules(
    modules.flatMap((path) => own.get(resolve(path)) ?? []),
    announce,
  );
}

function parse(args: string[]) {
  return readArguments(
    args,
    {
      assets: { type: 'string' },
      port: { type: 'string' },
      host: { type: 'string' },
      engine: { type: 'string' },
      record: { type: 'string' },
      model: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean', short: 'v' },
    },
    '--help',
  );
}

/** What a person calls the GPU. Of software its name is a version with dashes, of hardware the description is the driver's. */
function adapterName({ software, adapter: { device, description } }: Gpu): string {
  const name = device.replaceAll('-', ' ').trim();
  return (software ? description || name : name || description) || 'an unnamed GPU';
}

/** Resolves at the first SIGINT, SIGTERM or SIGHUP; a second one, whichever, ends the process at once. */
function signal(): Promise<void> {
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  return new Promise((resolve) => {
    const end = () => {
      for (const name of names) process.off(name, end);
      resolve();
    };
    for (const name of names) process.on(name, end);
  });
}

if (import.meta.main) {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${error instanceof NearlightError ? error.message : (error as Error).stack}\n`);
    process.exitCode = exitStatus(error);
  }
  // What libraries still hold (a WebRTC thread, a GPU poll) must not keep the process.
  process.exit();
}
