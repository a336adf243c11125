import { NearlightError } from '../base/errors.ts';
import { IS_CHECKOUT } from '../base/self.ts';
import { buildNative } from '../engine/wasmedge/build.ts';
import { buildModules } from '../play/modules.ts';
import { listed, openProject } from '../play/project.ts';

const HELP = `Compiles the games and risk rules of the project whose sources have changed, into build/NAME.wasm.

Usage: npm run build [-- NAME ...]

NAME is a game that package.json lists under nearlight.games. Without that list, src/index.ts is the only game, and it has
the project's name. Rules are listed under nearlight.rules, and rules/NAME builds one. Without a NAME, all are built. build/NAME.assets becomes a link to the game's folder of assets.
`;

/** @throws NearlightError NL_SOURCE, NL_USAGE */
export async function run(args: string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(HELP);
    return 0;
  }
  const project = openProject();
  if (project.games.length + project.rules.length === 0)
    throw new NearlightError('NL_USAGE', `there is no game in ${project.root}; ${listed(project)}`);
  const [modules] = await Promise.all([
    buildModules(args.length > 0 ? args : undefined, (line) => void process.stdout.write(`${line}\n`), project),
    // In a checkout, the command also builds the host's native programs and addons.
    IS_CHECKOUT && args.length === 0 ? buildNative() : undefined,
  ]);
  for (const { name, bytes, ms } of modules) {
    const note = ms > 0 ? `compiled in ${(ms / 1000).toFixed(1)} s` : 'up to date';
    process.stdout.write(`build/${`${name}.wasm`.padEnd(20)} ${(bytes / 1000).toFixed(1).padStart(7)} kB   ${note}\n`);
  }
  return 0;
}
