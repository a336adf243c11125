import { must } from '../../host/base/assert.ts';
import * as format from '../../renderer/contract/pack.ts';
import { fail } from '../fault.ts';
import type { Animation, Path } from '../gltf/animations.ts';
import type { Material, Sampler } from '../gltf/materials.ts';
import type { Node } from '../gltf/nodes.ts';
import { LIMITS } from '../limits.ts';
import type { EncodedTexture } from '../texture/encode.ts';
import type { Level, Role } from '../texture/levels.ts';
import type { Box, Vec3 } from './box.ts';
import type { Geometry } from './geometry.ts';
import { align, DataBlock, Floats, Records } from './records.ts';

const BLOCK_FORMATS: Record<Role, number> = {
  color: format.FORMAT_BC7_SRGB,
  normal: format.FORMAT_BC5,
  metalRough: format.FORMAT_BC5,
  occlusion: format.FORMAT_BC4,
};
const PLAIN_FORMATS: Record<Role, number> = {
  color: format.FORMAT_RGBA8_SRGB,
  normal: format.FORMAT_RG8,
  metalRough: format.FORMAT_RG8,
  occlusion: format.FORMAT_R8,
};
const PATHS: Record<Path, number> = {
  translation: format.PATH_TRANSLATION,
  rotation: format.PATH_ROTATION,
  scale: format.PATH_SCALE,
  weights: format.PATH_WEIGHTS,
};
const INTERPOLATIONS = {
  STEP: format.INTERPOLATION_STEP,
  LINEAR: format.INTERPOLATION_LINEAR,
  CUBICSPLINE: format.INTERPOLATION_CUBIC,
};
const WRAPS = { clamp: format.WRAP_CLAMP, repeat: format.WRAP_REPEAT, mirror: format.WRAP_MIRROR };

/** Size of each part of a packed model in bytes. */
export interface PartSizes {
  tables: number;
  vertices: number;
  indices: number;
  morphs: number;
  blockTextures: number;
  plainTextures: number;
}

/** A joint as it is written to the packed model. */
export interface Joint {
  node: number;
  /** The inverse bind matrix: sixteen floats, column by column. */
  inverse: Float32Array;
  /** A box, in the joint's space, around the vertices that this joint moves more than other joints do. */
  min: Vec3;
  max: Vec3;
}

/** Collects the parts of a packed model in any order, then writes the file (renderer/contract/pack.ts). */
export class Writer {
  readonly #nodes = new Records(format.NODE_SIZE);
  readonly #primitives = new Records(format.PRIMITIVE_SIZE);
  readonly #materials = new Records(format.MATERIAL_SIZE);
  readonly #textures = new Records(format.TEXTURE_SIZE);
  readonly #levels = new Records(format.LEVEL_SIZE);
  readonly #samplers = new Records(format.SAMPLER_SIZE);
  readonly #skins = new Records(format.SKIN_SIZE);
  readonly #joints = new Records(format.JOINT_SIZE);
  readonly #animations = new Records(format.ANIMATION_SIZE);
  readonly #channels = new Records(format.CHANNEL_SIZE);
  readonly #floats = new Floats();
  readonly #vertices = new DataBlock(4);
  readonly #indices = new DataBlock(4);
  readonly #morphs = new DataBlock(4);
  readonly #texels = new DataBlock(format.BLOCK_ALIGNMENT);
  /** Bytes of compressed and of uncompressed texels that have been added. */
  readonly #sizes = { blockTextures: 0, plainTextures: 0 };

  /**
   * Adds a node.
   * @param first index of the first primitive that the node shows
   * @param count number of primitives that it shows
   */
  node({ parent, skin, translation, rotation, scale, weights }: Node, first: number, count: number): void {
    const out = this.#nodes;
    out.add();
    out.word(format.NODE_PARENT, parent, first, count, skin);
    out.float(format.NODE_TRANSLATION, ...translation);
    out.float(format.NODE_ROTATION, ...rotation);
    out.float(format.NODE_SCALE, ...scale);
    out.word(format.NODE_WEIGHT_FIRST, this.#floats.add(weights), weights.length);
  }

  /** Adds a primitive. Returns its index. */
  primitive(geometry: Geometry, material: number): number {
    const { base, extra, skin, indices, morph, vertexCount, min, max } = geometry;
    const out = this.#primitives;
    const place = out.add();
    const flag = (wanted: unknown, bit: number) => (wanted === undefined ? 0 : bit);
    const flags = flag(extra, format.FLAG_EXTRA) | flag(skin, format.FLAG_SKIN) | flag(morph, format.FLAG_MORPH);
    out.word(format.PRIMITIVE_FLAGS, flags, vertexCount, this.#vertices.add(base));
    if (extra) out.word(format.PRIMITIVE_EXTRA, this.#vertices.add(extra));
    if (skin) out.word(format.PRIMITIVE_SKIN, this.#vertices.add(skin));
    out.word(format.PRIMITIVE_INDEX, this.#indices.add(indices), indices.length, indices.BYTES_PER_ELEMENT, material);
    if (morph) {
      out.word(format.PRIMITIVE_MORPH, this.#morphs.add(morph.deltas) / 4, morph.targetCount);
      out.float(format.PRIMITIVE_MORPH_POSITION, morph.positionScale, morph.normalScale);
    }
    out.float(format.PRIMITIVE_MIN, ...min);
    out.float(format.PRIMITIVE_MAX, ...max);
    return place;
  }

  /** Adds a material. @param textures index of the texture in each slot; -1 if the slot is empty */
  material(material: Material, textures: number[]): void {
    const out = this.#materials;
    out.add();
    const flags =
      (material.alphaMode === 'MASK' ? format.FLAG_MASK : 0) |
      (material.alphaMode === 'BLEND' ? format.FLAG_BLEND : 0) |
      (material.doubleSided ? format.FLAG_DOUBLE_SIDED : 0) |
      (material.unlit ? format.FLAG_UNLIT : 0);
    const { alphaCutoff, baseColor, metallic, roughness, normalScale, occlusion, emissive } = material;
    out.word(format.MATERIAL_FLAGS, flags);
    out.float(format.MATERIAL_ALPHA_CUTOFF, alphaCutoff, ...baseColor, metallic, roughness, normalScale, occlusion);
    out.float(format.MATERIAL_EMISSIVE, ...emissive);
    for (const [index, slot] of material.slots.entries()) {
      const at = format.MATERIAL_SLOTS + index * format.SLOT_SIZE;
      out.word(
        at + format.SLOT_TEXTURE,
        slot ? must(textures[index], 'texture of the slot') : -1,
        slot?.sampler ?? 0,
        slot?.texCoord ?? 0,
      );
      out.float(at + format.SLOT_TRANSFORM, ...(slot?.transform ?? [1, 0, 0, 1, 0, 0]));
    }
  }

  texture(texture: EncodedTexture, role: Role): void {
    const { width, height, blocks, plain } = texture;
    const out = this.#textures;
    out.add();
    const first = this.#addLevels(blocks, 'blockTextures');
    out.word(format.TEXTURE_FORMAT, BLOCK_FORMATS[role], width, height, first, blocks.length);
    const plainFirst = this.#addLevels(plain, 'plainTextures');
    const { width: plainWidth, height: plainHeight } = must(plain[0], 'level of the texture');
    out.word(format.TEXTURE_PLAIN, PLAIN_FORMATS[role], plainWidth, plainHeight, plainFirst, plain.length);
  }

  sampler({ magLinear, minLinear, mipLinear, levels, wrapU, wrapV }: Sampler): void {
    const out = this.#samplers;
    out.add();
    out.word(format.SAMPLER_MAG, Number(magLinear), Number(minLinear), Number(mipLinear), Number(levels));
    out.word(format.SAMPLER_WRAP_U, WRAPS[wrapU], WRAPS[wrapV]);
  }

  skin(joints: Joint[]): void {
    this.#skins.add();
    this.#skins.word(format.SKIN_JOINT_FIRST, this.#joints.count, joints.length);
    for (const { node, inverse, min, max } of joints) {
      this.#joints.add();
      this.#joints.word(format.JOINT_NODE, node);
      this.#joints.float(format.JOINT_INVERSE, ...inverse);
      this.#joints.float(format.JOINT_MIN, ...min);
      this.#joints.float(format.JOINT_MAX, ...max);
    }
  }

  animation({ channels, duration }: Animation): void {
    this.#animations.add();
    this.#animations.word(format.ANIMATION_CHANNEL_FIRST, this.#channels.count, channels.length);
    this.#animations.float(format.ANIMATION_DURATION, duration);
    for (const { node, path, interpolation, components, times, values } of channels) {
      const out = this.#channels;
      out.add();
      out.word(format.CHANNEL_NODE, node, PATHS[path], INTERPOLATIONS[interpolation], times.length, components);
      out.word(format.CHANNEL_TIMES, this.#floats.add(times), this.#floats.add(values));
    }
  }

  /** Returns the bytes of the packed model. @throws NearlightError NL_MODEL if a block or the tables exceed their limits */
  finish(bounds: Box): { bytes: Uint8Array; sizes: PartSizes } {
    const sections = this.#sections();
    let end = format.HEADER_SIZE;
    const placed = sections.map((records) => {
      const start = end;
      end = align(end + records.bytes.length, 4);
      return { start, records };
    });
    const tables = end;
    if (tables > LIMITS.tableBytes)
      fail('the model', `needs tables of ${tables} bytes, more than the ${LIMITS.tableBytes} that a game can read`);
    const place = (block: DataBlock) => {
      const offset = align(end);
      end = offset + block.length;
      return { offset, block };
    };
    const buffers = [
      { at: format.HEADER_VERTICES, ...place(this.#vertices) },
      { at: format.HEADER_INDICES, ...place(this.#indices) },
      { at: format.HEADER_MORPHS, ...place(this.#morphs) },
    ];
    const texels = place(this.#texels);
    for (const { block } of buffers)
      if (block.length > LIMITS.blockBytes)
        fail('the model', `needs a GPU buffer of ${block.length} bytes, more than the ${LIMITS.blockBytes} allowed`);
    const out = new Uint8Array(align(end));
    const view = new DataView(out.buffer);
    const words = (at: number, ...values: number[]): void => {
      for (const [k, value] of values.entries()) view.setUint32(at + k * 4, value, true);
    };
    words(format.HEADER_MAGIC, format.MODEL_MAGIC, format.MODEL_VERSION, out.length, tables);
    for (const { at, offset, block } of buffers) words(at, offset, block.length);
    for (const [k, value] of [...bounds.min, ...bounds.max].entries())
      view.setFloat32(format.HEADER_MIN + k * 4, value, true);
    for (const [index, { start, records }] of placed.entries()) {
      words(format.HEADER_SECTIONS + index * 8, start, records.count);
      out.set(records.bytes, start);
    }
    for (const { offset, block } of [...buffers, texels]) block.copyTo(out, offset);
    // Mip levels were recorded with offsets from the start of the texels; the file needs offsets from its own start.
    const levels = must(placed[format.SECTION_LEVELS], 'section of levels').start;
    for (let level = 0; level < this.#levels.count; level++) {
      const at = levels + level * format.LEVEL_SIZE + format.LEVEL_OFFSET;
      view.setUint32(at, view.getUint32(at, true) + texels.offset, true);
    }
    const [vertices, indices, morphs] = [this.#vertices.length, this.#indices.length, this.#morphs.length];
    return { bytes: out, sizes: { tables, vertices, indices, morphs, ...this.#sizes } };
  }

  /** Returns the tables of the packed model in the order that renderer/contract/pack.ts prescribes. */
  #sections(): Records[] {
    const { records } = this.#floats;
    const materials = [this.#nodes, this.#primitives, this.#materials, this.#textures, this.#levels, this.#samplers];
    return [...materials, this.#skins, this.#joints, this.#animations, this.#channels, records];
  }

  /** Adds the mip levels of a texture. Returns the index of the first level. */
  #addLevels(levels: Level[], part: 'blockTextures' | 'plainTextures'): number {
    const first = this.#levels.count;
    for (const { width, height, bytesPerRow, data } of levels) {
      this.#levels.add();
      this.#levels.word(format.LEVEL_OFFSET, this.#texels.add(data), data.length, bytesPerRow, width, height);
      this.#sizes[part] += align(data.length);
    }
    return first;
  }
}
