import { SURFACE, SURFACE_FORMAT } from '../../contract/abi';
import * as encode from '../encode';
import { AddressMode, FilterMode, ObjectKind, TextureAspect, TextureDimension } from '../enums';
import { GpuObject, takeId } from './object';

/** GPUExtent3DDict. */
export class Extent3D {
  width: u32 = 1;
  height: u32 = 1;
  depthOrArrayLayers: u32 = 1;
}

/** GPUOrigin3DDict. */
export class Origin3D {
  x: u32 = 0;
  y: u32 = 0;
  z: u32 = 0;
}

/** GPUTextureDescriptor. */
export class TextureDescriptor {
  label: string = '';
  size: Extent3D = {};
  mipLevelCount: u32 = 1;
  sampleCount: u32 = 1;
  dimension: u32 = TextureDimension._2d;
  /** A TextureFormat. */
  format: u32 = 0;
  /** TextureUsage bits. */
  usage: u32 = 0;
  /** TextureFormats that views may have beside the texture's own. */
  viewFormats: u32[] = [];
}

/** GPUTextureViewDescriptor; 0 means WebGPU's default: the texture's own, or all that remain. */
export class TextureViewDescriptor {
  label: string = '';
  format: u32 = 0;
  dimension: u32 = 0;
  aspect: u32 = TextureAspect.all;
  baseMipLevel: u32 = 0;
  mipLevelCount: u32 = 0;
  baseArrayLayer: u32 = 0;
  arrayLayerCount: u32 = 0;
  /** TextureUsage bits; 0 for the texture's. */
  usage: u32 = 0;
}

/** GPUSamplerDescriptor. */
export class SamplerDescriptor {
  label: string = '';
  addressModeU: u32 = AddressMode.clampToEdge;
  addressModeV: u32 = AddressMode.clampToEdge;
  addressModeW: u32 = AddressMode.clampToEdge;
  magFilter: u32 = FilterMode.nearest;
  minFilter: u32 = FilterMode.nearest;
  mipmapFilter: u32 = FilterMode.nearest;
  lodMinClamp: f32 = 0;
  lodMaxClamp: f32 = 32;
  /** A CompareFunction; 0 for none. */
  compare: u32 = 0;
  /** An upper bound: the host lowers it where the GPU offers less, or filters wrongly. */
  maxAnisotropy: u32 = 1;
}

/** GPUTextureView. */
export class TextureView extends GpuObject {
  constructor(id: u32) {
    super(ObjectKind.textureView, id);
  }
}

/** GPUSampler. */
export class Sampler extends GpuObject {
  constructor(id: u32) {
    super(ObjectKind.sampler, id);
  }
}

/** GPUTexture. */
export class Texture extends GpuObject {
  format: u32;
  width: u32;
  height: u32;
  private whole: TextureView | null = null;

  constructor(id: u32, format: u32, width: u32, height: u32) {
    super(ObjectKind.texture, id);
    this.format = format;
    this.width = width;
    this.height = height;
  }

  /** The view of the whole texture; the same each time. */
  get view(): TextureView {
    let view = this.whole;
    if (view === null || view.id === 0) {
      view = this.createView();
      this.whole = view;
    }
    return view;
  }

  /** Ends the texture and the view of the whole of it. */
  destroy(): void {
    const view = this.whole;
    if (view !== null) view.destroy();
    super.destroy();
  }

  /** Makes a view of the texture; destroy it too when it is no longer used. */
  createView(d: TextureViewDescriptor = {}): TextureView {
    const view = new TextureView(takeId(ObjectKind.textureView));
    encode.createTextureView(
      view.id,
      this.id,
      d.format,
      d.dimension,
      d.aspect,
      d.baseMipLevel,
      d.mipLevelCount,
      d.baseArrayLayer,
      d.arrayLayerCount,
      d.usage,
      d.label,
    );
    return view;
  }
}

/** The player's picture; stands for another texture in each call of render, and for none outside. */
class Surface {
  readonly texture: Texture = new Texture(SURFACE, SURFACE_FORMAT, 0, 0);
  readonly view: TextureView = new TextureView(SURFACE);
  readonly format: u32 = SURFACE_FORMAT;
}

/** The picture that `render` draws. */
export const surface: Surface = new Surface();
