import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';

export interface LicenceOptions {
  /** Of the sources. */
  root: string;
  /** Names of npm packages in the bundle. */
  packages: readonly string[];
  /** Where each library came from, by its name. */
  libraries: ReadonlyMap<string, string>;
  /** The bundle; texts go to its folder `licenses`. */
  folder: string;
}

/** The table of what a bundle contains and under which terms, as Markdown; copies the texts. */
export function licences({ root, packages, libraries, folder }: LicenceOptions): string {
  const texts = join(folder, 'licenses');
  mkdirSync(texts);
  const rows = [
    ['Nearlight', version(root), 'Apache-2.0', 'LICENSE', 'host/, native/, build/, shim'],
    ...['node', ...packages].map((name) => npmRow(join(root, 'node_modules', name), texts)),
    ...debianRows(libraries, texts),
  ];
  return `# What is in this bundle

| component | version | licence | text | files |
| --- | --- | --- | --- | --- |
${rows.map((row) => `| ${row.join(' | ')} |`).join('\n')}

Libraries under the LGPL (the C library among them) are separate files in lib/, as Debian built them, and can be replaced by others;
their sources are in Debian's archive under the versions above.

Not in this bundle: the video encoder (node-av, with FFmpeg). Its FFmpeg has parts under the GPL (x264) and libfdk-aac, whose licence
does not allow the two to be passed on together. The installer takes it from the npm registry that the node is set up for.
`;
}

function version(folder: string): string {
  return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version;
}

function npmRow(folder: string, texts: string): string[] {
  const {
    name,
    version: number,
    license,
  } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, string>;
  const text = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
  const file = `${name!.replaceAll(/[@/]/g, '_')}.txt`;
  if (text) copyFileSync(join(folder, text), join(texts, file));
  return [
    name!,
    number!,
    license ?? 'see its text',
    text ? `licenses/${file}` : '-',
    name === 'node' ? 'lib/programs/node' : `node_modules/${name}`,
  ];
}

/** One row a package of Debian, with the licences that its copyright file names. */
function debianRows(libraries: ReadonlyMap<string, string>, texts: string): string[][] {
  const byPackage = Map.groupBy(libraries, ([, path]) => owner(path));
  return [...byPackage]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, files]) => {
      const [plain = name] = name.split(':');
      const copyright = `/usr/share/doc/${plain}/copyright`;
      const known = existsSync(copyright);
      if (known) copyFileSync(realpathSync(copyright), join(texts, `${plain}.txt`));
      const text = known ? readFileSync(copyright, 'utf8') : '';
      const named = new Set(
        [...text.matchAll(/^License: *(\S.*)$/gm)].map(([, licence]) => licence!.trim().replaceAll('|', '/')),
      );
      const number = execFileSync('dpkg-query', ['-W', '-f', '$' + '{Version}', name], { encoding: 'utf8' });
      const list = named.size > 0 ? [...named].slice(0, 12).join(', ') : 'see its text';
      return [
        plain,
        number,
        list,
        known ? `licenses/${plain}.txt` : '-',
        files.map(([file]) => `lib/${file}`).join(' '),
      ];
    });
}

/** The package that a file belongs to; libraries are looked up under both of Debian's names for their folder. */
function owner(path: string): string {
  const real = realpathSync(path);
  for (const name of [path, real, path.replace(/^\/lib/, '/usr/lib'), real.replace(/^\/usr\/lib/, '/lib')]) {
    try {
      const found = execFileSync('dpkg-query', ['-S', name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
      const line = found.split('\n').find((entry) => entry !== '' && !entry.startsWith('diversion'));
      if (line) return line.split(': ')[0]!.split(',')[0]!;
    } catch {
      // Under the next name.
    }
  }
  throw new Error(`${path} belongs to no package of Debian: its licence is not known`);
}
