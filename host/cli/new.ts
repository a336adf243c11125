import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { readArguments } from '../base/arguments.ts';
import { NearlightError } from '../base/errors.ts';
import { IS_CHECKOUT, PACKAGE_ROOT } from '../base/self.ts';
import { VERSION } from '../base/version.ts';

const NAME_CHARS_MAX = 40;
/** Files that npm would leave out of a package or rename: their names in the template, and in a project. */
const RENAMED = { gitignore: '.gitignore', github: '.github' };
/** Packages that an editor needs for a project, in the versions that the template was tested with. */
const EDITOR = { '@types/node': '24', typescript: '5.9.3' };

const HELP = `Makes a project with a small game that runs at once.

Usage: npx nearlight new FOLDER

The command makes FOLDER. Its last part is the name of the game: lower-case letters, digits and dashes. Then, in it:

  npm install
  npm run dev
`;

/** Where npm installs the two packages of a new project from: versions or paths of tarballs, as in package.json. */
export interface Specifiers {
  nearlight: string;
  '@nearlight/sdk': string;
}

/** @throws NearlightError NL_USAGE */
export async function run(args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args, { help: { type: 'boolean', short: 'h' } }, 'new --help');
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const [folder, ...others] = positionals;
  if (folder === undefined || others.length > 0) throw usage('give one folder: npx nearlight new my-game');
  createProject(folder, await findSpecifiers(process.cwd()));
  process.stdout.write(`Made ${folder}. Now:

  cd ${folder}
  npm install
  npm run dev      play it in the browser's own tab; change src/index.ts, save, and see
  npm start        play it as players will, streamed
  npm test         run its tests
`);
  return 0;
}

/**
 * Writes the project of a new game into a folder that is new or empty.
 * @throws NearlightError NL_USAGE if the name is not valid or the folder has files
 */
export function createProject(folder: string, specifiers: Specifiers): void {
  const target = resolve(folder);
  const name = basename(target);
  if (!/^[a-z][a-z0-9-]*$/.test(name) || name.length > NAME_CHARS_MAX)
    throw usage(
      `${JSON.stringify(name)} cannot name a game: use a letter and then letters, digits and dashes, all lower-case, at most ${NAME_CHARS_MAX}, such as star-hunt`,
    );
  if (existsSync(target) && !(statSync(target).isDirectory() && readdirSync(target).length === 0))
    throw usage(`${folder} already exists; choose another name, or remove it`);
  // The folder is renamed when it is complete, so an interrupted run leaves no partial project under its name.
  const temporary = `${target}.${process.pid}`;
  try {
    cpSync(templateFolder(), temporary, { recursive: true });
    for (const [from, to] of Object.entries(RENAMED)) renameSync(join(temporary, from), join(temporary, to));
    for (const file of ['README.md', 'src/index.ts']) {
      const path = join(temporary, file);
      writeFileSync(path, readFileSync(path, 'utf8').replaceAll('NAME', name));
    }
    mkdirSync(join(temporary, 'assets'), { recursive: true });
    writeFileSync(join(temporary, 'package.json'), `${JSON.stringify(manifest(name, target, specifiers), null, 2)}\n`);
    if (existsSync(target)) rmSync(target, { recursive: true });
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw error;
  }
}

function manifest(name: string, target: string, specifiers: Specifiers): object {
  const local = (text: string) => (text.startsWith('file:/') ? `file:${relative(target, text.slice(5))}` : text);
  return {
    name,
    version: '0.1.0',
    private: true,
    type: 'module',
    scripts: {
      start: 'nearlight start',
      dev: 'nearlight dev',
      build: 'nearlight build',
      test: 'nearlight test',
      image: 'nearlight image',
    },
    dependencies: { '@nearlight/sdk': local(specifiers['@nearlight/sdk']), nearlight: local(specifiers.nearlight) },
    devDependencies: { ...EDITOR, assemblyscript: compilerVersion() },
  };
}

/** Folder of the project template, a part of the SDK's package. @throws NearlightError NL_USAGE if the SDK is not installed */
function templateFolder(): string {
  if (IS_CHECKOUT) return join(PACKAGE_ROOT, 'renderer/sdk/template');
  for (const from of [process.cwd(), PACKAGE_ROOT]) {
    try {
      const path = createRequire(join(from, 'package.json')).resolve('@nearlight/sdk/asconfig.json');
      return join(dirname(path), 'sdk/template');
    } catch {}
  }
  throw usage('@nearlight/sdk is not installed; install it beside nearlight: npm install @nearlight/sdk');
}

/** The version of AssemblyScript that this program compiles with, so that an editor reports the same errors. */
function compilerVersion(): string {
  const { dependencies } = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  return dependencies.assemblyscript ?? '*';
}

/**
 * Finds where a new project gets its packages from: in a checkout, from tarballs that are made now; else from where the
 * package.json of `folder`, or the nearest one above it, says; else from npm, in this program's version.
 */
async function findSpecifiers(folder: string): Promise<Specifiers> {
  if (IS_CHECKOUT) {
    const { makePackages } = await import('./package.ts');
    const { nearlight, sdk } = await makePackages((line) => void process.stderr.write(`${line}\n`));
    return { nearlight: `file:${nearlight}`, '@nearlight/sdk': `file:${sdk}` };
  }
  const found = findDependencies(folder);
  return {
    nearlight: found.nearlight ?? `^${VERSION}`,
    '@nearlight/sdk': found['@nearlight/sdk'] ?? `^${VERSION}`,
  };
}

/** Reads `nearlight` and `@nearlight/sdk` from the nearest package.json that depends on them; makes paths absolute. */
function findDependencies(folder: string): Partial<Specifiers> {
  for (let path = resolve(folder); ; path = dirname(path)) {
    const file = join(path, 'package.json');
    if (existsSync(file)) {
      const { dependencies, devDependencies } = JSON.parse(readFileSync(file, 'utf8')) as Record<
        string,
        Partial<Specifiers>
      >;
      const all: Partial<Specifiers> = { ...devDependencies, ...dependencies };
      const absolute = (text: string) => (text.startsWith('file:') ? `file:${resolve(path, text.slice(5))}` : text);
      if (all.nearlight !== undefined)
        return {
          nearlight: absolute(all.nearlight),
          ...(all['@nearlight/sdk'] === undefined ? {} : { '@nearlight/sdk': absolute(all['@nearlight/sdk']) }),
        };
    }
    if (path === dirname(path)) return {};
  }
}

function usage(detail: string): NearlightError {
  return new NearlightError('NL_USAGE', detail);
}
