import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { COMMANDS, ENUMS, FLAGS } from '../../renderer/contract/contract.ts';
import { MODULE_EXPORTS, MODULE_IMPORTS } from '../../renderer/contract/functions.ts';
import { reference, undocumented } from '../../renderer/sdk/reference.ts';
import { Sources } from '../../renderer/sdk/syntax.ts';
import { at } from '../at.ts';

const root = fileURLToPath(new URL('../../renderer/', import.meta.url));
const page = readFileSync(join(root, 'sdk/SDK.md'), 'utf8');

let folder = '';
afterEach(() => {
  if (folder) rmSync(folder, { recursive: true });
  folder = '';
});

/** Writes these source files as a package, for the reference to document as it does the SDK. Returns its folder. */
function packageOf(files: Record<string, string>): string {
  folder = mkdtempSync(join(tmpdir(), 'nearlight-reference-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return `${folder}/`;
}

describe('the doc comments', () => {
  it('doc comments exist for every symbol that a game can import, and for every member', () => {
    expect(undocumented(root)).toEqual([]);
  });

  it('doc comments that are missing are reported', () => {
    const files = {
      'index.ts':
        "export * from './a';\nexport { named } from './b';\nimport * as space from './c';\nexport { space };\n",
      'a.ts':
        '/** A. */\nexport class A extends B {\n  /** X. */\n  x: i32 = 0;\n  y: i32 = 0;\n  private z: i32 = 0;\n}\nclass B {}\nclass Hidden {}\n',
      'b.ts': 'export function named(): void {}\nexport function other(): void {}\n',
      'c.ts':
        '/** Not a doc comment of f. */\n\nconst k = 1;\nexport function f(): void {}\n// A line comment is none.\nexport function g(): void {}\n',
    };
    expect(undocumented(packageOf(files), { '': 'index.ts' }).sort()).toEqual([
      'a.ts:5: A.y has no doc comment',
      'a.ts:8: B has no doc comment',
      'b.ts:1: named has no doc comment',
      'c.ts:4: f has no doc comment',
      'c.ts:6: g has no doc comment',
    ]);
  });
});

describe('the syntax', () => {
  it('the syntax of a declaration is read from the syntax tree, in any layout', () => {
    const text = `/** About
 * it. */ export abstract class A<T> { /** Does
  it. */ static f<K>(_a: Array<K>   | null,
    b: i32 = 1): void {} /** Is it. */ get ready(): bool { return "}" == '{'; } }`;
    const a = at(new Sources(packageOf({ 'index.ts': text })).declared('index.ts'), 0);
    expect(a).toMatchObject({ kind: 'class', about: 'About it.', head: 'abstract class A<T>' });
    expect(a.members.map(({ head, about }) => `${head} ${about}`)).toEqual([
      'f<K>(a: Array<K> | null, b: i32 = 1): void Does it.',
      'ready: bool Is it.',
    ]);
  });

  it('broken syntax in a source is an error', () => {
    expect(() => new Sources(packageOf({ 'index.ts': 'export class {' })).declared('index.ts')).toThrow('index.ts: ');
  });
});

describe('the reference', () => {
  it('the reference has no blank entries', () => {
    expect(page).not.toMatch(/` *\| *\|$/m);
    expect(page).toBe(reference(root));
  });

  it('the reference shows what a game can import and nothing else', () => {
    for (const name of ['class Game', 'play(', 'createBuffer(', '`mat4.multiply(', 'openModel(', 'class GpuObject'])
      expect(page).toContain(name);
    for (const name of ['openIo', 'takeId', 'reserve', 'asset_find', 'retag']) expect(page).not.toContain(name);
  });

  it('the reference names only enumerations and flags of the contract', () => {
    const known = [...Object.keys(ENUMS), ...Object.keys(FLAGS)];
    const named = [...page.matchAll(/\b(?:An? ([A-Z]\w+)[.:;, ]|([A-Z]\w+) bits\b)/g)].map(
      ([, enumeration, flags = '']) => enumeration ?? flags,
    );
    const others = ['CSS', 'DOM'];
    expect(named.length).toBeGreaterThan(40);
    for (const name of named.filter((word) => /^(?!GPU)[A-Z]\w*[a-z][A-Z]|^(?!GPU)\w+(Usage|Stage|Write)$/.test(word)))
      expect([...known, ...others]).toContain(name);
  });
});

describe('the SDK', () => {
  const sources = (files: string[]) => files.map((file) => readFileSync(join(root, 'sdk', file), 'utf8')).join('\n');
  const gpu = ['device', 'queue', 'encoder', 'pass', 'commands', 'bundle', 'buffer', 'texture', 'pipeline', 'object'];

  it('the SDK sends every command of the contract', () => {
    const text = sources([...gpu.map((name) => `gpu/${name}.ts`), 'input.ts', 'bus.ts']);
    // An asynchronous pipeline is the same command with another opcode.
    const own = COMMANDS.map(({ name }) => name).filter((name) => !name.endsWith('Async') || name === 'mapAsync');
    expect(own.filter((name) => !text.includes(`encode.${name}(`))).toEqual([]);
    for (const name of ['RENDER', 'COMPUTE']) expect(text).toContain(`retag(OP_CREATE_${name}_PIPELINE_ASYNC)`);
  });

  it('the SDK uses every import of the contract, and has every export', () => {
    const text = sources(['stream.ts', 'log.ts', 'assets.ts', 'state.ts', 'gpu/device.ts', 'index.ts']);
    for (const name of Object.keys(MODULE_IMPORTS)) expect(text).toMatch(new RegExp(`\\b${name}\\b`));
    const exported = readFileSync(join(root, 'game.ts'), 'utf8');
    for (const name of Object.keys(MODULE_EXPORTS).filter((key) => key !== '_initialize'))
      expect(exported).toMatch(new RegExp(`\\b${name}\\b`));
  });

  it('the SDK describes every function in the words of the contract', () => {
    const abi = readFileSync(join(root, 'contract/ABI.md'), 'utf8');
    for (const symbol of new Sources(root).declared('sdk/nearlight.ts')) {
      expect(abi).toContain(symbol.about);
      expect(symbol.head.match(/: /g)?.length ?? 0).toBe(
        must(MODULE_IMPORTS[symbol.name], symbol.name).parameters.length + 1,
      );
    }
  });
});
