import { must } from '../../host/base/assert.ts';
import type { Value } from './value.ts';

/** A texture as a material uses it: image, sampler and texture coordinates. */
export interface Slot {
  /** Index of the image of the texture. */
  image: number;
  /** Index of the sampler of the texture. */
  sampler: number;
  /** Number of the set of texture coordinates to use: 0 or 1. */
  texCoord: number;
  /** The map of KHR_texture_transform as six numbers a b c d x y: u' = a u + b v + x, v' = c u + d v + y. */
  transform: [a: number, b: number, c: number, d: number, x: number, y: number];
}

export interface Material {
  baseColor: [r: number, g: number, b: number, a: number];
  metallic: number;
  roughness: number;
  normalScale: number;
  occlusion: number;
  emissive: [r: number, g: number, b: number];
  alphaMode: 'OPAQUE' | 'MASK' | 'BLEND';
  alphaCutoff: number;
  doubleSided: boolean;
  unlit: boolean;
  slots: [
    baseColor: Slot | undefined,
    metalRough: Slot | undefined,
    normal: Slot | undefined,
    occlusion: Slot | undefined,
    emissive: Slot | undefined,
  ];
}

export interface Sampler {
  magLinear: boolean;
  minLinear: boolean;
  mipLinear: boolean;
  /** Whether the sampler uses mip levels. */
  levels: boolean;
  wrapU: 'clamp' | 'repeat' | 'mirror';
  wrapV: 'clamp' | 'repeat' | 'mirror';
}

/** Greatest number that a 16-bit float can represent. */
const HALF_FLOAT_MAX = 65_504;
/** Texture filters, by their numbers in glTF. */
const NEAREST = 9728;
const MIN_FILTERS = [9728, 9729, 9984, 9985, 9986, 9987];
const WRAPS: Record<number, Sampler['wrapU']> = { 33071: 'clamp', 33648: 'mirror', 10497: 'repeat' };

/** The material of a primitive that names none (glTF 2.0, 3.9). */
export const DEFAULT_MATERIAL: Material = {
  baseColor: [1, 1, 1, 1],
  metallic: 1,
  roughness: 1,
  normalScale: 1,
  occlusion: 1,
  emissive: [0, 0, 0],
  alphaMode: 'OPAQUE',
  alphaCutoff: 0.5,
  doubleSided: false,
  unlit: false,
  slots: [undefined, undefined, undefined, undefined, undefined],
};

/** Reads the materials of a model (glTF 2.0, 3.9). @throws NearlightError NL_MODEL */
export function readMaterials(root: Value, samplers: number, warn: (line: string) => void): Material[] {
  const textures = root.get('textures').list();
  const images = root.get('images').list().length;
  const slot = (info: Value): Slot | undefined => readSlot(info, { textures, images, samplers, warn });
  return root
    .get('materials')
    .list()
    .map((material): Material => {
      const pbr = material.get('pbrMetallicRoughness');
      const strength = material.extension('KHR_materials_emissive_strength').get('emissiveStrength');
      const normal = material.get('normalTexture');
      const occlusion = material.get('occlusionTexture');
      const light = clamp(strength.number(1), 0, HALF_FLOAT_MAX);
      const [red, green, blue] = material.get('emissiveFactor').vector([0, 0, 0]);
      return {
        baseColor: pbr.get('baseColorFactor').vector([1, 1, 1, 1]),
        metallic: clamp(pbr.get('metallicFactor').number(1), 0, 1),
        roughness: clamp(pbr.get('roughnessFactor').number(1), 0, 1),
        normalScale: Math.fround(clamp(normal.get('scale').number(1), -64, 64)),
        occlusion: clamp(occlusion.get('strength').number(1), 0, 1),
        emissive: [red * light, green * light, blue * light],
        alphaMode: material.get('alphaMode').choice(['OPAQUE', 'MASK', 'BLEND'], 'OPAQUE'),
        alphaCutoff: Math.fround(clamp(material.get('alphaCutoff').number(0.5), 0, 16)),
        doubleSided: material.get('doubleSided').flag(),
        unlit: material.extension('KHR_materials_unlit').exists,
        slots: [
          slot(pbr.get('baseColorTexture')),
          slot(pbr.get('metallicRoughnessTexture')),
          slot(normal),
          slot(occlusion),
          slot(material.get('emissiveTexture')),
        ],
      };
    });
}

interface SlotContext {
  textures: Value[];
  images: number;
  samplers: number;
  warn(line: string): void;
}

function readSlot(info: Value, { textures, images, samplers, warn }: SlotContext): Slot | undefined {
  if (!info.exists) return undefined;
  const texture = must(textures[info.get('index').index(textures.length, 'texture')], 'texture');
  const webp = texture.extension('EXT_texture_webp').get('source');
  const image = (webp.exists ? webp : texture.get('source')).optionalIndex(images, 'image');
  if (image < 0) {
    warn(`${texture.place} is left out: it has no PNG, JPEG or WebP image`);
    return undefined;
  }
  const extension = info.extension('KHR_texture_transform');
  const own = info.get('texCoord').integer({ max: 255, otherwise: 0 });
  const texCoord = extension.get('texCoord').integer({ max: 255, otherwise: own });
  if (texCoord > 1)
    warn(`${info.place}.texCoord is ${texCoord}, which is not supported; the texture uses coordinates 0 instead`);
  // In the list of samplers, the default one follows those of the file.
  const sampler = texture.get('sampler').optionalIndex(samplers, 'sampler');
  return {
    image,
    sampler: sampler < 0 ? samplers : sampler,
    texCoord: texCoord > 1 ? 0 : texCoord,
    transform: readTransform(extension),
  };
}

/** Reads KHR_texture_transform: translation x rotation x scale, with the rotation counterclockwise. */
function readTransform(extension: Value): Slot['transform'] {
  const [x, y] = extension.get('offset').vector([0, 0]);
  const [sx, sy] = extension.get('scale').vector([1, 1]);
  const angle = Math.fround(extension.get('rotation').number(0));
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return [cos * sx, sin * sy, -sin * sx, cos * sy, x, y];
}

/** Reads the samplers of a model and appends the default one. @throws NearlightError NL_MODEL */
export function readSamplers(root: Value): Sampler[] {
  const samplers = root
    .get('samplers')
    .list()
    .map((sampler): Sampler => {
      const mag = sampler.get('magFilter').integer({ max: 65_535, otherwise: 9729 });
      const min = sampler.get('minFilter').integer({ max: 65_535, otherwise: 9987 });
      if (!MIN_FILTERS.includes(min)) sampler.get('minFilter').fail(`is ${min}, which glTF does not define`);
      return {
        magLinear: mag !== NEAREST,
        minLinear: [9729, 9985, 9987].includes(min),
        mipLinear: [9986, 9987].includes(min),
        levels: min >= 9984,
        wrapU: readWrap(sampler.get('wrapS')),
        wrapV: readWrap(sampler.get('wrapT')),
      };
    });
  return [
    ...samplers,
    { magLinear: true, minLinear: true, mipLinear: true, levels: true, wrapU: 'repeat', wrapV: 'repeat' },
  ];
}

function readWrap(at: Value): Sampler['wrapU'] {
  const mode = at.integer({ max: 65_535, otherwise: 10497 });
  return WRAPS[mode] ?? at.fail(`is ${mode}, which glTF does not define`);
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
