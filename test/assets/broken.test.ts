import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { limits } from '../../assets/limits.ts';
import { packModel } from '../../assets/pack/pack.ts';
import { exitStatus, NearlightError } from '../../host/base/errors.ts';
import { models, picture } from './models.ts';
import { join as joinGlb, split, tryMutated } from './mutate.ts';

const sources = new Map<string, Uint8Array>();
let folder = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nearlight-broken-'));
  for (const name of ['base', 'skinned', 'meshopt', 'draco', 'morphed']) sources.set(name, await models[name]!());
});

afterAll(() => rmSync(folder, { recursive: true }));

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

/** The model with its JSON changed. */
function changed(name: string, change: (json: Json) => void): Uint8Array {
  const { json, binary } = split(sources.get(name)!)!;
  const value = JSON.parse(Buffer.from(json).toString());
  change(value);
  return joinGlb(Buffer.from(JSON.stringify(value)), binary);
}

describe('a broken file', () => {
  it('that is cut off names its header', async () => {
    const glb = sources.get('base')!;
    expect(await refusal(glb.subarray(0, glb.length / 2))).toMatch(
      /^header\.length: is \d+, but the file has \d+ bytes: it is cut off$/,
    );
  });

  it('whose JSON is not JSON says where', async () => {
    expect(await refusal(Buffer.from('{"asset": {"version": "2.0"}, nodes'))).toMatch(
      /^the JSON: cannot be read: .*30/,
    );
  });

  it('with an accessor beyond its buffer names the field', async () => {
    const glb = changed('base', (json) => {
      json.accessors[3].byteOffset = 1e6;
    });
    expect(await refusal(glb)).toMatch(/^accessors\[3\]\.byteOffset: \d+ elements of \d+ bytes at 1000000 exceed/);
  });

  it('with a picture that is none, or is cut off, names the image', async () => {
    const uri = (bytes: Uint8Array) => `data:image/png;base64,${Buffer.from(bytes).toString('base64')}`;
    const withImage = (bytes: Uint8Array) =>
      changed('base', (json) => {
        json.images[1] = { uri: uri(bytes) };
      });
    expect(await refusal(withImage(Buffer.from('<svg/>')))).toBe('images[1]: is none of PNG, JPEG and WebP');
    const png = await picture(64, (x, y) => [x * 4, y * 4, (x * y) & 255]);
    expect(await refusal(withImage(png.subarray(0, png.length / 2)))).toMatch(/^images\[1\]: /);
  });

  it('is named, and what is no glTF is told so', async () => {
    const path = join(folder, 'game.wasm');
    writeFileSync(path, Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
    expect(await refusal(path)).toBe(
      `${path}: the file: is no glTF: a .glb begins with "glTF", a .gltf is JSON and begins with {`,
    );
    expect(await refusal(Buffer.from('\uFEFF {"asset": {"version": "1.0"}}'))).toMatch(/^asset\.version: /);
  });

  it('that is not there says so', async () => {
    expect(await refusal(join(folder, 'none.glb'))).toMatch(/none\.glb: cannot be opened: ENOENT$/);
  });
});

/** What a hostile file changes, and the start of what it is told. */
const hostile: [what: string, name: string, change: (json: Json) => void, told: RegExp][] = [
  ['a huge count', 'base', (j) => (j.accessors[0].count = 4e9), /^accessors\[0\]\.count: is 4000000000, outside/],
  [
    'a huge accessor without a buffer',
    'base',
    (j) => grow(j),
    /^meshes\[0\]\.primitives\[0\]: with it the model has \d+ vertices, more/,
  ],
  ['a node that is its own ancestor', 'base', (j) => (j.nodes[0].children = [0]), /^nodes\[0\].* is its own ancestor/],
  ['a node with two parents', 'skinned', (j) => twoParents(j), /^nodes\[\d\]\.children\[0\]: node \d is a child/],
  ['a tree too deep', 'base', (j) => deepen(j), /^nodes\[\d+\]: lies/],
  [
    'an index beyond the vertices',
    'base',
    (j) => fewer(j),
    /^accessors\[\d+\]: element \d+ is \d+, but there are 3 vertices/,
  ],
  ['a sparse index outside', 'morphed', (j) => sparse(j), /^accessors\[\d+\]\.sparse/],
  ['a joint that the skin lacks', 'skinned', (j) => oneJoint(j), /attributes: vertex \d+ follows joint 1 of 1/],
  [
    'a meshopt stride that its filter cannot have',
    'meshopt',
    (j) => stride(j),
    /EXT_meshopt_compression\.byteStride: /,
  ],
  ['a meshopt view of another place', 'meshopt', (j) => shift(j), /EXT_meshopt_compression: cannot be decompressed/],
  ['Draco data of another place', 'draco', (j) => moveDraco(j), /KHR_draco_mesh_compression: has no Draco header/],
  [
    'numbers that are not finite',
    'base',
    (j) => (j.nodes[0].translation = [0, 1e39, 0]),
    /^nodes\[0\]\.translation\[1\]: /,
  ],
  ['a list of a million', 'base', (j) => (j.scenes = Array(1e6).fill({})), /^scenes: has 1000000 elements/],
  ['an object for a list', 'base', (j) => (j.meshes = { length: 3 }), /^meshes: is no list/],
  ['a prototype for a name', 'base', (j) => (j.accessors[0].type = '__proto__'), /^accessors\[0\]\.type: is none of/],
  ['a path out of the folder', 'base', (j) => (j.buffers[0].uri = '../x.bin'), /^buffers\[0\]\.uri: refers to a file/],
];

function grow(json: Json): void {
  for (const accessor of json.accessors)
    Object.assign(accessor, { count: limits.accessorElements, bufferView: undefined });
}
function twoParents(json: Json): void {
  json.nodes.push({ children: [1] }, { children: [1] });
}
function deepen(json: Json): void {
  const from = json.nodes.length;
  for (let i = 0; i < limits.depth + 8; i++) json.nodes.push({ children: [from + i + 1] });
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
  it.each(hostile)('with %s is refused at its place', async (_, name, change, told) => {
    // Were it not refused first, its work would have no end: the time limit of the test is the bound.
    expect(await refusal(changed(name, change))).toMatch(told);
  });

  it('reads nothing outside the folder of the model, not even by a link', async () => {
    const inside = join(folder, 'inside');
    mkdirSync(inside, { recursive: true });
    writeFileSync(join(folder, 'secret.bin'), Buffer.alloc(1e6));
    symlinkSync(join(folder, 'secret.bin'), join(inside, 'link.bin'));
    const path = join(inside, 'model.gltf');
    const read = async (uri: string) => {
      const { json } = split(changed('base', (j) => (j.buffers[0].uri = uri)))!;
      writeFileSync(path, json);
      return (await refusal(path)).replace(`${path}: `, '');
    };
    for (const uri of ['../secret.bin', '%2e%2e/secret.bin', 'link.bin'])
      expect(await read(uri), uri).toBe("buffers[0].uri: leads out of the model's folder");
    for (const uri of ['/etc/passwd', 'file:///etc/passwd', 'http://127.0.0.1/x'])
      expect(await read(uri), uri).toBe('buffers[0].uri: is no path below the model');
    expect(await read('none.bin')).toMatch(/^buffers\[0\]\.uri: names a file that cannot be read: ENOENT/);
  });

  it('mutated at random is packed or refused at a place', async () => {
    let packed = 0;
    for (const [name, glb] of sources)
      for (let seed = 0; seed < 60; seed++)
        packed += (await tryMutated(glb, seed + name.length * 1000)).message === '' ? 1 : 0;
    expect(packed).toBeGreaterThan(10);
    expect(packed).toBeLessThan(200);
  });
});
