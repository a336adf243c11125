/** Holds the table of ABI.md that sets WebGPU's API against ours against WebGPU itself, as its types declare it. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { commands } from './document.ts';

const root = new URL('../..', import.meta.url);
const types = readFileSync(new URL('node_modules/@webgpu/types/dist/index.d.ts', root), 'utf8');
const document = readFileSync(new URL('renderer/contract/ABI.md', root), 'utf8');
const table = /<!-- webgpu -->\n([\s\S]*?)<!-- end -->/.exec(document)![1]!;
const rows = table
  .trim()
  .split('\n')
  .slice(2)
  .map((line) => line.slice(2, -2).split(' | '));
const quoted = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);

/** Members of each interface; parameters of methods are indented further. */
const members = new Map(
  [...types.matchAll(/^interface (GPU\w*)[^{]*\{([\s\S]*?)^\}/gm)].map(([, name, body]) => [
    name!,
    [...body!.matchAll(/^ {2}(?:readonly )?(\w+)\??\s*[:(]/gm)].map((match) => match[1]!),
  ]),
);
// The types have named it otherwise.
members.set('GPUDebugCommandsMixin', [
  ...(members.get('GPUDebugCommandsMixin') ?? []),
  ...members.get('GPUCommandsMixin')!,
]);
members.delete('GPUCommandsMixin');
members.set('GPU', ['requestAdapter', 'getPreferredCanvasFormat', 'wgslLanguageFeatures']);

const isInterface = (name: string): boolean => types.includes(`declare var ${name}:`) || /Mixin$|Base$/.test(name);
const values = [
  'GPUBufferUsage',
  'GPUColorWrite',
  'GPUMapMode',
  'GPUShaderStage',
  'GPUTextureUsage',
  'GPUSupportedLimits',
];
const internal = ['__brand', 'addEventListener', 'removeEventListener', 'onuncapturederror'];

const wanted = [...members].flatMap(([name, list]) =>
  isInterface(name) && !values.includes(name) && !/DescriptorBase$/.test(name)
    ? [...new Set(list)].filter((member) => !internal.includes(member)).map((member) => `${name}.${member}`)
    : [],
);
const told = rows.flatMap(([theirs]) => quoted(theirs!));

describe('the table of WebGPU', () => {
  it('reads enough of the types to be of use', () => expect(wanted.length).toBeGreaterThan(90));

  it('has every attribute and method', () => expect(wanted.filter((name) => !told.includes(name))).toEqual([]));

  it('has nothing that WebGPU has not', () => {
    const known = told.filter((name) => {
      const [type, member] = name.split('.') as [string, string?];
      return member === undefined ? members.has(type) : members.get(type)?.includes(member);
    });
    expect(told.filter((name) => !known.includes(name))).toEqual([]);
  });

  it('says of a dictionary what it leaves out of it', () => {
    for (const [theirs, ours] of rows) {
      const [name] = quoted(theirs!);
      const [, list] = /^without ((?:`\w+`(?:, )?)+)/.exec(ours!) ?? [];
      for (const member of quoted(list ?? '')) expect(members.get(name!), `${name}.${member}`).toContain(member);
    }
  });

  it('names commands that there are', () => {
    const methods = rows.filter(
      ([theirs, ours]) =>
        /\.(create|begin|dispatch|draw|copy|resolve)/.test(theirs!) && !/left out|implied/.test(ours!),
    );
    for (const [theirs, ours] of methods) {
      const same = ours === 'the same names' ? quoted(theirs!).map((name) => name.split('.')[1]!) : quoted(ours!);
      for (const name of same.filter((text) => /^[a-z]/.test(text))) expect([...commands.keys()]).toContain(name);
    }
  });
});
