import { readArguments } from '../base/arguments.ts';
import { readConfig } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import { packModel } from '../play/playable.ts';
import { findGame, openProject, ownProject } from '../play/project.ts';
import { untilSignal } from './command.ts';
import { startDev } from './dev/dev.ts';

const HELP = `Plays a game in the browser tab itself, and again whenever a source file or an asset is saved.

Usage: npm run dev -- [NAME | path/to/index.ts] [options]

NAME is a folder of renderer/ or a file of renderer/examples; without one, the arena.
Its assets are the files in NAME.assets beside its own file (renderer/NAME/NAME.assets, renderer/examples/NAME.assets), or
else in build/NAME.assets; "npm run build" links the first as the second, which is where everything else looks.

Where the game exports save and load, its state is kept: a change goes on from it, and after an error from the last state
that was saved, at most 2 s before. Load the page again to begin anew.
A call that does not come back (an endless loop) is told after 3 s; the next save ends it. Only the game stops, not the tab.

Options:
  --model FILE   show a glTF 2.0 model (.glb or .gltf)
  --port N       HTTP port, 0 for a free one (default: PORT, or 8080)
  --help         this text
`;

/** Serves the page until a signal arrives. @throws NearlightError NL_USAGE, NL_MODEL, NL_PORT_IN_USE */
export async function run(args: string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const options = { model: { type: 'string' }, port: { type: 'string' }, help: { type: 'boolean' } } as const;
  const { values, positionals } = readArguments(args, options, '--help');
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (positionals.length > 1) throw new NearlightError('NL_USAGE', 'one game at a time; --help lists the options');
  const { model } = values;
  if (model !== undefined && positionals.length > 0)
    throw new NearlightError('NL_USAGE', '--model shows a model by itself; leave the game out');
  const project = model === undefined ? openProject() : ownProject();
  const what = model === undefined ? (positionals[0] ?? project.games[0]?.name ?? '') : 'model';
  const source = findGame(what, project);
  const config = readConfig({ ...environment, ...(values.port === undefined ? {} : { PORT: values.port }) });
  const log = (message: string) => void process.stdout.write(`${message}\n`);
  const assets = model === undefined ? undefined : await packModel(model, log);
  const dev = await startDev({ source, port: config.port, config, log, ...(assets && { assets }) });
  log(`Play at ${dev.url}, change ${source.entry}, and save. Ctrl-C ends.`);
  await untilSignal();
  await dev.close();
  return 0;
}
