import type { BindingsCommands } from './decode.ts';
import { Fault, type Reader } from './reader.ts';
import type { Handles } from './table.ts';
import { u32 } from './words.ts';

/** The commands that render passes, render bundles and compute passes have in common. */
type OpenPass = GPUObjectBase & GPUBindingCommandsMixin & GPUDebugCommandsMixin;

export interface BindingsOptions {
  reader: Reader;
  limits: GPUSupportedLimits;
}

/** The pass or render bundle that is open, and the bind groups that are set in it. */
export class Bindings implements BindingsCommands {
  readonly #reader: Reader;
  /** Bind groups by index. Undefined where no bind group is set, or one with dynamic offsets is. */
  readonly #groups: (Handles['bindGroup'] | undefined)[];
  /** One array of dynamic offsets for each possible length. Dawn reads a plain array twice as fast as part of a typed array. */
  readonly #offsets: number[][];
  #open: OpenPass | undefined;

  constructor({ reader, limits }: BindingsOptions) {
    this.#reader = reader;
    this.#groups = new Array(limits.maxBindGroups).fill(undefined);
    const offsetsMax =
      limits.maxDynamicUniformBuffersPerPipelineLayout + limits.maxDynamicStorageBuffersPerPipelineLayout;
    this.#offsets = Array.from({ length: offsetsMax + 1 }, (_, count) => new Array(count).fill(0));
  }

  /** The open pass or render bundle. */
  get open(): OpenPass | undefined {
    return this.#open;
  }

  /** Makes `pass`, a pass or render bundle that has just begun, the one that bind groups are set in. */
  begin(pass: OpenPass): void {
    this.#open = pass;
  }

  /** Forgets the pass or render bundle that has just ended, and its bind groups. */
  end(): void {
    this.#open = undefined;
    this.forget();
  }

  /** Forgets which bind groups are set, because WebGPU has unset them. */
  forget(): void {
    this.#groups.fill(undefined);
  }

  setBindGroup(
    index: number,
    bindGroup: Handles['bindGroup'] | undefined,
    offsets: number,
    offsetsCount: number,
  ): void {
    const pass = this.#open;
    if (pass === undefined) throw new Fault('there is no open pass');
    if (index >= this.#groups.length) throw new Fault(`index: ${index} is not below ${this.#groups.length}`);
    if (offsetsCount > 0) {
      if (bindGroup === undefined) throw new Fault('dynamic offsets without a bind group');
      this.#groups[index] = undefined;
      pass.setBindGroup(index, bindGroup.gpu, this.#readOffsets(offsets, offsetsCount));
    } else if (bindGroup === undefined || bindGroup !== this.#groups[index]) {
      this.#groups[index] = bindGroup;
      pass.setBindGroup(index, bindGroup === undefined ? null : bindGroup.gpu);
    }
  }

  #readOffsets(at: number, count: number): number[] {
    const offsets = this.#offsets[count];
    if (offsets === undefined) throw new Fault(`${count} dynamic offsets are more than ${this.#offsets.length - 1}`);
    const { words } = this.#reader;
    for (let n = 0; n < count; n++) offsets[n] = u32(words, at + n);
    return offsets;
  }
}
