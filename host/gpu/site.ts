import type { Loose } from './loose.ts';
import type { Handles } from './table.ts';

/** The fields by which commands name a place in a texture. */
export interface TexturePlace {
  texture: Handles['texture'];
  mipLevel: number;
  originX: number;
  originY: number;
  originZ: number;
  aspect: GPUTextureAspect;
}

/** A place in a texture in WebGPU's terms. One object serves all commands, so that they make no garbage. */
export class TextureSite {
  readonly #origin = { x: 0, y: 0, z: 0 };
  readonly #site: Loose<GPUTexelCopyTextureInfo> = {
    texture: undefined,
    mipLevel: 0,
    origin: this.#origin,
    aspect: 'all',
  };

  /** The place in WebGPU's terms, valid until the next call. */
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
