/**
 * The types with which the replay has shaders tried by another process before it compiles them itself. The GPU's compilers are
 * not built for hostile input: a shader of a kilobyte can keep them busy for hours, or take all memory.
 */

/** A shader module to try: its WGSL. */
export interface ModuleTrial {
  kind: 'shaderModule';
  code: string;
}

/** A pipeline to try. It refers to its shader modules by their index in `codes`. All of it is plain data. */
export interface PipelineTrial {
  kind: 'renderPipeline' | 'computePipeline';
  /** The WGSL of the pipeline's shader modules. */
  codes: readonly string[];
  /** The entries of each bind group layout, null for an empty slot; or 'auto'. */
  layout: PipelineEntries | 'auto';
  /** WebGPU's descriptor of the pipeline, without layout and label, and with an index in place of each module. */
  descriptor: object;
}

/** A shader module or pipeline that another process compiles, and uses if it is a pipeline. */
export type Trial = ModuleTrial | PipelineTrial;

/**
 * Returns the text that stands for a shader module. No text for a pipeline begins like it, so a shader cannot pass for a pipeline
 * that was tried.
 */
export function moduleKey(code: string): string {
  return `shaderModule ${code}`;
}

/** The facts that tell a pipeline apart from all others. */
interface PipelineFacts extends Pick<PipelineTrial, 'kind' | 'layout' | 'descriptor'> {
  /** The digests of its shader modules' keys. */
  digests: readonly string[];
}

/** Returns the text that stands for a pipeline. */
export function pipelineKey({ kind, digests, layout, descriptor }: PipelineFacts): string {
  return JSON.stringify([kind, digests, layout, descriptor]);
}

/** Returns the digest of what a trial tries, from the digests of keys. */
export function digestOf(trial: Trial, digest: (key: string) => string): string {
  if (trial.kind === 'shaderModule') return digest(moduleKey(trial.code));
  return digest(pipelineKey({ ...trial, digests: trial.codes.map((code) => digest(moduleKey(code))) }));
}

/** The entries of the bind group layouts that a pipeline layout consists of. */
export type PipelineEntries = readonly (readonly GPUBindGroupLayoutEntry[] | null)[];

/** A shader or pipeline took too much time or memory while it was tried, or ended the process that tried it. */
export class Overrun extends Error {}

/** Tries shaders and pipelines in a process that can be killed, and remembers those that are harmless. */
export interface ShaderVetting {
  /** The digest of a key (moduleKey, pipelineKey) and of the GPU's driver. */
  digest(key: string): string;
  /** Whether what this digest describes was tried before and is harmless. Costs a look into a table. */
  isHarmless(digest: string): boolean;
  /**
   * Tries a shader module or pipeline. Resolves with the milliseconds of processor time that it took, once it is known to be
   * harmless. Never settles if drop() comes first.
   * @param digest that of digestOf
   * @param owner stands for the room that asked; owners take turns
   * @throws Overrun, Fault for what checkShader refuses, or NearlightError NL_NO_GPU if nothing can be tried
   */
  try(digest: string, trial: Trial, owner: object): Promise<number>;
  /** Drops all trials of the owner, which asks for no more. */
  drop(owner: object): void;
}

/** The facts about a shader module that the vetting of pipelines needs. */
export interface ShaderSource {
  code: string;
  digest: string;
}
