/** Decides which part of the host's command handler executes a command, and how it gets the command's fields. */
import { COMMANDS, type Command } from '../commands.ts';

/** Parts of the handler that execute commands, each with the lowest opcode of its range. EXECUTORS has the exceptions. */
const RANGES = { objects: 1, queue: 32, encoder: 48, renderPass: 64, computePass: 80 };

/** Executors of commands whose opcode is in the range of another executor. */
const EXECUTORS: Record<string, string> = {
  createShaderModule: 'pipelines',
  createRenderPipeline: 'pipelines',
  createComputePipeline: 'pipelines',
  createRenderPipelineAsync: 'pipelines',
  createComputePipelineAsync: 'pipelines',
  getRenderBindGroupLayout: 'pipelines',
  getComputeBindGroupLayout: 'pipelines',
  getCompilationInfo: 'pipelines',
  pushErrorScope: 'scopes',
  popErrorScope: 'scopes',
  copyBufferToBuffer: 'copies',
  copyBufferToTexture: 'copies',
  copyTextureToBuffer: 'copies',
  copyTextureToTexture: 'copies',
  clearBuffer: 'copies',
  resolveQuerySet: 'copies',
  setBindGroup: 'bindings',
};

/** A command with more fields than this arrives as a record. */
const ARGUMENTS_MAX = 6;

/** Commands that take as long as hundreds of others. The decoder looks at the time after each of them. */
export const SLOW = ['createShaderModule'];

/** "draw" as "Draw". */
export const capitalize = (text: string): string => text.replace(/^./, (letter) => letter.toUpperCase());

/** The part of the handler that executes a command. */
export function executorOf({ name, opcode }: Command): string {
  const range = Object.entries(RANGES).findLast(([, lowest]) => opcode >= lowest);
  const executor = EXECUTORS[name] ?? range?.[0];
  if (executor === undefined) throw new Error(`${name} has no executor`);
  return executor;
}

/** Names of all parts of the handler. */
export const EXECUTOR_NAMES = [...new Set(COMMANDS.map(executorOf))];

/** How the fields of a command reach its executor. */
export type Passing = 'new record' | 'reused record' | 'arguments';

/** A command that creates an object gets its own record, because it may keep it. */
export function passingOf({ name, fields }: Command): Passing {
  if (name.startsWith('create')) return 'new record';
  return fields.length > ARGUMENTS_MAX ? 'reused record' : 'arguments';
}
