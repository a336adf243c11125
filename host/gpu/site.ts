import type { Loose } from './loose.ts';
import type { Handles } from './table.ts';

/** The fields of a command that say where in a texture a copy or upload begins. */
export interface TexturePlace {
  texture: Handles['texture'];
  mipLevel: number;
  originX: number;
  originY: number;
  originZ: number;
  aspect: GPUTextureAspect;
}

/** Converts a place in a texture into WebGPU's descriptor. One descriptor is reused for all commands, to make no garbage. */
export class TextureSite {
  readonly #origin = { x: 0, y: 0, z: 0 };
  readonly #site: Loose<GPUTexelCopyTextureInfo> = {
    texture: undefined,
    mipLevel: 0,
    origin: this.#origin,
    aspect: 'all',
  };

  /** Returns WebGPU's descriptor of the place. It is valid until the next call of at(). */
  at({ texture, mipLevel, originX, originY, originZ, aspect }: TexturePlace): GPUTexelCopyTextureInfo {
    const site = this.#site;
    site.texture = texture.gpu;
    site.mipLevel = mipLevel;
    site.aspect = aspect;
    this.#origin.x = originX;
    this.#origin.y = originY;
    this.#origin.z = originZ;
    return site as GPUTexelCopyTextureInfo;
  }
}
