import { type BeginRenderPass, COLOR_ATTACHMENT, type ColorAttachment, ENUMS } from './decode.ts';
import type { Loose } from './loose.ts';
import { Fault, type Reader } from './reader.ts';
import type { Handles, Tables } from './table.ts';

/** Multiplier for mixing numbers into a hash: odd, and larger than most of the numbers. */
const MIX = 1009;

/** A color attachment of a render pass. The objects are reused for all passes, to make no garbage. */
class Color {
  textureView: Handles['textureView'] | undefined;
  readonly #clearValue = { r: 0, g: 0, b: 0, a: 0 };
  readonly #attachment = { clearValue: this.#clearValue } as Loose<GPURenderPassColorAttachment>;

  /** Converts the attachment into WebGPU's descriptor; null for an attachment that the command leaves empty. */
  fill(record: ColorAttachment): GPURenderPassColorAttachment | null {
    this.textureView = record.view;
    if (!record.view) return null;
    const attachment = this.#attachment;
    attachment.view = record.view.gpu;
    attachment.depthSlice = record.depthSlice;
    attachment.resolveTarget = record.resolveTarget?.gpu;
    attachment.loadOp = record.loadOp;
    attachment.storeOp = record.storeOp;
    const clear = this.#clearValue;
    clear.r = record.clearR;
    clear.g = record.clearG;
    clear.b = record.clearB;
    clear.a = record.clearA;
    return attachment as GPURenderPassColorAttachment;
  }
}

export interface RenderTargetOptions {
  reader: Reader;
  tables: Tables;
  limits: GPUSupportedLimits;
}

/** The attachments that the current render pass draws into. */
export class RenderTarget {
  readonly #reader: Reader;
  readonly #tables: Tables;
  /** Reusable color attachments, as many as a render pass may have. */
  readonly #pool: Color[];
  /** The color attachments of the current pass, taken from the pool. */
  readonly #colors: Color[] = [];
  readonly #attachments: (GPURenderPassColorAttachment | null)[] = [];
  readonly #depthAttachment = {} as Loose<GPURenderPassDepthStencilAttachment>;
  readonly #descriptor = {} as Loose<GPURenderPassDescriptor>;
  #depthView: Handles['textureView'] | undefined;
  #depthReadOnly = false;
  #stencilReadOnly = false;

  constructor({ reader, tables, limits }: RenderTargetOptions) {
    this.#reader = reader;
    this.#tables = tables;
    this.#pool = Array.from({ length: limits.maxColorAttachments }, () => new Color());
  }

  /** Converts a command into WebGPU's descriptor of a render pass. It is valid until the next call of describe(). */
  describe(
    record: BeginRenderPass,
    timestampWrites: GPURenderPassTimestampWrites | undefined,
  ): GPURenderPassDescriptor {
    const descriptor = this.#descriptor;
    this.#readColors(record.colorAttachments, record.colorAttachmentsCount);
    descriptor.label = record.label;
    descriptor.colorAttachments = this.#attachments;
    descriptor.depthStencilAttachment = this.#fillDepth(record);
    descriptor.occlusionQuerySet = record.occlusionQuerySet?.gpu;
    descriptor.timestampWrites = timestampWrites;
    return descriptor as GPURenderPassDescriptor;
  }

  /** A hash of the pass's formats, sample counts and read-only flags. A render bundle fits passes with an equal hash. */
  get key(): number {
    let key = Number(this.#depthReadOnly) * 2 + Number(this.#stencilReadOnly);
    key = Math.imul(key, MIX) + keyOf(this.#depthView);
    for (const { textureView } of this.#colors) key = Math.imul(key, MIX) + keyOf(textureView);
    return key;
  }

  /** Returns WebGPU's descriptor for the encoder of a render bundle that fits the current pass. */
  describeRenderBundle(): GPURenderBundleEncoderDescriptor {
    const colorFormats = this.#colors.map(({ textureView }) => textureView?.format ?? null);
    const depthView = this.#depthView;
    const first = depthView ?? this.#colors.find(({ textureView }) => textureView)?.textureView;
    return {
      colorFormats,
      sampleCount: first?.sampleCount ?? 1,
      ...(depthView && {
        depthStencilFormat: depthView.format,
        depthReadOnly: this.#depthReadOnly,
        stencilReadOnly: this.#stencilReadOnly,
      }),
    };
  }

  #readColors(at: number, count: number): void {
    const max = this.#pool.length;
    if (count > max) throw new Fault(`${count} color attachments are more than ${max}`);
    this.#colors.length = 0;
    this.#attachments.length = 0;
    for (const color of this.#pool) {
      const n = this.#colors.length;
      if (n === count) return;
      const record = COLOR_ATTACHMENT.read(this.#reader, this.#tables, at + n * COLOR_ATTACHMENT.words);
      this.#colors.push(color);
      this.#attachments.push(color.fill(record));
    }
  }

  #fillDepth(record: BeginRenderPass): GPURenderPassDepthStencilAttachment | undefined {
    this.#depthView = record.depthView;
    this.#depthReadOnly = record.depthReadOnly;
    this.#stencilReadOnly = record.stencilReadOnly;
    if (!record.depthView) return undefined;
    const attachment = this.#depthAttachment;
    attachment.view = record.depthView.gpu;
    attachment.depthLoadOp = record.depthLoadOp;
    attachment.depthStoreOp = record.depthStoreOp;
    attachment.depthClearValue = record.depthLoadOp === 'clear' ? record.depthClearValue : undefined;
    attachment.depthReadOnly = record.depthReadOnly;
    attachment.stencilLoadOp = record.stencilLoadOp;
    attachment.stencilStoreOp = record.stencilStoreOp;
    attachment.stencilClearValue = record.stencilClearValue;
    attachment.stencilReadOnly = record.stencilReadOnly;
    return attachment as GPURenderPassDepthStencilAttachment;
  }
}

function keyOf(textureView: Handles['textureView'] | undefined): number {
  return textureView ? ENUMS.TextureFormat.indexOf(textureView.format) * 8 + textureView.sampleCount : 0;
}
