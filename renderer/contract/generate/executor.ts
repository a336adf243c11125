/** Decides which part of the host's command handler executes a command, and how it gets the command's fields. */
import { COMMANDS, type Command } from '../commands.ts';

/** Parts of the host's command handler, each with the lowest opcode that it executes. EXECUTORS has the exceptions. */
const RANGES = { objects: 1, queue: 32, encoder: 48, renderPass: 64, computePass: 80, player: 96, bus: 112 };

/** The part of the host's command handler for each command whose opcode is in the range of another part. */
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

/** Most fields that a command passes to its method as arguments. A command with more fields passes one object. */
const ARGUMENTS_MAX = 6;

/** Commands that take the host as long as hundreds of others. The decoder looks at the time after each of them. */
export const SLOW = ['createShaderModule'];

/** Returns a name with its first letter in upper case: "Draw" for "draw". */
export const capitalize = (text: string): string => text.replace(/^./, (letter) => letter.toUpperCase());

/** The part of the host's command handler that executes a command. */
export function executorOf({ name, opcode }: Command): string {
  const range = Object.entries(RANGES).findLast(([, lowest]) => opcode >= lowest);
  const executor = EXECUTORS[name] ?? range?.[0];
  if (executor === undefined) throw new Error(`${name} has no executor`);
  return executor;
}

/** Names of all parts of the host's command handler. */
export const EXECUTOR_NAMES = [...new Set(COMMANDS.map(executorOf))];

/** How the decoder passes the fields of a command to the method that executes it. */
export type Passing = 'new record' | 'reused record' | 'arguments';

/** How a command's fields are passed. One that creates a GPU object gets a new record, because its method may keep it. */
export function passingOf({ name, fields }: Command): Passing {
  if (name.startsWith('create')) return 'new record';
  return fields.length > ARGUMENTS_MAX ? 'reused record' : 'arguments';
}
