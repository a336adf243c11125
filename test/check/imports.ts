import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parseSync, Visitor } from 'rolldown/utils';
import { at } from '../at.ts';

/** An import: a place where a source file names another file or a package. */
export interface Import {
  /** Path of the importing file, relative to the root of the repository. */
  from: string;
  /** Path of the imported file relative to the root, or the name of a package or of a Node module. */
  to: string;
  line: number;
  /** True if the import loads nothing at run time, as with `import type`. */
  typeOnly: boolean;
  /** The imported file or package as the source writes it: './a.ts', 'node:fs', '@nearlight/sdk'. */
  specifier: string;
  /**
   * Kind of what is imported. `external`: a package or a Node module. `missing`: a file that does not exist. `computed`: an
   * expression, so that no check knows the file.
   */
  kind: 'file' | 'external' | 'missing' | 'computed';
}

/** The top-level folders of the repository that hold sources. */
export const FOLDERS = ['assets', 'host', 'oci', 'renderer', 'test'];

/** Name under which games import renderer/; a game outside this repository finds it in node_modules. */
export const SDK = '@nearlight/sdk';

/** Names of the C++ headers that a build generates, each with the source file that it is generated from. */
const GENERATED_HEADERS: Record<string, string> = { 'constants.h': 'host/engine/wasmedge/mapping.ts' };

const SCRIPT = /\.[cm]?[jt]s$/;
const NATIVE = /\.(cc|h)$/;

/** A place in a source that names a file, before that file is looked up. */
interface Mention {
  specifier: string;
  offset: number;
  typeOnly: boolean;
  /**
   * How the source names the file. `statement`: in an import, so the file must exist. `string`: as any quoted relative path,
   * such as that of a worker or of a C++ file to compile, which counts if a source has this path. `computed`: as an
   * expression that is evaluated at run time.
   */
  form: 'statement' | 'string' | 'computed';
}

/** Returns the paths of all files below the folders, relative to `root`. */
export function readFiles(root: string, folders: readonly string[] = FOLDERS): Set<string> {
  const files = folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && !/\/(node_modules|build)(\/|$)/.test(relative(root, entry.parentPath)))
        .map((entry) => relative(root, join(entry.parentPath, entry.name))),
    );
  return new Set(files.sort());
}

/**
 * Reads the imports of every source file in TypeScript, JavaScript, AssemblyScript and C++.
 * @throws Error if a file does not parse, because its imports would go unseen.
 */
export async function readImports(root: string, files = readFiles(root)): Promise<Import[]> {
  const imports: Import[] = [];
  for (const from of files) {
    if (!isSource(from)) continue;
    const text = readFileSync(join(root, from), 'utf8');
    const mentions = NATIVE.test(from) ? nativeMentions(text) : await scriptMentions(from, text);
    for (const { specifier, offset, typeOnly, form } of mentions) {
      const to = NATIVE.test(from) ? resolveNative(from, specifier) : resolveScript(files, from, specifier);
      const exists = files.has(to) || existsSync(join(root, to));
      if (form === 'string' && !(files.has(to) && isSource(to))) continue;
      const kind = form === 'computed' ? form : isExternal(specifier) ? 'external' : exists ? 'file' : 'missing';
      imports.push({ from, to, line: lineAt(text, offset), typeOnly, specifier, kind });
    }
  }
  return imports;
}

/** Whether a file is in a language whose imports are read: TypeScript, JavaScript, AssemblyScript or C++. */
export function isSource(path: string): boolean {
  return SCRIPT.test(path) || NATIVE.test(path);
}

function isExternal(specifier: string): boolean {
  return !specifier.startsWith('.') && specifier !== SDK && !specifier.startsWith(`${SDK}/`) && !NATIVE.test(specifier);
}

/** AssemblyScript has the syntax of TypeScript and a little more, such as decorators on functions. */
async function scriptMentions(path: string, text: string): Promise<Mention[]> {
  const { program, errors } = parseSync(path, text);
  const [error] = errors;
  if (error === undefined) return typeScriptMentions(program);
  if (path.startsWith('renderer/')) return assemblyScriptMentions(path, text);
  throw new Error(`${path} does not parse: ${error.message}`);
}

function typeScriptMentions(program: ReturnType<typeof parseSync>['program']): Mention[] {
  const mentions = new Map<number, Mention>();
  const add = (node: { type: string; start: number; value?: unknown } | null, typeOnly = false) => {
    if (node === null) return;
    const isText = node.type === 'Literal' && typeof node.value === 'string';
    const specifier = isText ? String(node.value) : '';
    mentions.set(node.start, { specifier, offset: node.start, typeOnly, form: isText ? 'statement' : 'computed' });
  };
  new Visitor({
    ImportDeclaration: ({ source, importKind }) => add(source, importKind === 'type'),
    ExportNamedDeclaration: ({ source, exportKind }) => add(source, exportKind === 'type'),
    ExportAllDeclaration: ({ source, exportKind }) => add(source, exportKind === 'type'),
    ImportExpression: ({ source }) => add(source),
    TSImportType: ({ source }) => add(source, true),
    TSExternalModuleReference: ({ expression }) => add(expression),
    CallExpression: ({ callee, arguments: [argument] }) => {
      const isRequire = callee.type === 'Identifier' && callee.name === 'require';
      if (argument && (isRequire || isMetaProperty(callee, 'resolve'))) add(argument);
    },
    NewExpression: ({ callee, arguments: [path, base] }) => {
      const isUrl = callee.type === 'Identifier' && callee.name === 'URL' && base && isMetaProperty(base, 'url');
      if (isUrl && path?.type === 'Literal' && /\.\w+$/.test(String(path.value))) add(path);
    },
    Literal: ({ value, start }) => {
      if (typeof value !== 'string' || !/^\.\.?\//.test(value) || mentions.has(start)) return;
      mentions.set(start, { specifier: value, offset: start, typeOnly: false, form: 'string' });
    },
  }).visit(program);
  return [...mentions.values()];
}

/** Whether the node is `import.meta.NAME`. */
function isMetaProperty(node: { type: string; object?: unknown; property?: unknown }, name: string): boolean {
  const object = node.object as { type?: string } | undefined;
  const property = node.property as { name?: string } | undefined;
  return node.type === 'MemberExpression' && object?.type === 'MetaProperty' && property?.name === name;
}

async function assemblyScriptMentions(path: string, text: string): Promise<Mention[]> {
  const compiler = await import('assemblyscript');
  const program = compiler.newProgram(compiler.newOptions());
  compiler.parse(program, text, path, true);
  for (let message = compiler.nextDiagnostic(program); message; message = compiler.nextDiagnostic(program))
    if (compiler.isError(message)) throw new Error(`${path} does not parse: ${message.message}`);
  return at(program.sources, 0).statements.flatMap((statement) => {
    const { path } = statement as { path?: { value: string; range: { start: number } } | null };
    return path ? [{ specifier: path.value, offset: path.range.start, typeOnly: false, form: 'statement' }] : [];
  });
}

/**
 * Matches the `#include` directives of C++. It also matches comments and strings, so that an `#include` inside them is passed
 * over.
 */
const INCLUDE =
  /^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"|\/\*[\s\S]*?\*\/|\/\/(?:\\\n|[^\n])*|R"([^(\s]*)\([\s\S]*?\)\2"|"(?:\\.|[^"\\\n])*"/gm;

function nativeMentions(text: string): Mention[] {
  return [...text.matchAll(INCLUDE)].flatMap(({ 0: whole, 1: specifier, index }) =>
    specifier ? [{ specifier, offset: index + whole.indexOf('#'), typeOnly: false, form: 'statement' }] : [],
  );
}

function resolveNative(from: string, specifier: string): string {
  return GENERATED_HEADERS[specifier] ?? join(dirname(from), specifier);
}

/**
 * Returns the path of the file that an import names. AssemblyScript leaves out the extension; TypeScript under Node does not.
 */
function resolveScript(files: Set<string>, from: string, specifier: string): string {
  if (isExternal(specifier)) return specifier;
  const path = specifier.startsWith(SDK)
    ? join('renderer', specifier.slice(SDK.length))
    : join(dirname(from), specifier);
  return [path, `${path}.ts`, `${path}/index.ts`].find((candidate) => files.has(candidate)) ?? path;
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}
