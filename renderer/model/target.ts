import {
  device,
  LoadOp,
  RenderPassDescriptor,
  StoreOp,
  surface,
  Texture,
  TextureDescriptor,
  TextureUsage,
  TextureView,
} from '@nearlight/sdk';
import { DEPTH_FORMAT } from '@nearlight/sdk/scene';

const SAMPLES: u32 = 4;
/**
 * Pictures with fewer pixels get one sample per pixel: they come from software rendering, where several samples double the
 * time.
 */
const SAMPLED_PIXELS_MIN: u64 = 1280 * 720;

/**
 * Textures that pictures of one size share: depth, and color if pixels have several samples. Also the render pass that uses
 * them.
 */
export class Target {
  readonly pass!: RenderPassDescriptor;
  /** Samples per pixel. */
  readonly samples: u32;
  unused: i32 = 0;
  private readonly textures: Texture[] = [];
  private readonly views: TextureView[] = [];

  constructor(
    readonly width: u32,
    readonly height: u32,
  ) {
    this.samples = <u64>width * height >= SAMPLED_PIXELS_MIN ? SAMPLES : 1;
    const color = this.samples > 1 ? this.add({ label: 'color', format: surface.format }) : surface.view;
    const resolveTarget = this.samples > 1 ? surface.view : null;
    const storeOp = this.samples > 1 ? StoreOp.discard : StoreOp.store;
    const depth = this.add({ label: 'depth', format: DEPTH_FORMAT });
    this.pass = {
      label: 'model',
      colorAttachments: [{ view: color, resolveTarget, storeOp }],
      depthStencilAttachment: { view: depth, depthLoadOp: LoadOp.clear, depthStoreOp: StoreOp.discard },
    };
  }

  /** Frees the GPU memory of the textures. */
  destroy(): void {
    for (let i = 0; i < this.views.length; i++) {
      this.views[i].destroy();
      this.textures[i].destroy();
    }
  }

  private add(descriptor: TextureDescriptor): TextureView {
    descriptor.size = { width: this.width, height: this.height };
    descriptor.sampleCount = this.samples;
    descriptor.usage = TextureUsage.RENDER_ATTACHMENT;
    const texture = device.createTexture(descriptor);
    const view = texture.createView();
    this.textures.push(texture);
    this.views.push(view);
    return view;
  }
}

/** The textures and render passes in use, one set for each size of a picture. */
export class Targets {
  private readonly list: Target[] = [];

  /** Returns the textures and render pass for pictures of a size. Makes them if there are none. */
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

  /** Destroys the textures that no picture has used in the last `ticks` ticks. Call it once per tick. */
  tick(ticks: i32): void {
    for (let i = this.list.length - 1; i >= 0; i--) {
      if (++this.list[i].unused <= ticks) continue;
      this.list[i].destroy();
      this.list.splice(i, 1);
    }
  }
}
