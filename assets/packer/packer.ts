import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MeshoptEncoder } from 'meshoptimizer/encoder';
import { MeshoptTangents } from 'meshoptimizer/tangents';
import { must } from '../../host/base/assert.ts';
import { NearlightError } from '../../host/base/errors.ts';
import { fail } from '../fault.ts';
import type { Model } from '../gltf/model.ts';
import { readModel } from '../gltf/model.ts';
import { LIMITS } from '../limits.ts';
import { sceneBounds } from './bounds.ts';
import { buildGeometry } from './geometry.ts';
import { buildJoints } from './joints.ts';
import { buildTextures } from './textures.ts';
import { type PartSizes, Writer } from './writer.ts';

export interface PackOptions {
  /** Largest side of a texture in pixels; larger textures are scaled down. The default is 2048. */
  textureSideMax?: number;
  /** Folder of the files that a model given as bytes refers to. Without it, the model must not refer to files. */
  folder?: string;
  /** Called after each step of the packing, with a description of the step. */
  onProgress?(step: string): void;
}

/** Sizes and counts of a packed model, and how long packing it took. */
export interface PackReport {
  /** Size in bytes of the model and of all files that it refers to. */
  sourceBytes: number;
  packedBytes: number;
  sizes: PartSizes;
  counts: {
    nodes: number;
    primitives: number;
    vertices: number;
    triangles: number;
    materials: number;
    textures: number;
    joints: number;
    animations: number;
  };
  /** Time that each step of packing took, in milliseconds. */
  ms: { read: number; geometry: number; textures: number; all: number };
}

export interface PackedModel {
  bytes: Uint8Array;
  report: PackReport;
  warnings: string[];
}

const TEXTURE_SIDE_MAX = 2048;
/** Greatest number of warnings about a model that are kept, because a hostile file could cause a million. */
const WARNINGS_MAX = 50;

/**
 * Turns a glTF 2.0 model into a packed model (renderer/contract/pack.ts).
 * @param source path of a .gltf or .glb file, or its bytes
 * @throws NearlightError NL_MODEL with the place where the file is broken or exceeds a limit (limits.ts)
 */
export async function packModel(source: string | Uint8Array, options: PackOptions = {}): Promise<PackedModel> {
  const warnings: string[] = [];
  const warn = (line: string): void => {
    if (warnings.length < WARNINGS_MAX && !warnings.includes(line)) warnings.push(line);
  };
  const bytes = typeof source === 'string' ? await read(source) : source;
  const folder = options.folder ?? (typeof source === 'string' ? dirname(source) : undefined);
  try {
    return { ...(await build(bytes, { ...options, folder, warn })), warnings };
  } catch (cause) {
    const known = cause instanceof NearlightError ? cause : undefined;
    const detail = known?.detail ?? `the model: cannot be read: ${(cause as Error).message}`;
    const named = typeof source === 'string' ? `${source}: ${detail}` : detail;
    throw new NearlightError(known?.code ?? 'NL_MODEL', named, { cause });
  }
}

interface BuildOptions extends Omit<PackOptions, 'folder'> {
  folder: string | undefined;
  warn(line: string): void;
}

async function build(bytes: Uint8Array, options: BuildOptions): Promise<Pick<PackedModel, 'bytes' | 'report'>> {
  const { textureSideMax = TEXTURE_SIDE_MAX, onProgress } = options;
  const startMs = performance.now();
  let lapStartMs = startMs;
  const lapMs = (): number => {
    const previousMs = lapStartMs;
    lapStartMs = performance.now();
    return lapStartMs - previousMs;
  };
  await Promise.all([MeshoptEncoder.ready, MeshoptTangents.ready]);
  const model = await readModel(bytes, options);
  const ms = { read: lapMs(), geometry: 0, textures: 0, all: 0 };
  const writer = new Writer();
  const counts = writeGeometry(model, writer, onProgress);
  ms.geometry = lapMs();
  const textures = await buildTextures(model.materials, model.images, {
    sideMax: textureSideMax,
    onProgress: (done, all) => onProgress?.(`texture ${done} of ${all}`),
  });
  for (const { texture, role } of textures.list) writer.texture(texture, role);
  for (const [index, material] of model.materials.entries())
    writer.material(material, must(textures.slots[index], 'textures of the material'));
  ms.textures = lapMs();
  const { bytes: packed, sizes } = writer.finish(sceneBounds(model));
  ms.all = performance.now() - startMs;
  const report = {
    sourceBytes: bytes.length + model.resourceBytes,
    packedBytes: packed.length,
    sizes,
    counts: { ...counts, materials: model.materials.length - 1, textures: textures.list.length },
    ms,
  };
  return { bytes: packed, report };
}

/** Writes all parts of a model except materials and textures. Returns the number of parts of each kind. */
function writeGeometry(model: Model, writer: Writer, onProgress: PackOptions['onProgress']) {
  const counts = { nodes: model.nodes.length, primitives: 0, vertices: 0, triangles: 0, joints: 0, animations: 0 };
  const shown = new Set(model.nodes.map(({ mesh }) => mesh));
  const ranges = model.meshes.map(({ primitives }, index) => {
    if (!shown.has(index)) return { first: 0, count: 0 };
    const first = counts.primitives;
    for (const primitive of primitives) {
      // The last material of the model is the default one.
      const material = primitive.material < 0 ? model.materials.length - 1 : primitive.material;
      const [, , normalMap] = must(model.materials[material], 'material').slots;
      const geometry = buildGeometry(primitive, normalMap);
      writer.primitive(geometry, material);
      counts.primitives++;
      counts.vertices += geometry.vertexCount;
      counts.triangles += geometry.indices.length / 3;
    }
    onProgress?.(`mesh ${index + 1} of ${model.meshes.length}`);
    return { first, count: primitives.length };
  });
  if (counts.primitives === 0) fail('the model', 'shows no triangles; points and lines cannot be packed');
  for (const node of model.nodes) {
    const { first, count } = ranges[node.mesh] ?? { first: 0, count: 0 };
    writer.node(node, first, count);
  }
  for (const joints of buildJoints(model)) {
    writer.skin(joints);
    counts.joints += joints.length;
  }
  for (const sampler of model.samplers) writer.sampler(sampler);
  for (const animation of model.animations) writer.animation(animation);
  counts.animations = model.animations.length;
  return counts;
}

async function read(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size > LIMITS.fileBytes) fail(path, `has ${size} bytes, more than the ${LIMITS.fileBytes} allowed`);
    return await readFile(path);
  } catch (cause) {
    if (cause instanceof NearlightError) throw cause;
    return fail(path, `cannot be opened: ${(cause as NodeJS.ErrnoException).code}`, cause);
  }
}
