import { SURFACE, SURFACE_FORMAT } from '../../contract/abi';
import * as encode from '../encode';
import { AddressMode, FilterMode, ObjectKind, TextureAspect, TextureDimension } from '../enums';
import { GpuObject, takeId } from './object';

/** A size in texels (GPUExtent3DDict). */
export class Extent3D {
  /** Number of texels from left to right. */
  width: u32 = 1;
  /** Number of texels from top to bottom. */
  height: u32 = 1;
  /** Number of layers of a texture array, or of texels in depth of a 3D texture. */
  depthOrArrayLayers: u32 = 1;
}

/** A place in a texture, in texels (GPUOrigin3DDict). */
export class Origin3D {
  /** Texels from the left edge of the texture. */
  x: u32 = 0;
  /** Texels from the top edge of the texture. */
  y: u32 = 0;
  /** Layer of a texture array, or texels in depth of a 3D texture. */
  z: u32 = 0;
}

/** Describes a texture to make (GPUTextureDescriptor). */
export class TextureDescriptor {
  /** The object's name in error messages. */
  label: string = '';
  /** The size of the texture's largest mip level. */
  size: Extent3D = {};
  /** How many mip levels the texture has. */
  mipLevelCount: u32 = 1;
  /** Samples per texel: 1 or 4. */
  sampleCount: u32 = 1;
  /** A TextureDimension: whether the texture is 1D, 2D or 3D. */
  dimension: u32 = TextureDimension._2d;
  /** A TextureFormat: the format of the texels. There is no default. */
  format: u32 = 0;
  /** TextureUsage bits: what the texture may be used for. */
  usage: u32 = 0;
  /** Further TextureFormats that views of the texture may have. */
  viewFormats: u32[] = [];
}

/**
 * Describes a texture view to make (GPUTextureViewDescriptor). A field of 0 means WebGPU's default: what the texture has,
 * or all levels or layers that remain.
 */
export class TextureViewDescriptor {
  /** The object's name in error messages. */
  label: string = '';
  /** A TextureFormat for the view; 0 for the texture's. */
  format: u32 = 0;
  /** A TextureViewDimension for the view; 0 for the one that fits the texture. */
  dimension: u32 = 0;
  /** A TextureAspect: whether the view has depth, stencil or all of the texture. */
  aspect: u32 = TextureAspect.all;
  /** The first mip level of the texture that the view has. */
  baseMipLevel: u32 = 0;
  /** How many mip levels the view has; 0 for all that remain. */
  mipLevelCount: u32 = 0;
  /** The first layer of the texture that the view has. */
  baseArrayLayer: u32 = 0;
  /** How many layers the view has; 0 for all that remain. */
  arrayLayerCount: u32 = 0;
  /** TextureUsage bits of the view; 0 for the texture's. */
  usage: u32 = 0;
}

/** Describes a sampler to make (GPUSamplerDescriptor). */
export class SamplerDescriptor {
  /** The object's name in error messages. */
  label: string = '';
  /** An AddressMode for texture coordinates outside 0 to 1, left to right. */
  addressModeU: u32 = AddressMode.clampToEdge;
  /** An AddressMode for texture coordinates outside 0 to 1, top to bottom. */
  addressModeV: u32 = AddressMode.clampToEdge;
  /** An AddressMode for texture coordinates outside 0 to 1, in depth. */
  addressModeW: u32 = AddressMode.clampToEdge;
  /** A FilterMode for texels that are larger than pixels. */
  magFilter: u32 = FilterMode.nearest;
  /** A FilterMode for texels that are smaller than pixels. */
  minFilter: u32 = FilterMode.nearest;
  /** A FilterMode between mip levels. */
  mipmapFilter: u32 = FilterMode.nearest;
  /** The finest mip level that the sampler uses. */
  lodMinClamp: f32 = 0;
  /** The coarsest mip level that the sampler uses. */
  lodMaxClamp: f32 = 32;
  /** A CompareFunction for comparison samplers; 0 for none. */
  compare: u32 = 0;
  /** Upper bound for anisotropic filtering, 1 to 16. The host lowers it if the GPU offers less or filters wrongly. */
  maxAnisotropy: u32 = 1;
}

/** A part of a texture that a pass draws to or a shader reads (GPUTextureView). */
export class TextureView extends GpuObject {
  constructor(id: u32) {
    super(ObjectKind.textureView, id);
  }
}

/** How shaders read a texture (GPUSampler). */
export class Sampler extends GpuObject {
  constructor(id: u32) {
    super(ObjectKind.sampler, id);
  }
}

/** An image, or an array of images, on the GPU (GPUTexture). */
export class Texture extends GpuObject {
  /** A TextureFormat: the format of the texels. */
  format: u32;
  /** Width of the largest mip level in texels. */
  width: u32;
  /** Height of the largest mip level in texels. */
  height: u32;
  private whole: TextureView | null = null;

  constructor(id: u32, format: u32, width: u32, height: u32) {
    super(ObjectKind.texture, id);
    this.format = format;
    this.width = width;
    this.height = height;
  }

  /** A view of the whole texture, the same one each time. */
  get view(): TextureView {
    let view = this.whole;
    if (view === null || view.id === 0) {
      view = this.createView();
      this.whole = view;
    }
    return view;
  }

  /** Destroys the texture and the view that `view` returned. */
  destroy(): void {
    const view = this.whole;
    if (view !== null) view.destroy();
    super.destroy();
  }

  /** Makes a view of the texture. A view is an object of its own: destroy it once it is no longer used. */
  createView(descriptor: TextureViewDescriptor = {}): TextureView {
    const view = new TextureView(takeId(ObjectKind.textureView));
    encode.createTextureView(
      view.id,
      this.id,
      descriptor.format,
      descriptor.dimension,
      descriptor.aspect,
      descriptor.baseMipLevel,
      descriptor.mipLevelCount,
      descriptor.baseArrayLayer,
      descriptor.arrayLayerCount,
      descriptor.usage,
      descriptor.label,
    );
    return view;
  }
}

/** The picture that a player sees. In each call of `render` it is another texture; outside `render` it must not be used. */
class Surface {
  /** The player's picture as a texture. Its size here is 0 by 0; the host passes the true size to `render`. */
  readonly texture: Texture = new Texture(SURFACE, SURFACE_FORMAT, 0, 0);
  /** The player's picture as a texture view, for a render pass to draw to. */
  readonly view: TextureView = new TextureView(SURFACE);
  /** The TextureFormat of the player's picture. */
  readonly format: u32 = SURFACE_FORMAT;
}

/** The picture that `render` draws for a player. */
export const surface: Surface = new Surface();
