/** Compares ABI.md's table of WebGPU's API with WebGPU itself, as the package @webgpu/types declares it. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { commands, quoted } from './document.ts';

const root = new URL('../..', import.meta.url);
const types = readFileSync(new URL('node_modules/@webgpu/types/dist/index.d.ts', root), 'utf8');
const document = readFileSync(new URL('renderer/contract/ABI.md', root), 'utf8');
const [, table = ''] = /<!-- webgpu -->\n([\s\S]*?)<!-- end -->/.exec(document) ?? [];
/** Rows of the table: `theirs` names parts of WebGPU, and `ours` says what the contract has in their place. */
const rows = table
  .trim()
  .split('\n')
  .slice(2)
  .map((line) => {
    const [theirs = '', ours = ''] = line.slice(2, -2).split(' | ');
    return { theirs, ours };
  });

/** Members of each interface. Parameters of methods are not among them, because they are indented further. */
const members = new Map(
  [...types.matchAll(/^interface (GPU\w*)[^{]*\{(?:\}|([\s\S]*?)^\})/gm)].map(([, name = '', body = '']) => [
    name,
    [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??\s*[:(]/gm)].map(([, member = '']) => member),
  ]),
);
members.set('GPU', ['requestAdapter', 'getPreferredCanvasFormat', 'wgslLanguageFeatures']);

const isInterface = (name: string): boolean => types.includes(`declare var ${name}:`) || /Mixin$|Base$/.test(name);
const constants = [
  'GPUBufferUsage',
  'GPUColorWrite',
  'GPUMapMode',
  'GPUShaderStage',
  'GPUTextureUsage',
  'GPUSupportedLimits',
];
const internal = ['__brand', 'addEventListener', 'removeEventListener', 'onuncapturederror'];

const webgpu = [...members].flatMap(([name, list]) =>
  isInterface(name) && !constants.includes(name) && !/DescriptorBase$/.test(name)
    ? [...new Set(list)].filter((member) => !internal.includes(member)).map((member) => `${name}.${member}`)
    : [],
);
const inTable = rows.flatMap(({ theirs }) => quoted(theirs));

describe('the table of WebGPU', () => {
  it('the table is compared with more than 90 attributes and methods of WebGPU', () =>
    expect(webgpu.length).toBeGreaterThan(90));

  it('the table names every attribute and method of WebGPU', () =>
    expect(webgpu.filter((name) => !inTable.includes(name))).toEqual([]));

  it('the table names nothing that WebGPU does not have', () => {
    const known = inTable.filter((name) => {
      const [type = '', member] = name.split('.');
      return member === undefined ? members.has(type) : members.get(type)?.includes(member);
    });
    expect(inTable.filter((name) => !known.includes(name))).toEqual([]);
  });

  it('the members that the table leaves out of a dictionary are members of that dictionary', () => {
    for (const { theirs, ours } of rows) {
      const [name = ''] = quoted(theirs);
      const [, list] = /^without ((?:`\w+`(?:, )?)+)/.exec(ours) ?? [];
      for (const member of quoted(list ?? '')) expect(members.get(name), `${name}.${member}`).toContain(member);
    }
  });

  it('the table names only commands that the contract has', () => {
    const methods = rows.filter(
      ({ theirs, ours }) =>
        /\.(create|begin|dispatch|draw|copy|resolve)/.test(theirs) && !/left out|implied/.test(ours),
    );
    for (const { theirs, ours } of methods) {
      const named = ours === 'the same names' ? quoted(theirs).map((name) => name.split('.')[1] ?? '') : quoted(ours);
      for (const name of named.filter((text) => /^[a-z]/.test(text))) expect([...commands.keys()]).toContain(name);
    }
  });
});
