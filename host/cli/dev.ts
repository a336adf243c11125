import { readArguments } from '../base/arguments.ts';
import { readConfig } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import { packModel } from '../play/playable.ts';
import { findGame, openProject, ownProject } from '../play/project.ts';
import { untilSignal } from './command.ts';
import { startDev } from './dev/dev.ts';

const HELP = `Plays a game in the browser tab itself, and again whenever a source file or an asset is saved.

Usage: npm run dev -- [NAME | path/to/index.ts] [options]

NAME is a game of the project; the default is its first. Its assets are the files in NAME.assets beside its main file, or
else in build/NAME.assets. "npm run build" makes build/NAME.assets a link to the first folder for the other commands.

If the game exports save and load, the page keeps its state. After a change the game continues from that state, and after
an error from the last saved state, which is at most 2 s old. Reload the page to start over.
If a call of the game has not returned after 3 s (an endless loop), the page says so, and the next save ends the call. The
tab itself never hangs.

Options:
  --model FILE   show a glTF 2.0 model (.glb or .gltf)
  --port N       HTTP port, 0 for a free one (default: PORT, or 8080)
  --help         this text
`;

/** Serves the page that plays a game, until a signal arrives. @throws NearlightError NL_USAGE, NL_MODEL, NL_PORT_IN_USE */
export async function run(args: string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const options = { model: { type: 'string' }, port: { type: 'string' }, help: { type: 'boolean' } } as const;
  const { values, positionals } = readArguments(args, options, '--help');
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (positionals.length > 1) throw new NearlightError('NL_USAGE', 'give only one game; --help lists the options');
  const { model } = values;
  if (model !== undefined && positionals.length > 0)
    throw new NearlightError('NL_USAGE', '--model cannot be combined with a game; leave one of them out');
  const project = model === undefined ? openProject() : ownProject();
  const what = model === undefined ? (positionals[0] ?? project.games[0]?.name ?? '') : 'model';
  const source = findGame(what, project);
  const config = readConfig({ ...environment, ...(values.port === undefined ? {} : { PORT: values.port }) });
  const log = (message: string) => void process.stdout.write(`${message}\n`);
  const assets = model === undefined ? undefined : await packModel(model, log);
  const dev = await startDev({ source, port: config.port, config, log, ...(assets && { assets }) });
  log(`Play at ${dev.url}, change ${source.entry}, and save. Press Ctrl+C to stop.`);
  await untilSignal();
  await dev.close();
  return 0;
}
