import { REPLY_COMPILATION, REPLY_PIPELINE } from '../../renderer/contract/abi.ts';
import { boundLoops } from './bounded.ts';
import { compiled, type RoomCompiler, Waiting } from './compiler.ts';
import { MODULE_CODE_BYTES, PIPELINE_CODE_BYTES } from './cost.ts';
import {
  type CreateComputePipeline,
  type CreateRenderPipeline,
  type CreateShaderModule,
  ENUMS,
  type PipelinesCommands,
} from './decode.ts';
import { computePipeline, renderPipeline } from './descriptor.ts';
import { Fault } from './reader.ts';
import type { Replies } from './replies.ts';
import { checkShader } from './shader.ts';
import type { Compiled, Handles, Tables } from './table.ts';
import { describePipeline, type PipelineParts } from './trial.ts';
import { moduleKey, type PipelineTrial } from './vetting.ts';

export interface PipelinesOptions {
  device: GPUDevice;
  tables: Tables;
  compiler: RoomCompiler;
  replies: Replies;
  /** The most bytes that the WGSL text of one shader module may have. */
  shaderBytesMax: number;
  /** About how many turns of loops one invocation of a shader may make. */
  shaderTurnsMax: number;
  log(level: 'error' | 'warn', message: string): void;
}

/** Executes a module's commands that create shader modules and pipelines, which the GPU compiles. */
export class Pipelines implements PipelinesCommands {
  readonly #options: PipelinesOptions;

  constructor(options: PipelinesOptions) {
    this.#options = options;
  }

  createShaderModule({ id, label, code }: CreateShaderModule): void {
    const { device, tables, compiler, shaderBytesMax, shaderTurnsMax } = this.#options;
    if (code.length > shaderBytesMax)
      throw new Fault(`its ${code.length} bytes exceed ${shaderBytesMax} (SHADER_BYTES_MAX)`);
    const bounded = boundLoops(code, shaderTurnsMax);
    if (bounded !== code) this.#vetModule(code);
    const digest = this.#vetModule(bounded);
    const bytes = bounded === code ? code.length : code.length + bounded.length;
    tables.shaderModule.claim(id, bytes * MODULE_CODE_BYTES);
    const make = (text: string): GPUShaderModule =>
      compiler.measure(() => {
        // The process that tries shaders checks them too.
        if (digest === undefined || !compiler.patient) checkShader(text);
        return device.createShaderModule({ label, code: text });
      });
    // The author's text comes first, so that the GPU's messages are about it. No pipeline is made from it.
    const authored = bounded === code ? undefined : make(code);
    const gpu = make(bounded);
    const source = digest === undefined ? undefined : { code: bounded, digest };
    tables.shaderModule.add(id, { gpu, authored, bytes: bounded.length, source });
  }

  /** Has the text of a shader module tried before it is compiled. Returns its digest. @throws Waiting until it was tried */
  #vetModule(code: string): string | undefined {
    const { compiler } = this.#options;
    const digest = compiler.digest(moduleKey(code));
    const trial = compiler.vet(digest, () => ({ kind: 'shaderModule', code }));
    if (trial) throw new Waiting(trial);
    return digest;
  }

  getCompilationInfo(module: Handles['shaderModule'], token: number): void {
    const { replies } = this.#options;
    const answer = ({ messages }: GPUCompilationInfo): void => {
      const count = (type: GPUCompilationMessageType) => messages.filter((message) => message.type === type).length;
      const { lineNum = 0, linePos = 0 } = messages[0] ?? {};
      replies.send(REPLY_COMPILATION, token, count('error'), count('warning'), lineNum, linePos);
    };
    (module.authored ?? module.gpu).getCompilationInfo().then(answer, () => {});
  }

  createRenderPipeline(record: CreateRenderPipeline): void {
    const { device, tables, compiler } = this.#options;
    tables.renderPipeline.claim(record.id, codeBytes(record.vertexModule, record.fragmentModule));
    const descriptor = renderPipeline(record);
    const pipeline = compiler.pipeline(
      () => device.createRenderPipeline(descriptor),
      () => device.createRenderPipelineAsync(descriptor),
      this.#vetRender(record, descriptor),
    );
    tables.renderPipeline.add(record.id, pipeline);
  }

  createRenderPipelineAsync(record: CreateRenderPipeline): void {
    const { device, tables, compiler } = this.#options;
    tables.renderPipeline.claim(record.id, codeBytes(record.vertexModule, record.fragmentModule));
    const descriptor = renderPipeline(record);
    const trial = this.#vetRender(record, descriptor);
    const pipeline: Handles['renderPipeline'] = { gpu: undefined };
    tables.renderPipeline.add(record.id, pipeline);
    const compilation = compiler.later(() => device.createRenderPipelineAsync(descriptor), trial);
    this.#answer('renderPipeline', record, pipeline, compilation);
  }

  createComputePipeline(record: CreateComputePipeline): void {
    const { device, tables, compiler } = this.#options;
    tables.computePipeline.claim(record.id, codeBytes(record.module));
    const descriptor = computePipeline(record);
    const pipeline = compiler.pipeline(
      () => device.createComputePipeline(descriptor),
      () => device.createComputePipelineAsync(descriptor),
      this.#vetCompute(record, descriptor),
    );
    tables.computePipeline.add(record.id, pipeline);
  }

  createComputePipelineAsync(record: CreateComputePipeline): void {
    const { device, tables, compiler } = this.#options;
    tables.computePipeline.claim(record.id, codeBytes(record.module));
    const descriptor = computePipeline(record);
    const trial = this.#vetCompute(record, descriptor);
    const pipeline: Handles['computePipeline'] = { gpu: undefined };
    tables.computePipeline.add(record.id, pipeline);
    const compilation = compiler.later(() => device.createComputePipelineAsync(descriptor), trial);
    this.#answer('computePipeline', record, pipeline, compilation);
  }

  getRenderBindGroupLayout(id: number, pipeline: Handles['renderPipeline'], index: number): void {
    const { bindGroupLayout } = this.#options.tables;
    bindGroupLayout.claim(id);
    bindGroupLayout.add(id, { gpu: compiled(pipeline).getBindGroupLayout(index) });
  }

  getComputeBindGroupLayout(id: number, pipeline: Handles['computePipeline'], index: number): void {
    const { bindGroupLayout } = this.#options.tables;
    bindGroupLayout.claim(id);
    bindGroupLayout.add(id, { gpu: compiled(pipeline).getBindGroupLayout(index) });
  }

  #vetRender(
    { layout, vertexModule, fragmentModule }: CreateRenderPipeline,
    descriptor: GPURenderPipelineDescriptor,
  ): Promise<void> | undefined {
    return this.#vet('renderPipeline', { layout, descriptor, modules: [vertexModule, fragmentModule] });
  }

  #vetCompute(
    { layout, module }: CreateComputePipeline,
    descriptor: GPUComputePipelineDescriptor,
  ): Promise<void> | undefined {
    return this.#vet('computePipeline', { layout, descriptor, modules: [module] });
  }

  /** Has a pipeline tried before it is compiled. Returns what RoomCompiler.vet returns. */
  #vet(kind: PipelineTrial['kind'], parts: PipelineParts): Promise<void> | undefined {
    const { compiler } = this.#options;
    if (!compiler.vets) return undefined;
    const described = describePipeline(kind, parts);
    return described && compiler.vet(compiler.digest(described.key), described.trial);
  }

  /** Tells the module when a pipeline has compiled, or that the GPU refused it. */
  #answer<T>(
    kind: 'renderPipeline' | 'computePipeline',
    { id, label }: { id: number; label: string },
    pipeline: Compiled<T>,
    compilation: Promise<T>,
  ): void {
    const { log, replies } = this.#options;
    const number = ENUMS.ObjectKind.indexOf(kind) + 1;
    compilation.then(
      (gpu) => {
        pipeline.gpu = gpu;
        replies.send(REPLY_PIPELINE, number, id, 1);
      },
      (error: unknown) => {
        log('warn', `${kind} ${JSON.stringify(label)} was refused: ${String(error)}`);
        replies.send(REPLY_PIPELINE, number, id, 0);
      },
    );
  }
}

/** Bytes of the host's memory that a pipeline takes for the code of its shaders. */
function codeBytes(...modules: (Handles['shaderModule'] | undefined)[]): number {
  return [...new Set(modules)].reduce((sum, module) => sum + (module?.bytes ?? 0), 0) * PIPELINE_CODE_BYTES;
}
