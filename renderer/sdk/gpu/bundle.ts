import * as encode from '../encode';
import { ObjectKind } from '../enums';
import { RenderCommands } from './commands';
import { GpuObject, takeId } from './object';

/** GPURenderBundleEncoderDescriptor: the formats of the passes that the bundle is for. */
export class RenderBundleEncoderDescriptor {
  label: string = '';
  /** TextureFormats of the color attachments; 0 for an empty place. */
  colorFormats: u32[] = [];
  /** A TextureFormat; 0 for none. */
  depthStencilFormat: u32 = 0;
  sampleCount: u32 = 1;
  depthReadOnly: bool = false;
  stencilReadOnly: bool = false;
}

/** GPURenderBundle. */
export class RenderBundle extends GpuObject {
  constructor(id: u32) {
    super(ObjectKind.renderBundle, id);
  }
}

/** GPURenderBundleEncoder. There is one, and no pass is open beside it. */
export class RenderBundleEncoder extends RenderCommands {
  /** Ends the bundle, which any number of passes may execute. */
  finish(): RenderBundle {
    if (!this.open) throw new Error('this render bundle is finished');
    this.open = false;
    const bundle = new RenderBundle(takeId(ObjectKind.renderBundle));
    encode.finishRenderBundle(bundle.id);
    return bundle;
  }
}
