/** Reads the SDK's sources with AssemblyScript's own parser: what they export, and the doc comment of each symbol. */
import { existsSync, readFileSync } from 'node:fs';
import * as compiler from 'assemblyscript';
import {
  ClassDeclaration,
  type DeclarationStatement,
  ExportStatement,
  FieldDeclaration,
  FunctionDeclaration,
  ImportStatement,
  MethodDeclaration,
  NamespaceDeclaration,
  type Node,
  Parser,
  TypeDeclaration,
  type VariableDeclaration,
  VariableStatement,
} from 'assemblyscript';

type Flag = 'Private' | 'Protected' | 'Get' | 'Set' | 'Export';

/** AssemblyScript's flags of declarations. Its types say that they do not exist at run time, but they do. */
const FLAGS = (compiler as unknown as { CommonFlags: Record<Flag, number> }).CommonFlags;

export type SymbolKind = 'class' | 'function' | 'constant' | 'type' | 'enum';

/** A declaration at the top level of a source file. */
export interface Declared {
  readonly kind: SymbolKind;
  readonly name: string;
  /** Path of the declaring file, from the folder of the sources. */
  readonly file: string;
  readonly line: number;
  /** The declaration's doc comment as one paragraph; '' for none. */
  readonly about: string;
  /** The declaration without its body, on one line. */
  readonly head: string;
  /** The base of a class, or the type of a constant; '' for neither. */
  readonly base: string;
  /** Members of a class that a game may use, or the names of an enum. */
  readonly members: readonly Member[];
}

export interface Member {
  readonly name: string;
  readonly line: number;
  readonly about: string;
  readonly head: string;
}

/** A parsed source file: its declarations, imports and exports, all by name. */
interface Unit {
  readonly declared: Map<string, Declared>;
  readonly exported: Map<string, Target>;
  readonly all: string[];
  readonly imported: Map<string, Target>;
}

/** Where an exported name comes from; no `name` means a whole file, as in `import * as name`. */
export interface Target {
  readonly file: string;
  readonly name?: string;
}

/** Parses source files below one folder, when they are first needed. */
export class Sources {
  readonly #root: string;
  readonly #units = new Map<string, Unit>();

  /** @param root path of the folder of the sources, with a slash at its end */
  constructor(root: string) {
    this.#root = root;
  }

  /** Every name that a file exports, itself or from another, with the place of its declaration. */
  exports(file: string): Map<string, Target> {
    const { exported, all } = this.#unit(file);
    const found = new Map<string, Target>();
    for (const other of all) for (const [name, target] of this.exports(other)) found.set(name, target);
    for (const [name, target] of exported) {
      const deeper = target.name !== undefined && target.file !== file && this.exports(target.file).get(target.name);
      found.set(name, deeper || target);
    }
    return found;
  }

  /** The declarations of a file in their order, exported or not. */
  declared(file: string): Declared[] {
    return [...this.#unit(file).declared.values()];
  }

  /** The names that a file imports, with the places of their declarations. */
  *imports(file: string): Iterable<[string, Target]> {
    for (const [name, target] of this.#unit(file).imported) {
      const found = target.name !== undefined && this.exports(target.file).get(target.name);
      if (found) yield [name, found];
    }
  }

  find({ file, name }: Target): Declared | undefined {
    return name === undefined ? undefined : this.#unit(file).declared.get(name);
  }

  #unit(file: string): Unit {
    const known = this.#units.get(file);
    if (known) return known;
    const unit = this.#parse(file, readFileSync(this.#root + file, 'utf8'));
    this.#units.set(file, unit);
    return unit;
  }

  #parse(file: string, text: string): Unit {
    const comments = new Map<number, { text: string; end: number }>();
    const parser = new Parser();
    parser.onComment = (_, comment, range) => void comments.set(range.start, { text: comment, end: range.end });
    parser.parseFile(text, file.replace(/\.ts$/, ''), true);
    const [fault] = parser.diagnostics;
    if (fault) throw new Error(`${file}: ${fault.message}`);
    const reader = new UnitReader(file, text, comments, (path) => this.#resolve(path));
    const source = parser.sources.at(-1);
    if (!source) throw new Error(`${file}: the parser returned no syntax tree`);
    for (const statement of source.statements) reader.read(statement);
    return reader.unit;
  }

  #resolve(path: string): string {
    return existsSync(`${this.#root}${path}.ts`) ? `${path}.ts` : `${path}/index.ts`;
  }
}

class UnitReader {
  readonly unit: Unit = { declared: new Map(), exported: new Map(), all: [], imported: new Map() };
  readonly #file: string;
  readonly #text: string;
  readonly #comments: Map<number, { text: string; end: number }>;
  readonly #resolve: (path: string) => string;
  readonly #namespaces = new Map<string, string>();

  constructor(
    file: string,
    text: string,
    comments: Map<number, { text: string; end: number }>,
    resolve: (path: string) => string,
  ) {
    this.#file = file;
    this.#text = text;
    this.#comments = comments;
    this.#resolve = resolve;
  }

  read(statement: Node): void {
    if (statement instanceof ImportStatement) this.#import(statement);
    else if (statement instanceof ExportStatement) this.#export(statement);
    else if (statement instanceof VariableStatement)
      for (const declaration of statement.declarations)
        this.#declare(statement, declaration, this.#constant(declaration));
    else if (statement instanceof ClassDeclaration) this.#declare(statement, statement, this.#class(statement));
    else if (statement instanceof FunctionDeclaration) this.#declare(statement, statement, this.#function(statement));
    else if (statement instanceof TypeDeclaration) this.#declare(statement, statement, this.#type(statement));
    else if (statement instanceof NamespaceDeclaration) this.#declare(statement, statement, this.#enum(statement));
  }

  #import({ namespaceName, declarations, internalPath }: ImportStatement): void {
    const file = this.#resolve(internalPath);
    if (namespaceName) this.#namespaces.set(namespaceName.text, file);
    for (const { name, foreignName } of declarations ?? [])
      this.unit.imported.set(name.text, { file, name: foreignName.text });
  }

  #export({ members, internalPath }: ExportStatement): void {
    const file = internalPath === null ? this.#file : this.#resolve(internalPath);
    // Only `export * from` a path has no list of members.
    if (!members) this.unit.all.push(file);
    else
      for (const { localName, exportedName } of members) {
        const space = this.#namespaces.get(localName.text);
        this.unit.exported.set(exportedName.text, space ? { file: space } : { file, name: localName.text });
      }
  }

  #declare(
    statement: Node,
    declaration: DeclarationStatement,
    parts: Pick<Declared, 'kind' | 'head'> & Partial<Declared>,
  ): void {
    const name = declaration.name.text;
    const { start } = statement.range;
    const place = { name, file: this.#file, line: this.#line(start), about: this.#about(start) };
    this.unit.declared.set(name, { base: '', members: [], ...parts, ...place });
    if (declaration.is(FLAGS.Export)) this.unit.exported.set(name, { file: this.#file, name });
  }

  #constant({ name, type, initializer }: VariableDeclaration) {
    const base = type ? this.#source(type) : '';
    const value = type || !initializer ? '' : ` = ${this.#source(initializer)}`;
    return { kind: 'constant', head: `${name.text}${base === '' ? value : `: ${base}`}`, base } as const;
  }

  #type({ name, type }: TypeDeclaration) {
    return { kind: 'type', head: `type ${name.text} = ${this.#source(type)}` } as const;
  }

  #function(declaration: FunctionDeclaration) {
    return { kind: 'function', head: this.#signature(declaration) } as const;
  }

  #enum({ members }: NamespaceDeclaration) {
    const names = members.flatMap((member) => (member instanceof VariableStatement ? member.declarations : []));
    return {
      kind: 'enum',
      head: '',
      members: names.map(({ name, range }) => ({
        name: name.text,
        line: this.#line(range.start),
        about: '',
        head: name.text,
      })),
    } as const;
  }

  #class({ name, typeParameters, extendsType, members, range }: ClassDeclaration) {
    const base = extendsType ? this.#source(extendsType) : '';
    const abstract = /^(export\s+)?abstract\b/.test(this.#text.slice(range.start)) ? 'abstract ' : '';
    const generic = typeParameters ? `<${typeParameters.map((node) => this.#source(node)).join(', ')}>` : '';
    const head = `${abstract}class ${name.text}${generic}${base === '' ? '' : ` extends ${base}`}`;
    return { kind: 'class', head, base, members: members.flatMap((member) => this.#member(member)) } as const;
  }

  #member(node: DeclarationStatement): Member[] {
    const { name, range } = node;
    const about = this.#about(range.start);
    const hidden = node.is(FLAGS.Private) || node.is(FLAGS.Protected) || name.text === 'constructor';
    if (hidden || about.startsWith('@internal') || node.is(FLAGS.Set)) return [];
    const member = { name: name.text, line: this.#line(range.start), about };
    if (node instanceof FieldDeclaration) {
      const { type, initializer } = node;
      const value = initializer ? ` = ${this.#source(initializer)}` : '';
      return [{ ...member, head: `${name.text}: ${type ? this.#source(type) : ''}${value}` }];
    }
    if (!(node instanceof MethodDeclaration)) return [];
    if (node.is(FLAGS.Get)) return [{ ...member, head: `${name.text}: ${this.#source(node.signature.returnType)}` }];
    return [{ ...member, head: this.#signature(node) }];
  }

  #signature({ name, typeParameters, signature }: FunctionDeclaration): string {
    const generic = typeParameters ? `<${typeParameters.map((node) => this.#source(node)).join(', ')}>` : '';
    const parameters = signature.parameters.map(({ name: parameter, type, initializer }) => {
      const value = initializer ? ` = ${this.#source(initializer)}` : '';
      // An underscore says that this implementation does not use the parameter.
      return `${parameter.text.replace(/^_/, '')}: ${this.#source(type)}${value}`;
    });
    return `${name.text}${generic}(${parameters.join(', ')}): ${this.#source(signature.returnType)}`;
  }

  #source({ range }: Node): string {
    return this.#text.slice(range.start, range.end).replace(/\s+/g, ' ').trim();
  }

  /** The doc comment that ends right before a declaration. */
  #about(start: number): string {
    for (const [at, { text, end }] of this.#comments)
      if (end <= start && at < start && text.startsWith('/**') && this.#text.slice(end, start).trim() === '')
        return text
          .slice(3, -2)
          .replace(/^\s*\* ?/gm, '')
          .replace(/\s+/g, ' ')
          .trim();
    return '';
  }

  #line(offset: number): number {
    return this.#text.slice(0, offset).split('\n').length;
  }
}
