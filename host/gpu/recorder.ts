import type { Bindings } from './bindings.ts';
import { type CommandRecords, decode, type Handler } from './decode.ts';
import { idleHandler } from './idle.ts';
import { Reader } from './reader.ts';
import type { RenderPass } from './render.ts';
import type { PartRecorder } from './static.ts';
import type { Handles, Tables } from './table.ts';
import type { RenderTarget } from './target.ts';
import { LOOK_COMMANDS } from './turn.ts';

export interface RenderBundleRecorderOptions {
  device: GPUDevice;
  /** Reads the command stream that contains the commands to record. */
  reader: Reader;
  tables: Tables;
  records: CommandRecords;
  target: RenderTarget;
  bindings: Bindings;
  renderPass: RenderPass;
}

/** Records a render pass's commands as a render bundle with the formats of the current render target. */
export class RenderBundleRecorder implements PartRecorder {
  readonly #options: RenderBundleRecorderOptions;
  readonly #part = new Reader();
  readonly #handler: Handler;

  constructor(options: RenderBundleRecorderOptions) {
    const { tables, records, bindings, renderPass } = options;
    this.#options = options;
    this.#handler = { ...idleHandler(tables, records), bindings, renderPass };
  }

  /** @see PartRecorder. No pass may be open. Errors are dropped: the commands fail again when the pass executes them. */
  record(from: number, to: number): Handles['renderBundle'] | undefined {
    const { device, reader, target, renderPass } = this.#options;
    try {
      renderPass.beginRenderBundle(device.createRenderBundleEncoder(target.describeRenderBundle()));
      this.#part.openPart(reader, from, to);
      decode(this.#part, this.#handler, () => undefined, LOOK_COMMANDS);
      return renderPass.finishRenderBundle();
    } catch {
      renderPass.drop();
      return undefined;
    }
  }
}
