/** Writes SDK.md from the SDK's doc comments: `node renderer/sdk/reference.ts`; with `--check` it only compares. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Declared, Sources, type Target } from './syntax.ts';

/** The entry files of the SDK, by the names under which games import them. */
const ENTRIES = { '@nearlight/sdk': 'index.ts', '@nearlight/sdk/scene': 'scene/index.ts' } as const;

/** The chapters of SDK.md and the source files that each is about. Every public symbol is in a file of one chapter. */
const CHAPTERS: readonly (readonly [title: string, files: readonly string[]])[] = [
  [
    'The game',
    ['game', 'input', 'pad', 'text', 'bus', 'message', 'state', 'random', 'assets', 'log', 'nearlight'].map(sdk),
  ],
  ['Sound', ['audio/mixer', 'audio/sound', 'audio/synth'].map(sdk)],
  ['The GPU', ['gpu/device', 'gpu/queue', 'gpu/reply', 'gpu/object'].map(sdk)],
  ['Resources', ['gpu/buffer', 'gpu/texture', 'gpu/binding', 'gpu/query'].map(sdk)],
  ['Pipelines', ['gpu/pipeline'].map(sdk)],
  ['Commands', ['gpu/encoder', 'gpu/pass', 'gpu/commands', 'gpu/bundle'].map(sdk)],
  ['Mathematics', ['math/vec2', 'math/vec3', 'math/vec4', 'math/quat', 'math/mat4'].map(sdk)],
  [
    'Packed models',
    [
      'file',
      'model',
      'pose',
      'environment',
      'pipelines',
      'materials',
      'shaders',
      'orbit',
      'transform',
      'items',
      'animation',
      'sky',
      'textures',
    ].map((name) => `scene/${name}.ts`),
  ],
  ['Constants', ['contract/abi.ts']],
  ['Enums and flags', [sdk('enums')]],
];

function sdk(name: string): string {
  return `sdk/${name}.ts`;
}

const cell = (text: string): string => text.replaceAll('|', '\\|');

/** A symbol that games can import, with the name and the entry file that they import. */
interface Public {
  name: string;
  entry: string;
  symbol: Declared;
}

/** All symbols of the SDK that games can import. */
class Surface {
  readonly symbols: Public[] = [];
  /** Files that the SDK exports as a namespace, such as `vec3`, by the namespace's name. */
  readonly spaces = new Map<string, string>();
  readonly sources: Sources;
  readonly #seen = new Set<string>();

  constructor(root: string, entries: Readonly<Record<string, string>>) {
    this.sources = new Sources(root);
    for (const [entry, file] of Object.entries(entries))
      for (const [name, target] of this.sources.exports(file)) this.#add(name, entry, target);
  }

  #add(name: string, entry: string, target: Target): void {
    if (target.name === undefined) {
      this.spaces.set(name, target.file);
      return;
    }
    const symbol = this.sources.find(target);
    if (!symbol) throw new Error(`${target.file}: exports ${target.name}, which it does not declare`);
    const key = `${symbol.file} ${symbol.name}`;
    if (this.#seen.has(key) || symbol.about.startsWith('@internal')) return;
    this.#seen.add(key);
    this.symbols.push({ name, entry, symbol });
    // The base of a public class, and the class of a public object, are public as well.
    for (const [other, found] of this.#visibleIn(symbol.file))
      if (other === symbol.base) this.#add(other, entry, found);
  }

  *#visibleIn(file: string): Iterable<[string, Target]> {
    for (const { name } of this.sources.declared(file)) yield [name, { file, name }];
    yield* this.sources.imports(file);
  }
}

/** Lists the SDK's public symbols and members that have no doc comment. */
export function undocumented(root: string, entries: Readonly<Record<string, string>> = ENTRIES): string[] {
  const { symbols, spaces, sources } = new Surface(root, entries);
  const inSpaces = [...spaces.values()].flatMap((file) => exportedFrom(sources, file));
  return [...symbols.map(({ symbol }) => symbol), ...inSpaces].flatMap((symbol) => [
    ...(symbol.about === '' ? [`${symbol.file}:${symbol.line}: ${symbol.name} has no doc comment`] : []),
    ...(symbol.kind === 'class' ? symbol.members : [])
      .filter(({ about }) => about === '')
      .map(({ name, line }) => `${symbol.file}:${line}: ${symbol.name}.${name} has no doc comment`),
  ]);
}

function exportedFrom(sources: Sources, file: string): Declared[] {
  const names = sources.exports(file);
  return sources.declared(file).filter(({ name }) => names.has(name));
}

function table(rows: readonly { head: string; about: string }[]): string[] {
  if (rows.length === 0) return [];
  return ['', '| | |', '| --- | --- |', ...rows.map(({ head, about }) => `| \`${cell(head)}\` | ${cell(about)} |`)];
}

function section({ symbol, entry }: Public): string[] {
  const { kind, head, name, about, members } = symbol;
  const from = entry === '@nearlight/sdk' ? '' : ` From \`${entry}\`.`;
  if (kind === 'enum')
    return ['', `### \`${name}\``, '', about, '', members.map((member) => `\`${member.name}\``).join(' ')];
  return ['', `### \`${head}\``, '', `${about}${from}`, ...(kind === 'class' ? table(members) : [])];
}

/** Lines of SDK.md about a file that is a namespace: one table of its functions. */
function space(name: string, symbols: readonly Declared[]): string[] {
  const type = symbols.find(({ kind }) => kind === 'type');
  const functions = symbols.filter(({ kind }) => kind === 'function');
  const about = type ? ['', `${type.about} \`${type.head}\``] : [];
  return [
    '',
    `### \`${name}\``,
    ...about,
    ...table(functions.map(({ head, about: text }) => ({ head: `${name}.${head}`, about: text }))),
  ];
}

/** Returns the text of SDK.md. */
export function reference(root: string): string {
  const { symbols, spaces, sources } = new Surface(root, ENTRIES);
  const lines = [
    '# The SDK',
    '',
    'Generated from the doc comments of the sources by `node renderer/sdk/reference.ts`. A game imports everything from',
    "`'@nearlight/sdk'`, unless another name is given. The GPU's names, meanings and defaults are WebGPU's",
    '([the specification](https://www.w3.org/TR/webgpu/)). Descriptors are classes: give an object literal, and leave out the',
    'fields whose defaults, shown here, are right. [PITFALLS.md](PITFALLS.md) says where AssemblyScript differs from',
    'TypeScript, and [ABI.md](../contract/ABI.md) describes the layer below the SDK.',
  ];
  const missing = new Set([...symbols.map(({ symbol }) => symbol.file), ...spaces.values()]);
  for (const [title, files] of CHAPTERS) {
    const chapter: string[] = [];
    for (const file of files) {
      missing.delete(file);
      for (const [name, path] of spaces) if (path === file) chapter.push(...space(name, exportedFrom(sources, file)));
      chapter.push(...symbols.filter(({ symbol }) => symbol.file === file).flatMap(section));
    }
    if (chapter.length > 0) lines.push('', `## ${title}`, ...chapter);
  }
  if (missing.size > 0) throw new Error(`no chapter of the reference has the files ${[...missing].join(', ')}`);
  return `${lines.join('\n')}\n`;
}

if (import.meta.main) {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const page = new URL('./SDK.md', import.meta.url);
  const faults = undocumented(root);
  const text = reference(root);
  if (faults.length > 0) console.error(faults.join('\n'));
  const stale = readFileSync(page, 'utf8') !== text;
  if (stale && process.argv.includes('--check'))
    console.error('renderer/sdk/SDK.md is stale: run `node renderer/sdk/reference.ts`');
  else if (stale) writeFileSync(page, text);
  if (faults.length > 0 || (stale && process.argv.includes('--check'))) process.exitCode = 1;
}
