import type { Bindings } from './bindings.ts';
import type { ComputePass } from './compute.ts';
import type { BeginRenderPass, EncoderCommands } from './decode.ts';
import type { Loose } from './loose.ts';
import { Fault, type Reader } from './reader.ts';
import type { RenderPass } from './render.ts';
import type { PartRecorder, StaticPasses } from './static.ts';
import type { Handles } from './table.ts';
import type { RenderTarget } from './target.ts';
import type { GpuTimer } from './timer.ts';

export interface CommandEncoderOptions {
  device: GPUDevice;
  reader: Reader;
  target: RenderTarget;
  staticPasses: StaticPasses;
  recorder: PartRecorder;
  bindings: Bindings;
  renderPass: RenderPass;
  computePass: ComputePass;
  /** Undefined on a device without timestamp queries. */
  timer: GpuTimer | undefined;
}

/** A module's one GPU command encoder. The first command that needs it creates it, and the command `submit` finishes it. */
export class CommandEncoder implements EncoderCommands {
  readonly #options: CommandEncoderOptions;
  readonly #timestampWrites = {} as Loose<GPURenderPassTimestampWrites>;
  readonly #computeDescriptor: Loose<GPUComputePassDescriptor> = { label: '', timestampWrites: undefined };
  #gpu: GPUCommandEncoder | undefined;

  constructor(options: CommandEncoderOptions) {
    this.#options = options;
  }

  /** Whether recorded commands are not submitted yet, or a pass or a render bundle is open. */
  get open(): boolean {
    return this.#gpu !== undefined || this.#options.bindings.open !== undefined;
  }

  /** Returns the GPU's command encoder, for a command that is allowed only outside of passes. @throws Fault within a pass */
  record(): GPUCommandEncoder {
    this.checkClosed();
    this.#gpu ??= this.#options.device.createCommandEncoder();
    return this.#gpu;
  }

  /** @throws Fault if a pass or a render bundle is open */
  checkClosed(): void {
    if (this.#options.bindings.open) throw new Fault('a pass or a render bundle is open');
  }

  /** Finishes the command encoder and returns its command buffer; undefined if no commands were recorded. */
  finish(): GPUCommandBuffer | undefined {
    this.checkClosed();
    const commands = this.#gpu?.finish();
    this.#gpu = undefined;
    return commands;
  }

  /** Forgets all commands that were recorded and not submitted, and the open pass. */
  drop(): void {
    this.#options.renderPass.drop();
    this.#options.computePass.drop();
    this.#gpu = undefined;
  }

  beginRenderPass(record: BeginRenderPass): void {
    const { reader, target, staticPasses, recorder, renderPass } = this.#options;
    const commandEncoder = this.record();
    const { timestampQuerySet, beginningOfPassWriteIndex, endOfPassWriteIndex, occlusionQuerySet } = record;
    const times = this.#times(timestampQuerySet, beginningOfPassWriteIndex, endOfPassWriteIndex);
    const descriptor = target.describe(record, times);
    // A render bundle cannot be recorded while a pass is open, so this comes before the pass begins.
    const repeated = staticPasses.find(reader, target.key, recorder);
    renderPass.begin(commandEncoder.beginRenderPass(descriptor), occlusionQuerySet?.count ?? 0);
    if (!repeated) return;
    renderPass.executeLast(repeated.renderBundle);
    reader.skip(repeated.words.length, repeated.commands);
  }

  endRenderPass(): void {
    this.#options.renderPass.end();
  }

  beginComputePass(
    timestampQuerySet: Handles['querySet'] | undefined,
    beginningOfPassWriteIndex: number | undefined,
    endOfPassWriteIndex: number | undefined,
    label: string,
  ): void {
    const commandEncoder = this.record();
    const descriptor = this.#computeDescriptor;
    descriptor.label = label;
    descriptor.timestampWrites = this.#times(timestampQuerySet, beginningOfPassWriteIndex, endOfPassWriteIndex);
    this.#options.computePass.begin(commandEncoder.beginComputePass(descriptor as GPUComputePassDescriptor));
  }

  endComputePass(): void {
    this.#options.computePass.end();
  }

  pushDebugGroup(groupLabel: string): void {
    this.#debugging().pushDebugGroup(groupLabel);
  }

  popDebugGroup(): void {
    this.#debugging().popDebugGroup();
  }

  insertDebugMarker(markerLabel: string): void {
    this.#debugging().insertDebugMarker(markerLabel);
  }

  /** The object that debug groups belong to now: the open pass or render bundle, or else the command encoder. */
  #debugging(): GPUDebugCommandsMixin {
    return this.#options.bindings.open ?? this.record();
  }

  /** Returns where a pass writes its timestamps: the module's query set if it gives one, or else the host's GPU timer. */
  #times(
    querySet: Handles['querySet'] | undefined,
    beginning: number | undefined,
    end: number | undefined,
  ): GPURenderPassTimestampWrites | undefined {
    if (!querySet) return this.#options.timer?.pass();
    const writes = this.#timestampWrites;
    writes.querySet = querySet.gpu;
    writes.beginningOfPassWriteIndex = beginning;
    writes.endOfPassWriteIndex = end;
    return writes as GPURenderPassTimestampWrites;
  }
}
