import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface LicenceOptions {
  /** Root folder of Nearlight's sources. */
  root: string;
  /** Names of the npm packages in the node bundle. */
  packages: readonly string[];
  /** Folder with the WasmEdge and graphics libraries that the node bundle contains. */
  runtime: string;
  /** The node bundle's folder. The licence texts are copied to `licenses` in it. */
  folder: string;
}

/** Copies the licence texts, and returns a table of the node bundle's components and their licences as Markdown. */
export function licences({ root, packages, runtime, folder }: LicenceOptions): string {
  const texts = join(folder, 'licenses');
  mkdirSync(texts);
  const rows = [
    ['Nearlight', version(root), 'Apache-2.0', 'LICENSE', 'host/, native/, build/, shim'],
    ...['node', ...packages].map((name) => npmRow(join(root, 'node_modules', name), texts)),
    ...debianRows(runtime, texts),
  ];
  return `# What is in this bundle

| component | version | licence | text | files |
| --- | --- | --- | --- | --- |
${rows.map((row) => `| ${row.join(' | ')} |`).join('\n')}

Libraries under the LGPL (the C library among them) are separate files in runtime/, as Debian built them, and can be replaced by others;
their sources are in Debian's archive under the versions above.

Not in this bundle: the video encoder (node-av, with FFmpeg). Its FFmpeg has parts under the GPL (x264) and libfdk-aac, whose licence
does not allow distributing the two together. The installer takes it from the npm registry that the node uses.
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
  } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    name: string;
    version: string;
    license?: string;
  };
  const text = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
  const file = `${name.replaceAll(/[@/]/g, '_')}.txt`;
  if (text) copyFileSync(join(folder, text), join(texts, file));
  return [
    name,
    number,
    license ?? 'see its text',
    text ? `licenses/${file}` : '-',
    name === 'node' ? 'bin/node' : `node_modules/${name}`,
  ];
}

/**
 * Returns a table row for each Debian package with files in the node bundle, with the licences that its copyright file names.
 */
function debianRows(runtime: string, texts: string): string[][] {
  const owners = new Map(table(join(runtime, 'owners')).map(([file = '', owner = '']) => [file, owner]));
  const folders = { wasmedge: 'wasmedge/lib', graphics: 'graphics/lib' } as const;
  return table(join(runtime, 'packages')).flatMap(([part, name = '', number = '']) => {
    const folder = folders[part as keyof typeof folders];
    const files = readdirSync(join(runtime, folder)).filter((file) => owners.get(file) === name);
    if (files.length === 0) return [];
    const copyright = join(runtime, 'licenses', `${name}.txt`);
    const known = existsSync(copyright);
    if (known) copyFileSync(copyright, join(texts, `${name}.txt`));
    const text = known ? readFileSync(copyright, 'utf8') : '';
    const named = new Set(
      [...text.matchAll(/^License: *(\S.*)$/gm)].map(([, licence = '']) => licence.trim().replaceAll('|', '/')),
    );
    const list = named.size > 0 ? [...named].slice(0, 12).join(', ') : 'see its text';
    const places = files.map((file) => `runtime/${folder}/${file}`).join(' ');
    return [[name, number, list, known ? `licenses/${name}.txt` : '-', places]];
  });
}

/** Reads a text file whose columns are separated by tabs. Returns its rows. */
function table(path: string): string[][] {
  return readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split('\t'));
}
