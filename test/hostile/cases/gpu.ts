/** Commands that the hostile modules of the cases submit. */
import { good } from '../../engine/modules.ts';
import type { Item, Values } from '../../fuzz/encode.ts';
import { command, streams } from '../modules.ts';

export const word = (value: number): Item => ({ words: [value >>> 0] });
export const buffer = (id: number, size = 64, usage = 8): Item => command('createBuffer', { id, size, usage });
export const many = (count: number, item: (n: number) => Item): Item[] =>
  Array.from({ length: count }, (_, n) => item(n));
export const FILL = `@vertex fn vs(@builtin(vertex_index) i: u32) -> @builtin(position) vec4f {
  return vec4f(f32(i & 1) * 4 - 1, f32(i >> 1) * 4 - 1, 0, 1); }
@fragment fn fs() -> @location(0) vec4f { return vec4f(1); }`;
export const pipelineValues: Values = {
  id: 2,
  vertexModule: 2,
  fragmentModule: 2,
  topology: 'triangle-list',
  sampleCount: 1,
  sampleMask: 0xffffffff,
  stencilFrontCompare: 'always',
  stencilBackCompare: 'always',
  targets: [{ format: 'rgba8unorm', writeMask: 15 }],
};
export const shader = (code: string, id = 2): Item => command('createShaderModule', { id, code });
export const pipeline = (values: Values = {}): Item =>
  command('createRenderPipeline', { ...pipelineValues, ...values });
export const begin = (values: Values = {}): Item =>
  command('beginRenderPass', { colorAttachments: [{ view: 1, loadOp: 'clear', storeOp: 'store' }], ...values });
export const drawing = (...draws: Item[]): Item[] => [
  begin(),
  command('setPipeline', { pipeline: 2 }),
  ...draws,
  command('endRenderPass'),
  command('submit'),
];
export const draw = (vertexCount: number, instanceCount = 1): Item => command('draw', { vertexCount, instanceCount });
export const setUp = [shader(FILL), pipeline()];
export const STORAGE = `@group(0) @binding(0) var<storage, read_write> data: array<u32>;
@compute @workgroup_size(1) fn main() { data[0] += 1u; }`;

/** Makes a module that submits the commands `first` in join, and the commands `then` in each tick or render. */
export function later(where: 'tick' | 'render', first: Item[], then: Item[]): Uint8Array {
  const { fields, memory, call } = streams({ first, then });
  return good({ fields, memory, join: call.first, [where]: call.then });
}
