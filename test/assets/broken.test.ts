import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Accessors } from '../../assets/gltf/accessors.ts';
import { Budget } from '../../assets/gltf/budget.ts';
import { Value } from '../../assets/gltf/value.ts';
import { LIMITS } from '../../assets/limits.ts';
import { packModel } from '../../assets/packer/packer.ts';
import { must } from '../../host/base/assert.ts';
import { exitStatus, NearlightError } from '../../host/base/errors.ts';
import { models, picture } from './models.ts';
import { join as joinGlb, split, tryMutated } from './mutate.ts';

const sources = new Map<string, Uint8Array>();
let folder = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nearlight-broken-'));
  for (const name of ['base', 'skinned', 'meshopt', 'draco', 'morphed'])
    sources.set(name, await must(models[name], 'model')());
});

afterAll(() => rmSync(folder, { recursive: true }));

const source = (name: string) => must(sources.get(name), 'model');

/** Packs a model. Resolves with the detail of the error that refuses it, or with "packed". */
async function refusal(bytes: Uint8Array | string): Promise<string> {
  try {
    await packModel(bytes, { textureSideMax: 16 });
    return 'packed';
  } catch (error) {
    expect(error).toBeInstanceOf(NearlightError);
    expect(exitStatus(error)).toBe(44);
    return (error as NearlightError).detail;
  }
}

// biome-ignore lint/suspicious/noExplicitAny: a file may hold anything
type Json = any;

/** Returns the GLB file of a test model after a change to its JSON. */
function changed(name: string, change: (json: Json) => void): Uint8Array {
  const { json, binary } = must(split(source(name)), 'JSON of the model');
  const value = JSON.parse(Buffer.from(json).toString());
  change(value);
  return joinGlb(Buffer.from(JSON.stringify(value)), binary);
}

describe('a broken file', () => {
  it('that was cut off is refused at its header', async () => {
    const glb = source('base');
    expect(await refusal(glb.subarray(0, glb.length / 2))).toMatch(
      /^header\.length: is \d+, but the file has \d+ bytes; it has been cut off$/,
    );
  });

  it('with invalid JSON is refused with the position of the fault', async () => {
    expect(await refusal(Buffer.from('{"asset": {"version": "2.0"}, nodes'))).toMatch(
      /^the JSON: cannot be read: .*30/,
    );
  });

  it('with an accessor that exceeds its buffer is refused at the field', async () => {
    const glb = changed('base', (json) => {
      json.accessors[3].byteOffset = 1e6;
    });
    expect(await refusal(glb)).toMatch(
      /^accessors\[3\]\.byteOffset: \d+ elements of \d+ bytes at offset 1000000 exceed/,
    );
  });

  it('with an image that is invalid or was cut off is refused at the image', async () => {
    const uri = (bytes: Uint8Array) => `data:image/png;base64,${Buffer.from(bytes).toString('base64')}`;
    const withImage = (bytes: Uint8Array) =>
      changed('base', (json) => {
        json.images[1] = { uri: uri(bytes) };
      });
    expect(await refusal(withImage(Buffer.from('<svg/>')))).toBe('images[1]: is not a PNG, JPEG or WebP file');
    const png = await picture(64, (x, y) => [x * 4, y * 4, (x * y) & 255]);
    expect(await refusal(withImage(png.subarray(0, png.length / 2)))).toMatch(/^images\[1\]: /);
  });

  it('is named in the error, which says if it is not glTF', async () => {
    const path = join(folder, 'game.wasm');
    writeFileSync(path, Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
    expect(await refusal(path)).toBe(
      `${path}: the file: is not glTF: a .glb file begins with "glTF", and a .gltf file is JSON and begins with {`,
    );
    expect(await refusal(Buffer.from('\uFEFF {"asset": {"version": "1.0"}}'))).toMatch(/^asset\.version: /);
  });

  it('that does not exist is reported as such', async () => {
    expect(await refusal(join(folder, 'none.glb'))).toMatch(/none\.glb: cannot be opened: ENOENT$/);
  });
});

/** Changes to the JSON of a glTF model, each with the error that it must lead to. */
const hostile: [what: string, name: string, change: (json: Json) => void, error: RegExp][] = [
  [
    'a huge count',
    'base',
    (j) => (j.accessors[0].count = 4e9),
    /^accessors\[0\]\.count: is 4000000000, outside the range/,
  ],
  [
    'a huge accessor without a buffer',
    'base',
    (j) => grow(j),
    /^meshes\[0\]\.primitives\[0\]: brings the model to \d+ vertices, more/,
  ],
  ['a node that is its own ancestor', 'base', (j) => (j.nodes[0].children = [0]), /^nodes\[0\].* is its own ancestor/],
  [
    'a node with two parents',
    'skinned',
    (j) => twoParents(j),
    /^nodes\[\d\]\.children\[0\]: node \d is already a child/,
  ],
  ['a tree too deep', 'base', (j) => deepen(j), /^nodes\[\d+\]: lies/],
  [
    'an index beyond the vertices',
    'base',
    (j) => fewer(j),
    /^accessors\[\d+\]: element \d+ is \d+, but there are 3 vertices/,
  ],
  ['a sparse index outside', 'morphed', (j) => sparse(j), /^accessors\[\d+\]\.sparse/],
  [
    'a joint that the skin lacks',
    'skinned',
    (j) => oneJoint(j),
    /attributes: vertex \d+ follows joint 1, but its skin has 1 joints/,
  ],
  [
    'a meshopt stride that its filter cannot have',
    'meshopt',
    (j) => stride(j),
    /EXT_meshopt_compression\.byteStride: /,
  ],
  [
    'a meshopt buffer view at a wrong offset',
    'meshopt',
    (j) => shift(j),
    /EXT_meshopt_compression: cannot be decompressed/,
  ],
  ['Draco data at a wrong offset', 'draco', (j) => moveDraco(j), /KHR_draco_mesh_compression: has no Draco header/],
  [
    'numbers that are not finite',
    'base',
    (j) => (j.nodes[0].translation = [0, 1e39, 0]),
    /^nodes\[0\]\.translation\[1\]: /,
  ],
  ['a list of a million', 'base', (j) => (j.scenes = Array(1e6).fill({})), /^scenes: has 1000000 elements/],
  ['an object for a list', 'base', (j) => (j.meshes = { length: 3 }), /^meshes: is not a list/],
  [
    'the name of a prototype as a type',
    'base',
    (j) => (j.accessors[0].type = '__proto__'),
    /^accessors\[0\]\.type: is none of/,
  ],
  ['a path outside its folder', 'base', (j) => (j.buffers[0].uri = '../x.bin'), /^buffers\[0\]\.uri: refers to a file/],
];

function grow(json: Json): void {
  for (const accessor of json.accessors)
    Object.assign(accessor, { count: LIMITS.accessorElements, bufferView: undefined });
}
function twoParents(json: Json): void {
  json.nodes.push({ children: [1] }, { children: [1] });
}
function deepen(json: Json): void {
  const from = json.nodes.length;
  for (let i = 0; i < LIMITS.depth + 8; i++) json.nodes.push({ children: [from + i + 1] });
  json.nodes.push({});
}
function fewer(json: Json): void {
  const { attributes } = json.meshes[0].primitives[0];
  for (const index of Object.values(attributes) as number[]) json.accessors[index].count = 3;
}
function sparse(json: Json): void {
  for (const accessor of json.accessors) if (accessor.sparse) accessor.sparse.indices.byteOffset = 1;
}
function oneJoint(json: Json): void {
  json.skins[0].joints.length = 1;
}
function stride(json: Json): void {
  for (const view of json.bufferViews)
    if (view.extensions)
      Object.assign(view.extensions.EXT_meshopt_compression, {
        byteStride: 12,
        mode: 'ATTRIBUTES',
        filter: 'QUATERNION',
      });
}
function shift(json: Json): void {
  for (const view of json.bufferViews) if (view.extensions) view.extensions.EXT_meshopt_compression.byteOffset = 3;
}
function moveDraco(json: Json): void {
  for (const view of json.bufferViews) view.byteOffset = 5;
}

describe('a hostile file', () => {
  it.each(hostile)('with %s is refused at its place', async (_, name, change, error) => {
    const start = performance.now();
    expect(await refusal(changed(name, change))).toMatch(error);
    expect(performance.now() - start).toBeLessThan(5000);
  });

  it('cannot refer to files outside the folder of the model, not even through a link', async () => {
    const inside = join(folder, 'inside');
    mkdirSync(inside, { recursive: true });
    writeFileSync(join(folder, 'secret.bin'), Buffer.alloc(1e6));
    symlinkSync(join(folder, 'secret.bin'), join(inside, 'link.bin'));
    const path = join(inside, 'model.gltf');
    const read = async (uri: string) => {
      const { json } = must(split(changed('base', (j) => (j.buffers[0].uri = uri))), 'JSON of the model');
      writeFileSync(path, json);
      return (await refusal(path)).replace(`${path}: `, '');
    };
    for (const uri of ['../secret.bin', '%2e%2e/secret.bin', 'link.bin'])
      expect(await read(uri), uri).toBe("buffers[0].uri: leads outside the model's folder");
    for (const uri of ['/etc/passwd', 'file:///etc/passwd', 'http://127.0.0.1/x'])
      expect(await read(uri), uri).toBe('buffers[0].uri: is not a relative path');
    expect(await read('none.bin')).toMatch(/^buffers\[0\]\.uri: refers to a file that cannot be read: ENOENT/);
  });

  it('with random changes is packed, or refused with the place of the fault', async () => {
    let packed = 0;
    for (const [name, glb] of sources)
      for (let seed = 0; seed < 60; seed++)
        packed += (await tryMutated(glb, seed + name.length * 1000)).message === '' ? 1 : 0;
    expect(packed).toBeGreaterThan(10);
    expect(packed).toBeLessThan(200);
  });
});

it('the numbers of a compressed mesh count among the decoded bytes of a model', () => {
  const root = new Value({ accessors: [{ count: 5, type: 'VEC3', componentType: 5126 }] }, '');
  const accessors = new Accessors(root, undefined as never, new Budget('decoded bytes', 100));
  accessors.put(0, new Float32Array(25));
  expect(() => accessors.put(0, new Uint32Array(1))).toThrow(
    /NL_MODEL: .*accessors\[0\]: brings the model to 104 decoded bytes, more than the 100 allowed/,
  );
});
