import type { Bindings } from './bindings.ts';
import type { Work } from './budget.ts';
import { compiled } from './compiler.ts';
import type { ComputePassCommands } from './decode.ts';
import { checkRange, INDIRECT } from './range.ts';
import { Fault } from './reader.ts';
import type { Handles } from './table.ts';

/** Bytes that an indirect dispatch reads from its buffer: three u32. */
const DISPATCH_BYTES = 12;

export interface ComputePassOptions {
  work: Work;
  bindings: Bindings;
}

/** Executes a module's commands for compute passes. */
export class ComputePass implements ComputePassCommands {
  readonly #work: Work;
  readonly #bindings: Bindings;
  #pass: GPUComputePassEncoder | undefined;
  #pipeline: Handles['computePipeline'] | undefined;

  constructor({ work, bindings }: ComputePassOptions) {
    this.#work = work;
    this.#bindings = bindings;
  }

  begin(pass: GPUComputePassEncoder): void {
    this.#pass = pass;
    this.#bindings.begin(pass);
  }

  end(): void {
    this.#openPass().end();
    this.drop();
  }

  /** Forgets the open compute pass, if any. */
  drop(): void {
    if (this.#pass) this.#bindings.end();
    this.#pass = undefined;
    this.#pipeline = undefined;
  }

  setComputePipeline(pipeline: Handles['computePipeline']): void {
    const pass = this.#openPass();
    if (pipeline === this.#pipeline) return;
    pass.setPipeline(compiled(pipeline));
    this.#pipeline = pipeline;
  }

  dispatchWorkgroups(x: number, y: number, z: number): void {
    const pass = this.#ready();
    this.#work.dispatch(x * y * z);
    if (x !== 0 && y !== 0 && z !== 0) pass.dispatchWorkgroups(x, y, z);
  }

  dispatchWorkgroupsIndirect(buffer: Handles['buffer'], offset: number): void {
    const pass = this.#ready();
    checkRange(buffer, offset, DISPATCH_BYTES, INDIRECT);
    this.#work.dispatch(0);
    pass.dispatchWorkgroupsIndirect(buffer.gpu, offset);
  }

  #openPass(): GPUComputePassEncoder {
    if (this.#pass === undefined) throw new Fault('there is no open compute pass');
    return this.#pass;
  }

  #ready(): GPUComputePassEncoder {
    const pass = this.#openPass();
    if (this.#pipeline === undefined) throw new Fault('no pipeline is set');
    return pass;
  }
}
