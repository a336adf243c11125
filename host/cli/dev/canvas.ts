import { must } from '../../base/assert.ts';
import type { Surface } from '../../gpu/replay.ts';
import type { PlayerView } from '../../room/view.ts';

export interface CanvasViewOptions {
  canvas: OffscreenCanvas;
  device: GPUDevice;
  /** Size of the canvas in pixels, from its next frame on. The fields change when the page is resized. */
  size: Readonly<{ width: number; height: number }>;
  /** Called when a frame was submitted to the canvas. */
  onFrame(): void;
}

const FORMAT = 'rgba8unorm';

/**
 * Shows frames on a canvas. A frame is drawn into a texture of its own and then copied, because a canvas's texture is only
 * valid during one task and a frame may have to wait for a pipeline to compile.
 */
export class CanvasView implements PlayerView {
  readonly ready = true;
  readonly stats = { dropped: 0 };
  readonly #options: CanvasViewOptions;
  readonly #context: GPUCanvasContext;
  #surface: Surface;

  constructor(options: CanvasViewOptions) {
    this.#options = options;
    const { canvas, device } = options;
    this.#context = must(canvas.getContext('webgpu'), 'WebGPU canvas');
    this.#context.configure({ device, format: FORMAT, usage: GPUTextureUsage.COPY_DST, alphaMode: 'opaque' });
    this.#surface = this.#createSurface();
  }

  get surface(): Surface {
    const { width, height } = this.#options.size;
    const { texture } = this.#surface;
    if (texture.width !== width || texture.height !== height) {
      texture.destroy();
      this.#surface = this.#createSurface();
    }
    return this.#surface;
  }

  present(): void {
    const { canvas, device, onFrame } = this.#options;
    const { texture } = this.#surface;
    if (canvas.width !== texture.width) canvas.width = texture.width;
    if (canvas.height !== texture.height) canvas.height = texture.height;
    const commands = device.createCommandEncoder();
    commands.copyTextureToTexture({ texture }, { texture: this.#context.getCurrentTexture() }, [
      texture.width,
      texture.height,
    ]);
    device.queue.submit([commands.finish()]);
    onFrame();
  }

  requestKeyframe(): void {}
  feedback(): void {}
  async close(): Promise<void> {}

  #createSurface(): Surface {
    const { width, height } = this.#options.size;
    const { RENDER_ATTACHMENT, COPY_SRC, TEXTURE_BINDING } = GPUTextureUsage;
    const texture = this.#options.device.createTexture({
      label: 'canvas',
      size: [width, height],
      format: FORMAT,
      usage: RENDER_ATTACHMENT | COPY_SRC | TEXTURE_BINDING,
    });
    return { texture, view: texture.createView() };
  }
}
