import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { readArguments } from '../base/arguments.ts';
import { type Config, readConfig, settings } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import { checkFileLimit } from '../base/files.ts';
import { createLog } from '../base/log.ts';
import { VERSION } from '../base/version.ts';
import { admissionMode } from '../edge/admission/mode.ts';
import { buildNative } from '../engine/wasmedge/build.ts';
import type { Gpu } from '../gpu/dawn.ts';
import { startHost } from '../play/host.ts';
import { buildGames } from '../play/modules.ts';
import { packModel, playableName } from '../play/playable.ts';
import { listModules, modulePath, openProject, ownModulePath } from '../play/project.ts';
import { untilSignal } from './command.ts';

const MODEL = ownModulePath('model');

const HELP = `Plays games in the browser, streamed from this machine.

Usage: npm start -- [MODULE.wasm ...] [options]
       npm start -- COMMAND [arguments]

Serves a game at http://127.0.0.1:8080/. Without a module, this is the first game of the project, or the arena outside a
project. Each of several modules has its own room: the first is at /, the others are at /?game=NAME.
The page's address may set the picture, as in ?size=1280x720&fps=60.

Options:
  --assets DIR     folder of assets (default: NAME.assets beside the module)
  --model FILE     show a glTF 2.0 model (.glb or .gltf) instead
  --port N         same as PORT
  --host ADDRESS   same as HOST
  --engine NAME    same as ENGINE
  --record FILE    record the session into FILE.nlr, for render and inspect
  --help           this text
  --version        the version

"nearlight --help" lists the commands, and the settings with their defaults.
`;

/** Serves games to players until a signal arrives. @throws NearlightError NL_USAGE and as startHost */
export async function run(args: string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const { values, positionals } = parse(args);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (values.version) {
    process.stdout.write(`nearlight ${VERSION}\n`);
    return 0;
  }
  const own = Object.fromEntries(
    (['port', 'host', 'engine'] as const).flatMap((name) =>
      values[name] === undefined ? [] : [[settings[name].env, values[name]]],
    ),
  );
  const config = readConfig({ ...environment, ...own });
  admissionMode(config);
  checkFileLimit();
  const log = createLog(config.logLevel, config.logFormat);
  const modules = positionals.length > 0 ? positionals : [values.model === undefined ? usualModule() : MODEL];
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
  const { gpu, engine, servers } = host;
  // Listen for signals first. A supervisor may send one as soon as it has read the lines below.
  const ended = untilSignal();
  process.stdout.write(
    `Nearlight ${VERSION}: ${modules.map(playableName).join(', ')} on ${engine.name} and ${adapterName(gpu)}\n`,
  );
  process.stdout.write(`${admissionLine(config)}\n`);
  process.stdout.write(`Status and metrics at ${servers.operator.url}status and ${servers.operator.url}metrics\n`);
  process.stdout.write(`Play at ${servers.players.url}   (press Ctrl+C to stop)\n`);
  const signal = await ended;
  // A second signal ends the wait for players, and a third one the process.
  if (signal === 'SIGTERM' && config.drainSecondsMax > 0) await Promise.race([host.drain.begin(), untilSignal()]);
  await host.close();
  return 0;
}

/** Checks that the modules and options can be played together. @throws NearlightError NL_USAGE */
async function check(
  modules: string[],
  { assets, model, record }: { assets?: string | undefined; model?: string | undefined; record?: string | undefined },
): Promise<void> {
  const names = modules.map(playableName);
  for (const path of modules) {
    if (path.endsWith('.wasm') || (await stat(path).catch(() => undefined))) continue;
    const built = [...listModules().values()].find(({ name }) => name === path);
    throw new NearlightError(
      'NL_USAGE',
      built
        ? `there is no file ${path}; to play that game, give build/${path}.wasm`
        : `there is neither a command nor a file named ${path}; give a .wasm file or a command; --help lists both`,
    );
  }
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined)
    throw new NearlightError(
      'NL_USAGE',
      `two modules are named ${twice}, but each room needs a name of its own; rename a file`,
    );
  if (assets !== undefined && !(await stat(assets).catch(() => undefined))?.isDirectory())
    throw new NearlightError('NL_USAGE', `--assets ${assets}: there is no such folder`);
  if (model !== undefined && (modules.length > 1 || modules[0] !== MODEL || assets !== undefined))
    throw new NearlightError('NL_USAGE', '--model cannot be combined with modules or --assets; leave them out');
  if (record !== undefined && modules.length > 1)
    throw new NearlightError('NL_USAGE', '--record works with one module only; start the others with another command');
}

/** Compiles the modules whose sources belong to this project and have changed. */
async function buildOwn(modules: string[], announce: (line: string) => void): Promise<void> {
  const own = listModules();
  await buildGames(
    modules.flatMap((path) => own.get(resolve(path)) ?? []),
    announce,
  );
}

/** Path of the module of the first game of the current project, or of the arena outside a project. */
function usualModule(): string {
  const [first] = openProject().games;
  return first ? modulePath(first) : ownModulePath('arena');
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

/** Says who may join. */
function admissionLine(config: Config): string {
  const mode = admissionMode(config);
  if (mode === 'edge') return `The edge service at ${config.edgeSocket} says who may join (EDGE_SOCKET)`;
  if (mode === 'token') return `Players of ${config.oidcIssuer} may join (ADMISSION=token)`;
  return 'Anyone who reaches this address may join (ADMISSION=token changes that)';
}

/** Returns a readable name of the GPU: the device's for hardware, the driver's for software rendering. */
function adapterName({ software, adapter: { device, description } }: Gpu): string {
  const name = device.replaceAll('-', ' ').trim();
  return (software ? description || name : name || description) || 'an unnamed GPU';
}
