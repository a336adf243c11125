/** Turns the descriptors of pipelines into plain data that another process can try. */
import type { Handles } from './table.ts';
import { type PipelineTrial, pipelineKey } from './vetting.ts';

export interface PipelineParts {
  layout: Handles['pipelineLayout'] | undefined;
  /** The modules of the vertex and fragment stage, or of the compute stage. */
  modules: readonly (Handles['shaderModule'] | undefined)[];
  descriptor: GPURenderPipelineDescriptor | GPUComputePipelineDescriptor;
}

/** A pipeline to try, and the text that tells it apart from all others. */
export interface DescribedPipeline {
  key: string;
  trial(): PipelineTrial;
}

/** Describes a pipeline as plain data; undefined if WebGPU refuses it before it compiles. */
export function describePipeline(
  kind: PipelineTrial['kind'],
  { layout, modules, descriptor }: PipelineParts,
): DescribedPipeline | undefined {
  const entries = layout ? layout.entries : 'auto';
  if (!entries) return undefined;
  const sources = modules.flatMap((module) => module?.source ?? []);
  const { label: _, layout: __, ...rest } = descriptor;
  const plain: Record<string, unknown> = { ...rest };
  for (const [index, stage] of stagesOf(descriptor).entries())
    plain[stage] = { ...(plain[stage] as GPUProgrammableStage), module: index };
  return {
    key: pipelineKey({ kind, digests: sources.map(({ digest }) => digest), layout: entries, descriptor: plain }),
    trial: () => ({ kind, codes: sources.map(({ code }) => code), layout: entries, descriptor: plain }),
  };
}

/** The names of a pipeline's stages, in the order of its modules. */
function stagesOf(descriptor: GPURenderPipelineDescriptor | GPUComputePipelineDescriptor): string[] {
  if ('compute' in descriptor) return ['compute'];
  return descriptor.fragment ? ['vertex', 'fragment'] : ['vertex'];
}
