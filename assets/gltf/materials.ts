import type { Value } from './value.ts';

/** One use of a texture by a material. */
export interface Slot {
  image: number;
  sampler: number;
  texCoord: number;
  /** a b c d x y of KHR_texture_transform: u' = a u + b v + x, v' = c u + d v + y. */
  transform: number[];
}

export interface Material {
  baseColor: number[];
  metallic: number;
  roughness: number;
  normalScale: number;
  occlusion: number;
  emissive: number[];
  alphaMode: 'OPAQUE' | 'MASK' | 'BLEND';
  alphaCutoff: number;
  doubleSided: boolean;
  unlit: boolean;
  /** Base colour, metal-rough, normal, occlusion, emissive. */
  slots: (Slot | undefined)[];
}

export interface Sampler {
  magLinear: boolean;
  minLinear: boolean;
  mipLinear: boolean;
  levels: boolean;
  wrapU: 'clamp' | 'repeat' | 'mirror';
  wrapV: 'clamp' | 'repeat' | 'mirror';
}

const NEAREST = 9728;
const MIN_FILTERS = [9728, 9729, 9984, 9985, 9986, 9987];
const WRAPS: Record<number, Sampler['wrapU']> = { 33071: 'clamp', 33648: 'mirror', 10497: 'repeat' };

/** A material as the specification has it where nothing is said. */
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

/** Reads materials (glTF 2.0, 3.9). @throws NearlightError NL_MODEL */
export function readMaterials(root: Value, samplers: number, warn: (line: string) => void): Material[] {
  const textures = root.get('textures').list();
  const images = root.get('images').list().length;
  const slot = (info: Value): Slot | undefined => readSlot(info, { textures, images, samplers, warn });
  return root
    .get('materials')
    .list()
    .map((material) => {
      const pbr = material.get('pbrMetallicRoughness');
      const strength = material.extension('KHR_materials_emissive_strength').get('emissiveStrength');
      const normal = material.get('normalTexture');
      const occlusion = material.get('occlusionTexture');
      const light = clamp(strength.number(1), 0, 65_504);
      return {
        baseColor: pbr.get('baseColorFactor').numbers(4, [1, 1, 1, 1]),
        metallic: clamp(pbr.get('metallicFactor').number(1), 0, 1),
        roughness: clamp(pbr.get('roughnessFactor').number(1), 0, 1),
        normalScale: Math.fround(clamp(normal.get('scale').number(1), -64, 64)),
        occlusion: clamp(occlusion.get('strength').number(1), 0, 1),
        emissive: material
          .get('emissiveFactor')
          .numbers(3, [0, 0, 0])
          .map((value) => value * light),
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
  const texture = textures[info.get('index').index(textures.length, 'texture')]!;
  const webp = texture.extension('EXT_texture_webp').get('source');
  const image = (webp.exists ? webp : texture.get('source')).optionalIndex(images, 'image');
  if (image < 0) {
    warn(`${texture.place}: it has no image in a format that can be read, and is left out`);
    return undefined;
  }
  const extension = info.extension('KHR_texture_transform');
  const own = info.get('texCoord').integer({ max: 255, otherwise: 0 });
  const texCoord = extension.get('texCoord').integer({ max: 255, otherwise: own });
  if (texCoord > 1) warn(`${info.place}.texCoord: is ${texCoord}; coordinates 0 are used instead`);
  // One more than the file has is the default sampler.
  const sampler = texture.get('sampler').optionalIndex(samplers, 'sampler');
  return {
    image,
    sampler: sampler < 0 ? samplers : sampler,
    texCoord: texCoord > 1 ? 0 : texCoord,
    transform: readTransform(extension),
  };
}

/** Translation x rotation x scale, the rotation counterclockwise (KHR_texture_transform). */
function readTransform(extension: Value): number[] {
  const [x, y] = extension.get('offset').numbers(2, [0, 0]);
  const [sx, sy] = extension.get('scale').numbers(2, [1, 1]);
  const angle = Math.fround(extension.get('rotation').number(0));
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return [cos * sx!, sin * sy!, -sin * sx!, cos * sy!, x!, y!];
}

/** Reads samplers, and after them the default one. @throws NearlightError NL_MODEL */
export function readSamplers(root: Value): Sampler[] {
  const samplers = root
    .get('samplers')
    .list()
    .map((sampler): Sampler => {
      const mag = sampler.get('magFilter').integer({ max: 65_535, otherwise: 9729 });
      const min = sampler.get('minFilter').integer({ max: 65_535, otherwise: 9987 });
      if (!MIN_FILTERS.includes(min)) sampler.get('minFilter').fail(`is ${min}, which glTF does not know`);
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
  return WRAPS[mode] ?? at.fail(`is ${mode}, which glTF does not know`);
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
