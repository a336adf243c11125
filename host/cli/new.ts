import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NearlightError } from '../base/errors.ts';

const root = join(import.meta.dirname, '../..');
/** Folders of renderer/ that are something else. */
const TAKEN = ['sdk', 'scene', 'examples', 'renderer'];
const NAME_CHARS_MAX = 40;

const HELP = `Makes a game of your own, which runs at once.

Usage: npm run new -- NAME

NAME is a name of lower-case letters, digits and dashes; the game is renderer/NAME/index.ts.
`;

/**
 * Writes the beginning of a game; gives its file, a path from `folder`.
 * @throws NearlightError NL_USAGE for a name that cannot be one, or is taken
 */
export function createGame(name: string, folder = root): string {
  if (!/^[a-z][a-z0-9-]*$/.test(name) || name.length > NAME_CHARS_MAX)
    throw new NearlightError(
      'NL_USAGE',
      `${JSON.stringify(name)} is no name for a game: up to ${NAME_CHARS_MAX} lower-case letters, digits and dashes, a letter first, such as star-hunt`,
    );
  const taken = [`renderer/${name}`, `renderer/${name}.ts`, `renderer/examples/${name}.ts`];
  const found = taken.find((path) => existsSync(join(folder, path)));
  if (TAKEN.includes(name) || found)
    throw new NearlightError('NL_USAGE', `the name ${name} is taken (${found ?? `renderer/${name}`}); choose another`);
  const file = `renderer/${name}/index.ts`;
  const text = readFileSync(join(import.meta.dirname, 'template.txt'), 'utf8');
  mkdirSync(join(folder, 'renderer', name));
  writeFileSync(join(folder, file), text.replaceAll('NAME', name));
  return file;
}

/** @throws NearlightError NL_USAGE */
export async function run(args: string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(HELP);
    return 0;
  }
  if (args.length !== 1) throw new NearlightError('NL_USAGE', 'give one name: npm run new -- NAME');
  const [name] = args as [string];
  const file = createGame(name);
  process.stdout.write(`Made ${file}.

  npm run dev -- ${name}                 play it in this browser's tab; change it, save, and see
  npm run build -- ${name}
  npm start -- build/${name}.wasm        play it as players will, streamed
`);
  return 0;
}
