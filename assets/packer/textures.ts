import { must } from '../../host/base/assert.ts';
import { fail } from '../fault.ts';
import type { ImageFile } from '../gltf/images.ts';
import type { Material } from '../gltf/materials.ts';
import type { EncodedTexture } from '../texture/encode.ts';
import type { Role } from '../texture/levels.ts';
import { encodeTextures } from '../texture/pool.ts';

/** Width and height of a compressed block in texels. */
const BLOCK_SIDE = 4;
/** The role of the texture in each slot of a material, in the order of Material.slots. */
const ROLES: Role[] = ['color', 'metalRough', 'normal', 'occlusion', 'color'];

/**
 * The textures of a model. An image that is used in several roles, such as colour and occlusion, becomes one texture for each.
 */
export interface Textures {
  list: { role: Role; texture: EncodedTexture }[];
  /** For each material, the index of the texture in each slot; -1 if the slot is empty. */
  slots: number[][];
}

/** Encodes the textures that materials use. @throws NearlightError NL_MODEL with the image that cannot be decoded */
export async function buildTextures(
  materials: Material[],
  images: (ImageFile | undefined)[],
  { sideMax, onProgress }: { sideMax: number; onProgress(done: number, all: number): void },
): Promise<Textures> {
  const wanted: { image: ImageFile; role: Role }[] = [];
  const known = new Map<string, number>();
  const slots = materials.map((material) =>
    material.slots.map((slot, index) => {
      const role = must(ROLES[index], 'role of the slot');
      if (!slot) return -1;
      const key = `${slot.image} ${role}`;
      const place = known.get(key) ?? wanted.push({ image: must(images[slot.image], 'image that is used'), role }) - 1;
      known.set(key, place);
      return place;
    }),
  );
  const textures: (EncodedTexture | undefined)[] = wanted.map(() => undefined);
  let done = 0;
  await encodeTextures(
    wanted.map(({ image, role }, index) => ({
      file: image.file,
      role,
      ...scaledSize(image, sideMax),
      done(texture) {
        textures[index] = texture;
        onProgress(++done, wanted.length);
      },
      failed: (message) => fail(image.place, `cannot be decoded: ${message.split('\n')[0]}`),
    })),
  );
  return {
    list: wanted.map(({ role }, index) => ({ role, texture: must(textures[index], 'texture that was encoded') })),
    slots,
  };
}

/** Returns the size of a texture: within the limit, and with sides that are multiples of 4, as block compression requires. */
function scaledSize({ width, height }: ImageFile, sideMax: number): { width: number; height: number } {
  const scale = Math.min(1, sideMax / Math.max(width, height));
  const most = Math.floor(sideMax / BLOCK_SIDE);
  const side = (value: number) => Math.max(1, Math.min(most, Math.round((value * scale) / BLOCK_SIDE))) * BLOCK_SIDE;
  return { width: side(width), height: side(height) };
}
