import { LIMITS } from '../limits.ts';
import { Accessors } from './accessors.ts';
import { type Animation, readAnimations } from './animations.ts';
import { Budget } from './budget.ts';
import { Buffers } from './buffers.ts';
import { readContainer } from './container.ts';
import { type ImageFile, readImages } from './images.ts';
import { DEFAULT_MATERIAL, type Material, readMaterials, readSamplers, type Sampler } from './materials.ts';
import { type Mesh, readMeshes } from './meshes.ts';
import { type Node, readNodes, readSkins, type Skin } from './nodes.ts';
import { Resources } from './resources.ts';
import type { Value } from './value.ts';

/** A glTF model that has been read and checked. */
export interface Model {
  meshes: Mesh[];
  /** The materials of the file, then the default material. */
  materials: Material[];
  /** The samplers of the file, then the default sampler. */
  samplers: Sampler[];
  images: (ImageFile | undefined)[];
  nodes: Node[];
  skins: Skin[];
  animations: Animation[];
  /** Size in bytes of all files that the model refers to. */
  resourceBytes: number;
}

const KNOWN_EXTENSIONS = new Set([
  'KHR_texture_transform',
  'KHR_mesh_quantization',
  'KHR_materials_unlit',
  'KHR_materials_emissive_strength',
  'KHR_draco_mesh_compression',
  'EXT_meshopt_compression',
  'KHR_meshopt_compression',
  'EXT_texture_webp',
]);

/**
 * Reads a glTF 2.0 model.
 * @param folder contains the files that the model refers to; if it is undefined, the model must not refer to files
 * @param warn called with a message about each part of the model that is left out or ignored
 * @throws NearlightError NL_MODEL with the place in the file
 */
export async function readModel(
  bytes: Uint8Array,
  { folder, warn }: { folder: string | undefined; warn(line: string): void },
): Promise<Model> {
  const container = readContainer(bytes);
  const { root } = container;
  warnAboutExtensions(root, warn);
  const decoded = new Budget('decoded bytes', LIMITS.decodedBytes);
  const resources = new Resources(folder);
  const buffers = await Buffers.read(container, resources, decoded);
  const accessors = new Accessors(root, buffers, decoded);
  const samplers = readSamplers(root);
  const materials = readMaterials(root, samplers.length - 1, warn);
  const meshes = await readMeshes(root, { accessors, buffers, materials: materials.length, warn });
  const { nodes, order } = readNodes(root, meshes, root.get('skins').list().length);
  const skins = readSkins(root, accessors, order);
  const animations = readAnimations(root, { accessors, nodes, meshes, order, warn });
  const used = new Set(materials.flatMap(({ slots }) => slots.flatMap((slot) => slot?.image ?? [])));
  const images = await readImages(root, used, { buffers, resources });
  return {
    meshes,
    materials: [...materials, DEFAULT_MATERIAL],
    samplers,
    images,
    nodes,
    skins,
    animations,
    resourceBytes: resources.bytes,
  };
}

function warnAboutExtensions(root: Value, warn: (line: string) => void): void {
  const required = new Set(
    root
      .get('extensionsRequired')
      .list()
      .map((name) => name.text()),
  );
  const used = root
    .get('extensionsUsed')
    .list()
    .map((name) => name.text());
  for (const name of new Set([...required, ...used])) {
    if (KNOWN_EXTENSIONS.has(name)) continue;
    const how = required.has(name) ? 'is required but not supported; the model may look wrong' : 'is ignored';
    warn(`extension ${name.slice(0, 80)} ${how}`);
  }
}
