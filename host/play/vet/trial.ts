import { Fault } from '../../gpu/reader.ts';
import { checkShader } from '../../gpu/shader.ts';
import { Overrun, type PipelineTrial, type Trial } from '../../gpu/vetting.ts';
import { BlockedTime } from './blocked.ts';
import type { Report } from './messages.ts';
import { Unusable } from './resources.ts';
import { use } from './use.ts';

const MESSAGE_CHARS_MAX = 1024;

/** Compiles a shader module or pipeline, and uses a pipeline once. A shader that WebGPU refuses is harmless. */
export async function tryOnce(device: GPUDevice, trial: Trial): Promise<Report> {
  try {
    return trial.kind === 'shaderModule' ? await tryModule(device, trial.code) : await tryPipeline(device, trial);
  } catch (error) {
    const isOverrun = error instanceof Overrun;
    if (isOverrun || error instanceof Fault) return { outcome: 'refused', isOverrun, message: error.message };
    return { outcome: 'failed', message: String(error) };
  }
}

async function tryModule(device: GPUDevice, code: string): Promise<Report> {
  checkShader(code);
  const blocked = new BlockedTime();
  const error = await caught(device, () => blocked.measure(() => device.createShaderModule({ code })));
  return error && !(error instanceof GPUValidationError) ? failed(error) : harmless(blocked, undefined);
}

async function tryPipeline(device: GPUDevice, trial: PipelineTrial): Promise<Report> {
  const blocked = new BlockedTime();
  let usedMs = 0;
  const error = await caught(device, async () => {
    const { layout, modules } = blocked.measure(() => createParts(device, trial));
    const descriptor = withModules(trial, modules);
    const creation = blocked.measure(() =>
      trial.kind === 'renderPipeline'
        ? device.createRenderPipelineAsync({ ...descriptor, layout } as GPURenderPipelineDescriptor)
        : device.createComputePipelineAsync({ ...descriptor, layout } as GPUComputePipelineDescriptor),
    );
    const pipeline = await creation;
    const begun = process.cpuUsage();
    await use({ device, trial, pipeline, blocked });
    const { user, system } = process.cpuUsage(begun);
    usedMs = (user + system) / 1000;
  });
  const isRefused = error instanceof GPUPipelineError && error.reason === 'validation';
  if (!error || error instanceof GPUValidationError || error instanceof Unusable || isRefused)
    return { ...harmless(blocked, error && messageOf(error)), usedMs };
  return failed(error);
}

function createParts(device: GPUDevice, { codes, layout }: PipelineTrial) {
  const bindGroupLayouts =
    layout !== 'auto' &&
    layout.map((entries) => entries && device.createBindGroupLayout({ entries: entries as GPUBindGroupLayoutEntry[] }));
  return {
    modules: codes.map((code) => device.createShaderModule({ code })),
    layout: bindGroupLayouts ? device.createPipelineLayout({ bindGroupLayouts }) : ('auto' as const),
  };
}

/** The descriptor of a pipeline, with the shader modules in place of their indices. */
function withModules({ descriptor }: PipelineTrial, modules: readonly GPUShaderModule[]): Record<string, unknown> {
  const stages = ['compute', 'vertex', 'fragment'].flatMap((name) => {
    const stage = (descriptor as Record<string, { module: number } | undefined>)[name];
    return stage ? [[name, { ...stage, module: modules[stage.module] }] as const] : [];
  });
  return { ...descriptor, ...Object.fromEntries(stages) };
}

/** Runs `act` in error scopes. Returns the error that it throws, or else the first that the GPU reports. */
async function caught(device: GPUDevice, act: () => unknown): Promise<Error | GPUError | undefined> {
  const filters = ['validation', 'internal', 'out-of-memory'] as const;
  for (const filter of filters) device.pushErrorScope(filter);
  let thrown: Error | undefined;
  try {
    await act();
  } catch (error) {
    thrown = error as Error;
  }
  const errors = await Promise.all(filters.map(() => device.popErrorScope()));
  const found = errors.filter((error) => error !== null);
  return thrown ?? found.find((error) => !(error instanceof GPUValidationError)) ?? found[0];
}

function harmless({ ms }: BlockedTime, unused: string | undefined): Report & { outcome: 'harmless' } {
  return { outcome: 'harmless', blockedMs: ms, usedMs: 0, unused };
}

function failed(error: Error | GPUError): Report {
  return { outcome: 'failed', message: messageOf(error) };
}

function messageOf({ message }: Error | GPUError): string {
  return message.slice(0, MESSAGE_CHARS_MAX);
}
