import {
  device,
  LoadOp,
  RenderPassDescriptor,
  StoreOp,
  surface,
  Texture,
  TextureFormat,
  TextureUsage,
  TextureView,
} from '@nearlight/sdk';

/**
 * Format of depth textures. Sixteen bits are a quarter faster in software rendering. Surfaces that lie on others are drawn with
 * a bias.
 */
export const DEPTH_FORMAT: u32 = TextureFormat.depth16unorm;

/** A depth texture for pictures of one size, and the render pass that uses it. */
export class Target {
  readonly pass: RenderPassDescriptor;
  unused: i32 = 0;
  private readonly texture: Texture;
  private readonly view: TextureView;

  constructor(
    readonly width: u32,
    readonly height: u32,
  ) {
    const texture = device.createTexture({
      label: 'depth',
      size: { width, height },
      format: DEPTH_FORMAT,
      usage: TextureUsage.RENDER_ATTACHMENT,
    });
    const view = texture.createView();
    this.texture = texture;
    this.view = view;
    this.pass = {
      label: 'arena',
      // The level and the sky cover every pixel, so the clear color is never visible.
      colorAttachments: [{ view: surface.view, clearValue: { r: 0.1, g: 0.08, b: 0.14, a: 1 } }],
      depthStencilAttachment: {
        view,
        depthLoadOp: LoadOp.clear,
        depthStoreOp: StoreOp.discard,
      },
    };
  }

  /** Frees the GPU memory of the depth texture. */
  destroy(): void {
    this.view.destroy();
    this.texture.destroy();
  }
}

/** The depth textures and render passes in use, one for each size of a picture. */
export class Targets {
  private readonly list: Target[] = [];

  /** Returns the depth texture and render pass for pictures of a size. Makes them if there are none. */
  get(width: u32, height: u32): Target {
    for (let i = 0; i < this.list.length; i++) {
      const target = this.list[i];
      if (target.width === width && target.height === height) {
        target.unused = 0;
        return target;
      }
    }
    const target = new Target(width, height);
    this.list.push(target);
    return target;
  }

  /** Destroys the depth textures that no picture has used in the last `ticks` ticks. Call it once per tick. */
  tick(ticks: i32): void {
    for (let i = this.list.length - 1; i >= 0; i--) {
      if (++this.list[i].unused <= ticks) continue;
      this.list[i].destroy();
      this.list.splice(i, 1);
    }
  }
}
