import * as encode from '../encode';
import { ObjectKind } from '../enums';
import { RenderCommands } from './commands';
import { GpuObject, takeId } from './object';

/**
 * Describes a render bundle encoder to make (GPURenderBundleEncoderDescriptor). The attachments must match those of the
 * passes that execute the bundle.
 */
export class RenderBundleEncoderDescriptor {
  /** The render bundle's name in error messages. */
  label: string = '';
  /** TextureFormats of the color attachments; 0 for one that is left out. */
  colorFormats: u32[] = [];
  /** TextureFormat of the depth and stencil attachment; 0 if there is none. */
  depthStencilFormat: u32 = 0;
  /** Samples per texel of the attachments: 1 or 4. */
  sampleCount: u32 = 1;
  /** Whether the bundle's draws leave depth as it is. */
  depthReadOnly: bool = false;
  /** Whether the bundle's draws leave stencil as it is. */
  stencilReadOnly: bool = false;
}

/** Recorded commands that render passes execute (GPURenderBundle). */
export class RenderBundle extends GpuObject {
  constructor(id: u32) {
    super(ObjectKind.renderBundle, id);
  }
}

/** Records a render bundle (GPURenderBundleEncoder). While it is open, no other bundle and no pass may be open. */
export class RenderBundleEncoder extends RenderCommands {
  /** Ends the recording of a render bundle and returns the bundle, which any number of passes may execute. */
  finish(): RenderBundle {
    if (!this.open) throw new Error('this render bundle is finished');
    this.open = false;
    const bundle = new RenderBundle(takeId(ObjectKind.renderBundle));
    encode.finishRenderBundle(bundle.id);
    return bundle;
  }
}
