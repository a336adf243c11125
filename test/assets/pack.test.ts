import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PackedModel, packModel } from '../../assets/packer/packer.ts';
import { must } from '../../host/base/assert.ts';
import * as format from '../../renderer/contract/pack.ts';
import { models } from './models.ts';
import { join as joinGlb, split } from './mutate.ts';
import { Packed } from './packed.ts';

const sources = new Map<string, Uint8Array>();
const results = new Map<string, PackedModel>();
let folder = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nearlight-assets-'));
  for (const [name, make] of Object.entries(models)) {
    const glb = await make();
    sources.set(name, glb);
    results.set(name, await packModel(glb));
  }
});

afterAll(() => rmSync(folder, { recursive: true }));

const result = (name: string) => must(results.get(name), 'packed model');
const packed = (name: string) => new Packed(result(name).bytes);

/**
 * Returns the triangles of a primitive as sorted texts. Each begins with its least corner, so that the same mesh leads to the
 * same texts in whatever order its triangles and corners are stored.
 */
function shape(model: Packed, primitive = 0, digits = 3): string[] {
  const corners = model
    .triangles(primitive)
    .map((p) => p.map((v) => (v + 0).toFixed(digits).replace('-0.000', '0.000')));
  const triangles = Array.from({ length: corners.length / 3 }, (_, i) => corners.slice(i * 3, i * 3 + 3).map(String));
  return triangles
    .map((t) => {
      const first = t.indexOf(must([...t].sort()[0], 'corner'));
      return [...t.slice(first), ...t.slice(0, first)].join(' ');
    })
    .sort();
}

describe('packModel', () => {
  it.each(Object.keys(models))(
    'packs %s with a correct header, aligned blocks, and indices and levels within their bounds',
    (name) => {
      const model = packed(name);
      const { bytes } = model;
      expect(model.word(format.HEADER_MAGIC)).toBe(format.MODEL_MAGIC);
      expect(model.word(format.HEADER_BYTES)).toBe(bytes.length);
      for (const block of [format.HEADER_VERTICES, format.HEADER_INDICES, format.HEADER_MORPHS]) {
        expect(model.word(block) % format.BLOCK_ALIGNMENT).toBe(0);
        expect(model.word(block) + model.word(block + 4)).toBeLessThanOrEqual(bytes.length);
        expect(model.word(block)).toBeGreaterThanOrEqual(model.word(format.HEADER_TABLES));
      }
      for (let i = 0; i < model.count(format.SECTION_PRIMITIVES); i++) {
        const vertices = model.word(model.primitive(i) + format.PRIMITIVE_VERTEX_COUNT);
        expect(Math.max(...model.indices(i))).toBe(vertices - 1);
      }
      for (let i = 0; i < model.count(format.SECTION_LEVELS); i++) {
        const level = model.at(format.SECTION_LEVELS, i, format.LEVEL_SIZE);
        const offset = model.word(level + format.LEVEL_OFFSET);
        expect(offset % format.BLOCK_ALIGNMENT).toBe(0);
        expect(offset + model.word(level + format.LEVEL_BYTES)).toBeLessThanOrEqual(bytes.length);
      }
    },
  );

  it('produces the same triangles from every kind of compression', () => {
    const plain = shape(packed('base'));
    expect(plain.length).toBe(2208);
    for (const name of ['transformed']) expect(shape(packed(name))).toEqual(plain);
    for (const name of ['quantized', 'meshopt', 'draco']) {
      expect(packed(name).indices(0).length).toBe(2208 * 3);
      const [scale = 0] = name === 'draco' ? [1] : packed(name).floats(nodeOf(packed(name), 0) + format.NODE_SCALE, 1);
      const furthest = Math.max(...packed(name).triangles(0).flat()) * scale;
      expect(furthest).toBeCloseTo(1, 3);
    }
  });

  it('keeps texture transforms, alpha modes, unlit materials and strong emission', () => {
    const angle = 0.5;
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    const slot = packed('transformed').material(0) + format.MATERIAL_SLOTS;
    const transform = packed('transformed').floats(slot + format.SLOT_TRANSFORM, 6);
    for (const [k, value] of [cos * 3, sin * 2, -sin * 3, cos * 2, 0.1, 0.2].entries())
      expect(transform[k]).toBeCloseTo(value, 5);
    const alpha = packed('alpha');
    const flags = [0, 1, 2, 3, 4].map((i) => alpha.word(alpha.material(i) + format.MATERIAL_FLAGS));
    const { FLAG_BLEND, FLAG_DOUBLE_SIDED, FLAG_MASK, FLAG_UNLIT } = format;
    const both = FLAG_DOUBLE_SIDED;
    expect(flags).toEqual([both, both | FLAG_MASK, both | FLAG_BLEND, FLAG_UNLIT, 0]);
    const glow = alpha.floats(alpha.material(4) + format.MATERIAL_EMISSIVE, 3);
    expect(glow.map((value) => value.toFixed(3))).toEqual(['0.800', '2.000', '4.000']);
    expect(alpha.word(alpha.primitive(4) + format.PRIMITIVE_FLAGS)).toBe(format.FLAG_EXTRA);
  });

  it('keeps skins and their animations, and computes how far each joint reaches', () => {
    const model = packed('skinned');
    expect(model.word(model.primitive(0) + format.PRIMITIVE_FLAGS)).toBe(format.FLAG_SKIN);
    expect(model.count(format.SECTION_JOINTS)).toBe(2);
    const upper = model.at(format.SECTION_JOINTS, 1, format.JOINT_SIZE);
    expect(model.floats(upper + format.JOINT_MAX, 3)[1]).toBeCloseTo(2, 4);
    const animation = model.at(format.SECTION_ANIMATIONS, 0, format.ANIMATION_SIZE);
    expect(model.floats(animation + format.ANIMATION_DURATION, 1)).toEqual([2]);
    const cubic = model.channel(0);
    expect(model.word(cubic.record + format.CHANNEL_INTERPOLATION)).toBe(format.INTERPOLATION_CUBIC);
    expect(cubic.times).toEqual([0, 1, 2]);
    expect(cubic.values.length).toBe(36);
    expect(model.word(model.channel(1).record + format.CHANNEL_INTERPOLATION)).toBe(format.INTERPOLATION_STEP);
  });

  it('ignores the transform of a skinned node, also for the bounds of the scene', async () => {
    const { json, binary } = must(split(must(sources.get('skinned'), 'model')), 'JSON of the model');
    const value = JSON.parse(Buffer.from(json).toString());
    const node = value.nodes.find((each: { skin?: number }) => each.skin !== undefined);
    node.translation = [100, 0, 0];
    const moved = new Packed((await packModel(joinGlb(Buffer.from(JSON.stringify(value)), binary))).bytes);
    for (const at of [format.HEADER_MIN, format.HEADER_MAX])
      expect(moved.floats(at, 3)).toEqual(packed('skinned').floats(at, 3));
  });

  it.each([4, 6, 7, 8, 9])('makes no texture larger than a limit of %i pixels', async (textureSideMax) => {
    const model = new Packed((await packModel(must(sources.get('base'), 'model'), { textureSideMax })).bytes);
    expect(model.count(format.SECTION_TEXTURES)).toBeGreaterThan(0);
    for (let n = 0; n < model.count(format.SECTION_TEXTURES); n++) {
      const texture = model.at(format.SECTION_TEXTURES, n, format.TEXTURE_SIZE);
      for (const at of [format.TEXTURE_WIDTH, format.TEXTURE_HEIGHT])
        expect(model.word(texture + at)).toBe(Math.floor(textureSideMax / 4) * 4);
    }
  });

  it('keeps morph targets, including sparse ones, and the weights of the mesh', () => {
    const model = packed('morphed');
    const primitive = model.primitive(0);
    expect(model.word(primitive + format.PRIMITIVE_TARGET_COUNT)).toBe(2);
    expect(model.floats(primitive + format.PRIMITIVE_MORPH_POSITION, 1)[0]).toBeCloseTo(1.5, 3);
    expect(model.floats(primitive + format.PRIMITIVE_MAX, 3)[1]).toBeCloseTo(2.5, 3);
    const node = nodeOf(model, 0);
    const first = model.word(node + format.NODE_WEIGHT_FIRST);
    expect(model.floats(model.at(format.SECTION_FLOATS, first, 4), 2)).toEqual([0.5, 0.25]);
    expect(model.channel(0).values).toEqual([0, 0, 1, 0.5, 0, 0]);
    const deltas = model.word(format.HEADER_MORPHS);
    const count = model.word(primitive + format.PRIMITIVE_VERTEX_COUNT);
    const halves = new Uint16Array(model.bytes.slice(deltas, deltas + count * 2 * 12).buffer);
    expect(Math.max(...halves.subarray(0, count * 6).filter((half) => half < 0x8000))).toBe(0x3c00);
  });

  it('converts strips and fans to triangles that face the same way, and leaves out lines', () => {
    const model = packed('modes');
    expect(result('modes').warnings).toEqual([
      'meshes[2].primitives[0] is left out: points and lines are not supported',
    ]);
    expect([0, 1, 2].map((i) => model.indices(i).length / 3)).toEqual([4, 2, 1]);
    for (const primitive of [0, 1, 2]) {
      const corners = model.triangles(primitive);
      for (let i = 0; i < corners.length; i += 3) {
        const [[ax = 0, ay = 0] = [], [bx = 0, by = 0] = [], [cx = 0, cy = 0] = []] = corners.slice(i, i + 3);
        expect((bx - ax) * (cy - ay) - (by - ay) * (cx - ax)).toBeGreaterThan(0);
      }
    }
  });

  it('reads a .gltf file with its other files or with data URIs, and reports counts and sizes', async () => {
    const { path, json, binary } = writeGltf('plain');
    const { report } = await packModel(path);
    expect(report.counts).toMatchObject({ primitives: 1, triangles: 2208, textures: 4, materials: 1 });
    expect(report.sourceBytes).toBe(readFileSync(path).length + binary.length);
    const parts = report.sizes;
    const sum =
      parts.tables + parts.vertices + parts.indices + parts.morphs + parts.blockTextures + parts.plainTextures;
    expect(report.packedBytes - sum).toBeLessThan(5 * format.BLOCK_ALIGNMENT);
    json.buffers[0].uri = `data:application/octet-stream;base64,${Buffer.from(binary).toString('base64')}`;
    const inline = await packModel(new TextEncoder().encode(JSON.stringify(json)));
    expect(inline.bytes).toEqual((await packModel(path)).bytes);
  });

  it('ignores unknown extensions with a warning', async () => {
    const { path, json } = writeGltf('strange');
    json.extensionsUsed = ['KHR_materials_clearcoat', 'ACME_roof'];
    json.extensionsRequired = ['ACME_roof'];
    writeFileSync(path, JSON.stringify(json));
    expect((await packModel(path)).warnings).toEqual([
      'extension ACME_roof is required but not supported; the model may look wrong',
      'extension KHR_materials_clearcoat is ignored',
    ]);
  });
});

function nodeOf(model: Packed, index: number): number {
  return model.at(format.SECTION_NODES, index, format.NODE_SIZE);
}

/** Writes the model `base` as a .gltf file, with its buffer in another file. */
function writeGltf(name: string) {
  const { json: text, binary } = must(split(must(sources.get('base'), 'model')), 'JSON of the model');
  const json = JSON.parse(Buffer.from(text).toString());
  const length = json.buffers[0].byteLength as number;
  json.buffers[0].uri = 'parts/a%20buffer.bin';
  mkdirSync(join(folder, name, 'parts'), { recursive: true });
  const path = join(folder, name, 'model.gltf');
  writeFileSync(join(folder, name, 'parts/a buffer.bin'), binary.subarray(0, length));
  writeFileSync(path, JSON.stringify(json));
  return { path, json, binary: binary.subarray(0, length) };
}
