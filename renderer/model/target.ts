import { DEPTH_FORMAT, SAMPLES } from '../scene/pipelines';
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
} from '../sdk';

/** What pictures of one size share: colour and depth of several samples, and the pass that uses them. */
export class Target {
  readonly pass!: RenderPassDescriptor;
  unused: i32 = 0;
  private readonly textures: Texture[] = [];
  private readonly views: TextureView[] = [];

  constructor(
    readonly width: u32,
    readonly height: u32,
  ) {
    const color = this.add({ label: 'color', format: surface.format });
    const depth = this.add({ label: 'depth', format: DEPTH_FORMAT });
    this.pass = {
      label: 'model',
      colorAttachments: [{ view: color, resolveTarget: surface.view, storeOp: StoreOp.discard }],
      depthStencilAttachment: { view: depth, depthLoadOp: LoadOp.clear, depthStoreOp: StoreOp.discard },
    };
  }

  /** Gives the GPU's memory back. */
  destroy(): void {
    for (let i = 0; i < this.views.length; i++) {
      this.views[i].destroy();
      this.textures[i].destroy();
    }
  }

  private add(descriptor: TextureDescriptor): TextureView {
    descriptor.size = { width: this.width, height: this.height };
    descriptor.sampleCount = SAMPLES;
    descriptor.usage = TextureUsage.RENDER_ATTACHMENT;
    const texture = device.createTexture(descriptor);
    const view = texture.createView();
    this.textures.push(texture);
    this.views.push(view);
    return view;
  }
}

/** The targets of all sizes that are in use. */
export class Targets {
  private readonly list: Target[] = [];

  /** Finds the target of a size, or makes it. */
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

  /** Destroys those that nobody asked for in the last `ticks` ticks; call it once a tick. */
  tick(ticks: i32): void {
    for (let i = this.list.length - 1; i >= 0; i--) {
      if (++this.list[i].unused <= ticks) continue;
      this.list[i].destroy();
      this.list.splice(i, 1);
    }
  }
}
