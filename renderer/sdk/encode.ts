// Generated from renderer/contract/contract.ts by renderer/contract/generate.ts; do not edit.
import { reserve, text } from './stream';

/** Writes a record BindGroupLayoutEntry of a command's list at address `at`. Returns the address after it. */
export function writeBindGroupLayoutEntry(
  at: usize,
  binding: u32,
  visibility: u32,
  bufferType: u32,
  hasDynamicOffset: bool,
  minBindingSize: u32,
  samplerType: u32,
  sampleType: u32,
  multisampled: bool,
  storageAccess: u32,
  storageFormat: u32,
  viewDimension: u32,
): usize {
  store<u32>(at, binding, 0);
  store<u32>(at, visibility, 4);
  store<u32>(at, bufferType, 8);
  store<u32>(at, <u32>hasDynamicOffset, 12);
  store<u32>(at, minBindingSize, 16);
  store<u32>(at, samplerType, 20);
  store<u32>(at, sampleType, 24);
  store<u32>(at, <u32>multisampled, 28);
  store<u32>(at, storageAccess, 32);
  store<u32>(at, storageFormat, 36);
  store<u32>(at, viewDimension, 40);
  return at + 44;
}

/** Writes a record TextureViewFormat of a command's list at address `at`. Returns the address after it. */
export function writeTextureViewFormat(at: usize, format: u32): usize {
  store<u32>(at, format, 0);
  return at + 4;
}

/** Writes a record PipelineLayoutEntry of a command's list at address `at`. Returns the address after it. */
export function writePipelineLayoutEntry(at: usize, layout: u32): usize {
  store<u32>(at, layout, 0);
  return at + 4;
}

/** Writes a record BindGroupEntry of a command's list at address `at`. Returns the address after it. */
export function writeBindGroupEntry(
  at: usize,
  binding: u32,
  buffer: u32,
  offset: u32,
  size: u32,
  sampler: u32,
  view: u32,
): usize {
  store<u32>(at, binding, 0);
  store<u32>(at, buffer, 4);
  store<u32>(at, offset, 8);
  store<u32>(at, size, 12);
  store<u32>(at, sampler, 16);
  store<u32>(at, view, 20);
  return at + 24;
}

/** Writes a record VertexBufferLayout of a command's list at address `at`. Returns the address after it. */
export function writeVertexBufferLayout(at: usize, arrayStride: u32, stepMode: u32, attributeCount: u32): usize {
  store<u32>(at, arrayStride, 0);
  store<u32>(at, stepMode, 4);
  store<u32>(at, attributeCount, 8);
  return at + 12;
}

/** Writes a record ConstantValue of a command's list at address `at`. Returns the address after it. */
export function writeConstantValue(at: usize, value: f64): usize {
  store<f64>(at, value, 0);
  return at + 8;
}

/** Writes a record VertexAttribute of a command's list at address `at`. Returns the address after it. */
export function writeVertexAttribute(at: usize, format: u32, offset: u32, shaderLocation: u32): usize {
  store<u32>(at, format, 0);
  store<u32>(at, offset, 4);
  store<u32>(at, shaderLocation, 8);
  return at + 12;
}

/** Writes a record ColorTarget of a command's list at address `at`. Returns the address after it. */
export function writeColorTarget(
  at: usize,
  format: u32,
  blend: bool,
  colorOperation: u32,
  colorSrcFactor: u32,
  colorDstFactor: u32,
  alphaOperation: u32,
  alphaSrcFactor: u32,
  alphaDstFactor: u32,
  writeMask: u32,
): usize {
  store<u32>(at, format, 0);
  store<u32>(at, <u32>blend, 4);
  store<u32>(at, colorOperation, 8);
  store<u32>(at, colorSrcFactor, 12);
  store<u32>(at, colorDstFactor, 16);
  store<u32>(at, alphaOperation, 20);
  store<u32>(at, alphaSrcFactor, 24);
  store<u32>(at, alphaDstFactor, 28);
  store<u32>(at, writeMask, 32);
  return at + 36;
}

/** Writes a record ColorAttachment of a command's list at address `at`. Returns the address after it. */
export function writeColorAttachment(
  at: usize,
  view: u32,
  depthSlice: i32,
  resolveTarget: u32,
  loadOp: u32,
  storeOp: u32,
  clearR: f32,
  clearG: f32,
  clearB: f32,
  clearA: f32,
): usize {
  store<u32>(at, view, 0);
  store<u32>(at, depthSlice + 1, 4);
  store<u32>(at, resolveTarget, 8);
  store<u32>(at, loadOp, 12);
  store<u32>(at, storeOp, 16);
  store<f32>(at, clearR, 20);
  store<f32>(at, clearG, 24);
  store<f32>(at, clearB, 28);
  store<f32>(at, clearA, 32);
  return at + 36;
}

/** Writes a record ColorFormat of a command's list at address `at`. Returns the address after it. */
export function writeColorFormat(at: usize, format: u32): usize {
  store<u32>(at, format, 0);
  return at + 4;
}

/** Writes a record RenderBundleEntry of a command's list at address `at`. Returns the address after it. */
export function writeRenderBundleEntry(at: usize, bundle: u32): usize {
  store<u32>(at, bundle, 0);
  return at + 4;
}

/** Encodes `createBuffer`: makes a buffer of `size` bytes, filled with zeros. */
export function createBuffer(id: u32, size: u64, usage: u32, label: string): void {
  const labelBytes = <u32>String.UTF8.byteLength(label);
  const length: u32 = 6 + ((labelBytes + 3) >> 2);
  const p = reserve(length);
  store<u32>(p, (length << 16) | 1);
  store<u32>(p, id, 4);
  store<u64>(p, size, 8);
  store<u32>(p, usage, 16);
  store<u32>(p, labelBytes, 20);
  let tail = p + 24;
  tail = text(tail, label, labelBytes);
}

/**
 * Encodes `createTexture`: makes a texture, filled with zeros.
 * Returns the address at which to write the elements of the command's lists.
 */
export function createTexture(
  id: u32,
  width: u32,
  height: u32,
  depthOrArrayLayers: u32,
  mipLevelCount: u32,
  sampleCount: u32,
  dimension: u32,
  format: u32,
  usage: u32,
  label: string,
  viewFormatsCount: u32,
): usize {
  const labelBytes = <u32>String.UTF8.byteLength(label);
  const length: u32 = 12 + ((labelBytes + 3) >> 2) + viewFormatsCount * 1;
  const p = reserve(length);
  store<u32>(p, (length << 16) | 2);
  store<u32>(p, id, 4);
  store<u32>(p, width, 8);
  store<u32>(p, height, 12);
  store<u32>(p, depthOrArrayLayers, 16);
  store<u32>(p, mipLevelCount, 20);
  store<u32>(p, sampleCount, 24);
  store<u32>(p, dimension, 28);
  store<u32>(p, format, 32);
  store<u32>(p, usage, 36);
  store<u32>(p, labelBytes, 40);
  store<u32>(p, viewFormatsCount, 44);
  let tail = p + 48;
  tail = text(tail, label, labelBytes);
  return tail;
}

/** Encodes `createTextureView`: makes a view of a texture; a count of 0 means all mip levels or layers that remain. */
export function createTextureView(
  id: u32,
  texture: u32,
  format: u32,
  dimension: u32,
  aspect: u32,
  baseMipLevel: u32,
  mipLevelCount: u32,
  baseArrayLayer: u32,
  arrayLayerCount: u32,
  usage: u32,
  label: string,
): void {
  const labelBytes = <u32>String.UTF8.byteLength(label);
  const length: u32 = 12 + ((labelBytes + 3) >> 2);
  const p = reserve(length);
  store<u32>(p, (length << 16) | 3);
  store<u32>(p, id, 4);
  store<u32>(p, texture, 8);
  store<u32>(p, format, 12);
  store<u32>(p, dimension, 16);
  store<u32>(p, aspect, 20);
  store<u32>(p, baseMipLevel, 24);
  store<u32>(p, mipLevelCount, 28);
  store<u32>(p, baseArrayLayer, 32);
  store<u32>(p, arrayLayerCount, 36);
  store<u32>(p, usage, 40);
  store<u32>(p, labelBytes, 44);
  let tail = p + 48;
  tail = text(tail, label, labelBytes);
}

/** Encodes `createSampler`: makes a sampler. */
export function createSampler(
  id: u32,
  addressModeU: u32,
  addressModeV: u32,
  addressModeW: u32,
  magFilter: u32,
  minFilter: u32,
  mipmapFilter: u32,
  lodMinClamp: f32,
  lodMaxClamp: f32,
  compare: u32,
  maxAnisotropy: u32,
  label: string,
): void {
  const labelBytes = <u32>String.UTF8.byteLength(label);
  const length: u32 = 13 + ((labelBytes + 3) >> 2);
  const p = reserve(length);
  store<u32>(p, (length << 16) | 4);
  store<u32>(p, id, 4);
  store<u32>(p, addressModeU, 8);
  store<u32>(p, addressModeV, 12);
  store<u32>(p, addressModeW, 16);
  store<u32>(p, magFilter, 20);
  store<u32>(p, minFilter, 24);
  store<u32>(p, mipmapFilter, 28);
  store<f32>(p, lodMinClamp, 32);
  store<f32>(p, lodMaxClamp, 36);
  store<u32>(p, compare, 40);
  store<u32>(p, maxAnisotropy, 44);
  store<u32>(p, labelBytes, 48);
  let tail = p + 52;
  tail = text(tail, label, labelBytes);
}

/**
 * Encodes `createBindGroupLayout`: makes a bind group layout; each entry is for a buffer, sampler, texture or storage texture.
 * Returns the address at which to write the elements of the command's lists.
 */
export function createBindGroupLayout(id: u32, label: string, entriesCount: u32): usize {
  const labelBytes = <u32>String.UTF8.byteLength(label);
  const length: u32 = 4 + ((labelBytes + 3) >> 2) + entriesCount * 11;
  const p = reserve(length);
  store<u32>(p, (length << 16) | 5);
  store<u32>(p, id, 4);
  store<u32>(p, labelBytes, 8);
  store<u32>(p, entriesCount, 12);
  let tail = p + 16;
  tail = text(tail, label, labelBytes);
  return tail;
}

/**
 * Encodes `createPipelineLayout`: makes a pipeline layout.
 * Returns the address at which to write the elements of the command's lists.
 */
export function createPipelineLayout(id: u32, label: string, layoutsCount: u32): usize {
  const labelBytes = <u32>String.UTF8.byteLength(label);
  const length: u32 = 4 + ((labelBytes + 3) >> 2) + layoutsCount * 1;
  const p = reserve(length);
  store<u32>(p, (length << 16) | 6);
  store<u32>(p, id, 4);
  store<u32>(p, labelBytes, 8);
  store<u32>(p, layoutsCount, 12);
  let tail = p + 16;
  tail = text(tail, label, labelBytes);
  return tail;
}

/**
 * Encodes `createBindGroup`: makes a bind group; each entry sets a buffer, sampler or view; a size of 0 means to the end.
 * Returns the address at which to write the elements of the command's lists.
 */
export function createBindGroup(id: u32, layout: u32, label: string, entriesCount: u32): usize {
  const labelBytes = <u32>String.UTF8.byteLength(label);
  const length: u32 = 5 + ((labelBytes + 3) >> 2) + entriesCount * 6;
  const p = reserve(length);
  store<u32>(p, (length << 16) | 7);
  store<u32>(p, id, 4);
  store<u32>(p, layout, 8);
  store<u32>(p, labelBytes, 12);
  store<u32>(p, entriesCount, 16);
  let tail = p + 20;
  tail = text(tail, label, labelBytes);
  return tail;
}

/** Encodes `createShaderModule`: compiles WGSL into a shader module. */
export function createShaderModule(id: u32, label: string, code: string): void {
  const labelBytes = <u32>String.UTF8.byteLength(label);
  const codeBytes = <u32>String.UTF8.byteLength(code);
  const length: u32 = 4 + ((labelBytes + 3) >> 2) + ((codeBytes + 3) >> 2);
  const p = reserve(length);
  store<u32>(p, (length << 16) | 8);
  store<u32>(p, id, 4);
  store<u32>(p, labelBytes, 8);
  store<u32>(p, codeBytes, 12);
  let tail = p + 16;
  tail = text(tail, label, labelBytes);
  tail = text(tail, code, codeBytes);
}

/**
 * Encodes `createRenderPipeline`: makes a render pipeline; no layout means "auto"; no depth format, no depth and stencil state.
 * Returns the address at which to write the elements of the command's lists.
 */
export function createRenderPipeline(
  id: u32,
  layout: u32,
  vertexModule: u32,
  fragmentModule: u32,
  topology: u32,
  stripIndexFormat: u32,
  frontFace: u32,
  cullMode: u32,
  unclippedDepth: bool,
  depthFormat: u32,
  depthWriteEnabled: bool,
  depthCompare: u32,
  stencilFrontCompare: u32,
  stencilFrontFailOp: u32,
  stencilFrontDepthFailOp: u32,
  stencilFrontPassOp: u32,
  stencilBackCompare: u32,
  stencilBackFailOp: u32,
  stencilBackDepthFailOp: u32,
  stencilBackPassOp: u32,
  stencilReadMask: u32,
  stencilWriteMask: u32,
  depthBias: i32,
  depthBiasSlopeScale: f32,
  depthBiasClamp: f32,
  sampleCount: u32,
  sampleMask: u32,
  alphaToCoverageEnabled: bool,
  label: string,
  vertexEntryPoint: string,
  vertexConstants: string,
  fragmentEntryPoint: string,
  fragmentConstants: string,
  vertexValuesCount: u32,
  fragmentValuesCount: u32,
  buffersCount: u32,
  attributesCount: u32,
  targetsCount: u32,
): usize {
  const labelBytes = <u32>String.UTF8.byteLength(label);
  const vertexEntryPointBytes = <u32>String.UTF8.byteLength(vertexEntryPoint);
  const vertexConstantsBytes = <u32>String.UTF8.byteLength(vertexConstants);
  const fragmentEntryPointBytes = <u32>String.UTF8.byteLength(fragmentEntryPoint);
  const fragmentConstantsBytes = <u32>String.UTF8.byteLength(fragmentConstants);
  const length: u32 =
    39 +
    ((labelBytes + 3) >> 2) +
    ((vertexEntryPointBytes + 3) >> 2) +
    ((vertexConstantsBytes + 3) >> 2) +
    ((fragmentEntryPointBytes + 3) >> 2) +
    ((fragmentConstantsBytes + 3) >> 2) +
    vertexValuesCount * 2 +
    fragmentValuesCount * 2 +
    buffersCount * 3 +
    attributesCount * 3 +
    targetsCount * 9;
  const p = reserve(length);
  store<u32>(p, (length << 16) | 9);
  store<u32>(p, id, 4);
  store<u32>(p, layout, 8);
  store<u32>(p, vertexModule, 12);
  store<u32>(p, fragmentModule, 16);
  store<u32>(p, topology, 20);
  store<u32>(p, stripIndexFormat, 24);
  store<u32>(p, frontFace, 28);
  store<u32>(p, cullMode, 32);
  store<u32>(p, <u32>unclippedDepth, 36);
  store<u32>(p, depthFormat, 40);
  store<u32>(p, <u32>depthWriteEnabled, 44);
  store<u32>(p, depthCompare, 48);
  store<u32>(p, stencilFrontCompare, 52);
  store<u32>(p, stencilFrontFailOp, 56);
  store<u32>(p, stencilFrontDepthFailOp, 60);
  store<u32>(p, stencilFrontPassOp, 64);
  store<u32>(p, stencilBackCompare, 68);
  store<u32>(p, stencilBackFailOp, 72);
  store<u32>(p, stencilBackDepthFailOp, 76);
  store<u32>(p, stencilBackPassOp, 80);
  store<u32>(p, stencilReadMask, 84);
  store<u32>(p, stencilWriteMask, 88);
  store<i32>(p, depthBias, 92);
  store<f32>(p, depthBiasSlopeScale, 96);
  store<f32>(p, depthBiasClamp, 100);
  store<u32>(p, sampleCount, 104);
  store<u32>(p, sampleMask, 108);
  store<u32>(p, <u32>alphaToCoverageEnabled, 112);
  store<u32>(p, labelBytes, 116);
  store<u32>(p, vertexEntryPointBytes, 120);
  store<u32>(p, vertexConstantsBytes, 124);
  store<u32>(p, fragmentEntryPointBytes, 128);
  store<u32>(p, fragmentConstantsBytes, 132);
  store<u32>(p, vertexValuesCount, 136);
  store<u32>(p, fragmentValuesCount, 140);
  store<u32>(p, buffersCount, 144);
  store<u32>(p, attributesCount, 148);
  store<u32>(p, targetsCount, 152);
  let tail = p + 156;
  tail = text(tail, label, labelBytes);
  tail = text(tail, vertexEntryPoint, vertexEntryPointBytes);
  tail = text(tail, vertexConstants, vertexConstantsBytes);
  tail = text(tail, fragmentEntryPoint, fragmentEntryPointBytes);
  tail = text(tail, fragmentConstants, fragmentConstantsBytes);
  return tail;
}

/**
 * Encodes `createComputePipeline`: makes a compute pipeline; no layout means "auto".
 * Returns the address at which to write the elements of the command's lists.
 */
export function createComputePipeline(
  id: u32,
  layout: u32,
  module: u32,
  label: string,
  entryPoint: string,
  constants: string,
  valuesCount: u32,
): usize {
  const labelBytes = <u32>String.UTF8.byteLength(label);
  const entryPointBytes = <u32>String.UTF8.byteLength(entryPoint);
  const constantsBytes = <u32>String.UTF8.byteLength(constants);
  const length: u32 =
    8 + ((labelBytes + 3) >> 2) + ((entryPointBytes + 3) >> 2) + ((constantsBytes + 3) >> 2) + valuesCount * 2;
  const p = reserve(length);
  store<u32>(p, (length << 16) | 10);
  store<u32>(p, id, 4);
  store<u32>(p, layout, 8);
  store<u32>(p, module, 12);
  store<u32>(p, labelBytes, 16);
  store<u32>(p, entryPointBytes, 20);
  store<u32>(p, constantsBytes, 24);
  store<u32>(p, valuesCount, 28);
  let tail = p + 32;
  tail = text(tail, label, labelBytes);
  tail = text(tail, entryPoint, entryPointBytes);
  tail = text(tail, constants, constantsBytes);
  return tail;
}

/** Encodes `getRenderBindGroupLayout`: gives an id to the bind group layout at `index` of a render pipeline. */
export function getRenderBindGroupLayout(id: u32, pipeline: u32, index: u32): void {
  const p = reserve(4);
  store<u32>(p, 262155);
  store<u32>(p, id, 4);
  store<u32>(p, pipeline, 8);
  store<u32>(p, index, 12);
}

/** Encodes `getComputeBindGroupLayout`: gives an id to the bind group layout at `index` of a compute pipeline. */
export function getComputeBindGroupLayout(id: u32, pipeline: u32, index: u32): void {
  const p = reserve(4);
  store<u32>(p, 262156);
  store<u32>(p, id, 4);
  store<u32>(p, pipeline, 8);
  store<u32>(p, index, 12);
}

/** Encodes `destroy`: destroys a GPU object; a new one may take its index, with the next generation. */
export function destroy(kind: u32, object: u32): void {
  const p = reserve(3);
  store<u32>(p, 196621);
  store<u32>(p, kind, 4);
  store<u32>(p, object, 8);
}

/** Encodes `createQuerySet`: makes a query set, for occlusion queries or timestamps. */
export function createQuerySet(id: u32, type: u32, count: u32, label: string): void {
  const labelBytes = <u32>String.UTF8.byteLength(label);
  const length: u32 = 5 + ((labelBytes + 3) >> 2);
  const p = reserve(length);
  store<u32>(p, (length << 16) | 14);
  store<u32>(p, id, 4);
  store<u32>(p, type, 8);
  store<u32>(p, count, 12);
  store<u32>(p, labelBytes, 16);
  let tail = p + 20;
  tail = text(tail, label, labelBytes);
}

/**
 * Encodes `createRenderBundleEncoder`: begins a render bundle, which takes the commands of a render pass until it is finished.
 * Returns the address at which to write the elements of the command's lists.
 */
export function createRenderBundleEncoder(
  depthStencilFormat: u32,
  depthReadOnly: bool,
  stencilReadOnly: bool,
  sampleCount: u32,
  label: string,
  colorFormatsCount: u32,
): usize {
  const labelBytes = <u32>String.UTF8.byteLength(label);
  const length: u32 = 7 + ((labelBytes + 3) >> 2) + colorFormatsCount * 1;
  const p = reserve(length);
  store<u32>(p, (length << 16) | 15);
  store<u32>(p, depthStencilFormat, 4);
  store<u32>(p, <u32>depthReadOnly, 8);
  store<u32>(p, <u32>stencilReadOnly, 12);
  store<u32>(p, sampleCount, 16);
  store<u32>(p, labelBytes, 20);
  store<u32>(p, colorFormatsCount, 24);
  let tail = p + 28;
  tail = text(tail, label, labelBytes);
  return tail;
}

/** Encodes `finishRenderBundle`: ends the open render bundle and gives it its id. */
export function finishRenderBundle(id: u32): void {
  const p = reserve(2);
  store<u32>(p, 131088);
  store<u32>(p, id, 4);
}

/**
 * Encodes `createRenderPipelineAsync`: makes a render pipeline while the game goes on; it is usable after a REPLY_PIPELINE.
 * Returns the address at which to write the elements of the command's lists.
 */
export function createRenderPipelineAsync(
  id: u32,
  layout: u32,
  vertexModule: u32,
  fragmentModule: u32,
  topology: u32,
  stripIndexFormat: u32,
  frontFace: u32,
  cullMode: u32,
  unclippedDepth: bool,
  depthFormat: u32,
  depthWriteEnabled: bool,
  depthCompare: u32,
  stencilFrontCompare: u32,
  stencilFrontFailOp: u32,
  stencilFrontDepthFailOp: u32,
  stencilFrontPassOp: u32,
  stencilBackCompare: u32,
  stencilBackFailOp: u32,
  stencilBackDepthFailOp: u32,
  stencilBackPassOp: u32,
  stencilReadMask: u32,
  stencilWriteMask: u32,
  depthBias: i32,
  depthBiasSlopeScale: f32,
  depthBiasClamp: f32,
  sampleCount: u32,
  sampleMask: u32,
  alphaToCoverageEnabled: bool,
  label: string,
  vertexEntryPoint: string,
  vertexConstants: string,
  fragmentEntryPoint: string,
  fragmentConstants: string,
  vertexValuesCount: u32,
  fragmentValuesCount: u32,
  buffersCount: u32,
  attributesCount: u32,
  targetsCount: u32,
): usize {
  const labelBytes = <u32>String.UTF8.byteLength(label);
  const vertexEntryPointBytes = <u32>String.UTF8.byteLength(vertexEntryPoint);
  const vertexConstantsBytes = <u32>String.UTF8.byteLength(vertexConstants);
  const fragmentEntryPointBytes = <u32>String.UTF8.byteLength(fragmentEntryPoint);
  const fragmentConstantsBytes = <u32>String.UTF8.byteLength(fragmentConstants);
  const length: u32 =
    39 +
    ((labelBytes + 3) >> 2) +
    ((vertexEntryPointBytes + 3) >> 2) +
    ((vertexConstantsBytes + 3) >> 2) +
    ((fragmentEntryPointBytes + 3) >> 2) +
    ((fragmentConstantsBytes + 3) >> 2) +
    vertexValuesCount * 2 +
    fragmentValuesCount * 2 +
    buffersCount * 3 +
    attributesCount * 3 +
    targetsCount * 9;
  const p = reserve(length);
  store<u32>(p, (length << 16) | 17);
  store<u32>(p, id, 4);
  store<u32>(p, layout, 8);
  store<u32>(p, vertexModule, 12);
  store<u32>(p, fragmentModule, 16);
  store<u32>(p, topology, 20);
  store<u32>(p, stripIndexFormat, 24);
  store<u32>(p, frontFace, 28);
  store<u32>(p, cullMode, 32);
  store<u32>(p, <u32>unclippedDepth, 36);
  store<u32>(p, depthFormat, 40);
  store<u32>(p, <u32>depthWriteEnabled, 44);
  store<u32>(p, depthCompare, 48);
  store<u32>(p, stencilFrontCompare, 52);
  store<u32>(p, stencilFrontFailOp, 56);
  store<u32>(p, stencilFrontDepthFailOp, 60);
  store<u32>(p, stencilFrontPassOp, 64);
  store<u32>(p, stencilBackCompare, 68);
  store<u32>(p, stencilBackFailOp, 72);
  store<u32>(p, stencilBackDepthFailOp, 76);
  store<u32>(p, stencilBackPassOp, 80);
  store<u32>(p, stencilReadMask, 84);
  store<u32>(p, stencilWriteMask, 88);
  store<i32>(p, depthBias, 92);
  store<f32>(p, depthBiasSlopeScale, 96);
  store<f32>(p, depthBiasClamp, 100);
  store<u32>(p, sampleCount, 104);
  store<u32>(p, sampleMask, 108);
  store<u32>(p, <u32>alphaToCoverageEnabled, 112);
  store<u32>(p, labelBytes, 116);
  store<u32>(p, vertexEntryPointBytes, 120);
  store<u32>(p, vertexConstantsBytes, 124);
  store<u32>(p, fragmentEntryPointBytes, 128);
  store<u32>(p, fragmentConstantsBytes, 132);
  store<u32>(p, vertexValuesCount, 136);
  store<u32>(p, fragmentValuesCount, 140);
  store<u32>(p, buffersCount, 144);
  store<u32>(p, attributesCount, 148);
  store<u32>(p, targetsCount, 152);
  let tail = p + 156;
  tail = text(tail, label, labelBytes);
  tail = text(tail, vertexEntryPoint, vertexEntryPointBytes);
  tail = text(tail, vertexConstants, vertexConstantsBytes);
  tail = text(tail, fragmentEntryPoint, fragmentEntryPointBytes);
  tail = text(tail, fragmentConstants, fragmentConstantsBytes);
  return tail;
}

/**
 * Encodes `createComputePipelineAsync`: makes a compute pipeline while the game goes on; it is usable after a REPLY_PIPELINE.
 * Returns the address at which to write the elements of the command's lists.
 */
export function createComputePipelineAsync(
  id: u32,
  layout: u32,
  module: u32,
  label: string,
  entryPoint: string,
  constants: string,
  valuesCount: u32,
): usize {
  const labelBytes = <u32>String.UTF8.byteLength(label);
  const entryPointBytes = <u32>String.UTF8.byteLength(entryPoint);
  const constantsBytes = <u32>String.UTF8.byteLength(constants);
  const length: u32 =
    8 + ((labelBytes + 3) >> 2) + ((entryPointBytes + 3) >> 2) + ((constantsBytes + 3) >> 2) + valuesCount * 2;
  const p = reserve(length);
  store<u32>(p, (length << 16) | 18);
  store<u32>(p, id, 4);
  store<u32>(p, layout, 8);
  store<u32>(p, module, 12);
  store<u32>(p, labelBytes, 16);
  store<u32>(p, entryPointBytes, 20);
  store<u32>(p, constantsBytes, 24);
  store<u32>(p, valuesCount, 28);
  let tail = p + 32;
  tail = text(tail, label, labelBytes);
  tail = text(tail, entryPoint, entryPointBytes);
  tail = text(tail, constants, constantsBytes);
  return tail;
}

/** Encodes `getCompilationInfo`: requests the errors of a shader module, as a REPLY_COMPILATION with this token. */
export function getCompilationInfo(module: u32, token: u32): void {
  const p = reserve(3);
  store<u32>(p, 196627);
  store<u32>(p, module, 4);
  store<u32>(p, token, 8);
}

/** Encodes `pushErrorScope`: begins an error scope of this filter. */
export function pushErrorScope(filter: u32): void {
  const p = reserve(2);
  store<u32>(p, 131092);
  store<u32>(p, filter, 4);
}

/** Encodes `popErrorScope`: ends the innermost error scope; a REPLY_ERROR_SCOPE with this token says what it caught. */
export function popErrorScope(token: u32): void {
  const p = reserve(2);
  store<u32>(p, 131093);
  store<u32>(p, token, 4);
}

/** Encodes `writeBuffer`: writes bytes from linear memory into a buffer, before what is submitted later. */
export function writeBuffer(buffer: u32, offset: u32, address: usize, byteLength: u32): void {
  const p = reserve(5);
  store<u32>(p, 360480);
  store<u32>(p, buffer, 4);
  store<u32>(p, offset, 8);
  store<u32>(p, <u32>address, 12);
  store<u32>(p, byteLength, 16);
}

/** Encodes `writeTexture`: writes texels from linear memory into a texture, before what is submitted later. */
export function writeTexture(
  texture: u32,
  mipLevel: u32,
  originX: u32,
  originY: u32,
  originZ: u32,
  aspect: u32,
  width: u32,
  height: u32,
  depthOrArrayLayers: u32,
  bytesPerRow: u32,
  rowsPerImage: u32,
  address: usize,
  byteLength: u32,
): void {
  const p = reserve(14);
  store<u32>(p, 950305);
  store<u32>(p, texture, 4);
  store<u32>(p, mipLevel, 8);
  store<u32>(p, originX, 12);
  store<u32>(p, originY, 16);
  store<u32>(p, originZ, 20);
  store<u32>(p, aspect, 24);
  store<u32>(p, width, 28);
  store<u32>(p, height, 32);
  store<u32>(p, depthOrArrayLayers, 36);
  store<u32>(p, bytesPerRow, 40);
  store<u32>(p, rowsPerImage, 44);
  store<u32>(p, <u32>address, 48);
  store<u32>(p, byteLength, 52);
}

/** Encodes `writeBufferFromAsset`: writes part of an asset into a buffer; the bytes do not pass through linear memory. */
export function writeBufferFromAsset(buffer: u32, offset: u32, asset: u32, assetOffset: u32, size: u32): void {
  const p = reserve(6);
  store<u32>(p, 393250);
  store<u32>(p, buffer, 4);
  store<u32>(p, offset, 8);
  store<u32>(p, asset, 12);
  store<u32>(p, assetOffset, 16);
  store<u32>(p, size, 20);
}

/** Encodes `writeTextureFromAsset`: writes part of an asset into a texture; the bytes do not pass through linear memory. */
export function writeTextureFromAsset(
  texture: u32,
  mipLevel: u32,
  originX: u32,
  originY: u32,
  originZ: u32,
  aspect: u32,
  width: u32,
  height: u32,
  depthOrArrayLayers: u32,
  bytesPerRow: u32,
  rowsPerImage: u32,
  asset: u32,
  assetOffset: u32,
  size: u32,
): void {
  const p = reserve(15);
  store<u32>(p, 983075);
  store<u32>(p, texture, 4);
  store<u32>(p, mipLevel, 8);
  store<u32>(p, originX, 12);
  store<u32>(p, originY, 16);
  store<u32>(p, originZ, 20);
  store<u32>(p, aspect, 24);
  store<u32>(p, width, 28);
  store<u32>(p, height, 32);
  store<u32>(p, depthOrArrayLayers, 36);
  store<u32>(p, bytesPerRow, 40);
  store<u32>(p, rowsPerImage, 44);
  store<u32>(p, asset, 48);
  store<u32>(p, assetOffset, 52);
  store<u32>(p, size, 56);
}

/** Encodes `submit`: finishes the command encoder and queues what was recorded since the last submit. */
export function submit(): void {
  const p = reserve(1);
  store<u32>(p, 65572);
}

/** Encodes `onSubmittedWorkDone`: requests a REPLY_WORK_DONE with this token once all that was submitted before is done. */
export function onSubmittedWorkDone(token: u32): void {
  const p = reserve(2);
  store<u32>(p, 131109);
  store<u32>(p, token, 4);
}

/** Encodes `mapAsync`: copies part of a buffer to `address` in linear memory; a REPLY_MAPPED with this token follows it. */
export function mapAsync(buffer: u32, offset: u32, size: u32, address: u32, token: u32): void {
  const p = reserve(6);
  store<u32>(p, 393254);
  store<u32>(p, buffer, 4);
  store<u32>(p, offset, 8);
  store<u32>(p, size, 12);
  store<u32>(p, address, 16);
  store<u32>(p, token, 20);
}

/** Encodes `copyBufferToBuffer`: copies bytes from one buffer to another. */
export function copyBufferToBuffer(
  source: u32,
  sourceOffset: u32,
  destination: u32,
  destinationOffset: u32,
  size: u32,
): void {
  const p = reserve(6);
  store<u32>(p, 393264);
  store<u32>(p, source, 4);
  store<u32>(p, sourceOffset, 8);
  store<u32>(p, destination, 12);
  store<u32>(p, destinationOffset, 16);
  store<u32>(p, size, 20);
}

/** Encodes `copyBufferToTexture`: copies texels from a buffer to a texture. */
export function copyBufferToTexture(
  buffer: u32,
  offset: u32,
  bytesPerRow: u32,
  rowsPerImage: u32,
  texture: u32,
  mipLevel: u32,
  originX: u32,
  originY: u32,
  originZ: u32,
  aspect: u32,
  width: u32,
  height: u32,
  depthOrArrayLayers: u32,
): void {
  const p = reserve(14);
  store<u32>(p, 917553);
  store<u32>(p, buffer, 4);
  store<u32>(p, offset, 8);
  store<u32>(p, bytesPerRow, 12);
  store<u32>(p, rowsPerImage, 16);
  store<u32>(p, texture, 20);
  store<u32>(p, mipLevel, 24);
  store<u32>(p, originX, 28);
  store<u32>(p, originY, 32);
  store<u32>(p, originZ, 36);
  store<u32>(p, aspect, 40);
  store<u32>(p, width, 44);
  store<u32>(p, height, 48);
  store<u32>(p, depthOrArrayLayers, 52);
}

/** Encodes `copyTextureToBuffer`: copies texels from a texture to a buffer. */
export function copyTextureToBuffer(
  texture: u32,
  mipLevel: u32,
  originX: u32,
  originY: u32,
  originZ: u32,
  aspect: u32,
  buffer: u32,
  offset: u32,
  bytesPerRow: u32,
  rowsPerImage: u32,
  width: u32,
  height: u32,
  depthOrArrayLayers: u32,
): void {
  const p = reserve(14);
  store<u32>(p, 917554);
  store<u32>(p, texture, 4);
  store<u32>(p, mipLevel, 8);
  store<u32>(p, originX, 12);
  store<u32>(p, originY, 16);
  store<u32>(p, originZ, 20);
  store<u32>(p, aspect, 24);
  store<u32>(p, buffer, 28);
  store<u32>(p, offset, 32);
  store<u32>(p, bytesPerRow, 36);
  store<u32>(p, rowsPerImage, 40);
  store<u32>(p, width, 44);
  store<u32>(p, height, 48);
  store<u32>(p, depthOrArrayLayers, 52);
}

/** Encodes `copyTextureToTexture`: copies texels from one texture to another. */
export function copyTextureToTexture(
  source: u32,
  sourceMipLevel: u32,
  sourceX: u32,
  sourceY: u32,
  sourceZ: u32,
  sourceAspect: u32,
  texture: u32,
  mipLevel: u32,
  originX: u32,
  originY: u32,
  originZ: u32,
  aspect: u32,
  width: u32,
  height: u32,
  depthOrArrayLayers: u32,
): void {
  const p = reserve(16);
  store<u32>(p, 1048627);
  store<u32>(p, source, 4);
  store<u32>(p, sourceMipLevel, 8);
  store<u32>(p, sourceX, 12);
  store<u32>(p, sourceY, 16);
  store<u32>(p, sourceZ, 20);
  store<u32>(p, sourceAspect, 24);
  store<u32>(p, texture, 28);
  store<u32>(p, mipLevel, 32);
  store<u32>(p, originX, 36);
  store<u32>(p, originY, 40);
  store<u32>(p, originZ, 44);
  store<u32>(p, aspect, 48);
  store<u32>(p, width, 52);
  store<u32>(p, height, 56);
  store<u32>(p, depthOrArrayLayers, 60);
}

/** Encodes `clearBuffer`: fills part of a buffer with zeros; a size of 0 means to its end. */
export function clearBuffer(buffer: u32, offset: u32, size: u32): void {
  const p = reserve(4);
  store<u32>(p, 262196);
  store<u32>(p, buffer, 4);
  store<u32>(p, offset, 8);
  store<u32>(p, size, 12);
}

/**
 * Encodes `beginRenderPass`: begins a render pass.
 * Returns the address at which to write the elements of the command's lists.
 */
export function beginRenderPass(
  depthView: u32,
  depthLoadOp: u32,
  depthStoreOp: u32,
  depthClearValue: f32,
  depthReadOnly: bool,
  stencilLoadOp: u32,
  stencilStoreOp: u32,
  stencilClearValue: u32,
  stencilReadOnly: bool,
  occlusionQuerySet: u32,
  timestampQuerySet: u32,
  beginningOfPassWriteIndex: i32,
  endOfPassWriteIndex: i32,
  label: string,
  colorAttachmentsCount: u32,
): usize {
  const labelBytes = <u32>String.UTF8.byteLength(label);
  const length: u32 = 16 + ((labelBytes + 3) >> 2) + colorAttachmentsCount * 9;
  const p = reserve(length);
  store<u32>(p, (length << 16) | 53);
  store<u32>(p, depthView, 4);
  store<u32>(p, depthLoadOp, 8);
  store<u32>(p, depthStoreOp, 12);
  store<f32>(p, depthClearValue, 16);
  store<u32>(p, <u32>depthReadOnly, 20);
  store<u32>(p, stencilLoadOp, 24);
  store<u32>(p, stencilStoreOp, 28);
  store<u32>(p, stencilClearValue, 32);
  store<u32>(p, <u32>stencilReadOnly, 36);
  store<u32>(p, occlusionQuerySet, 40);
  store<u32>(p, timestampQuerySet, 44);
  store<u32>(p, beginningOfPassWriteIndex + 1, 48);
  store<u32>(p, endOfPassWriteIndex + 1, 52);
  store<u32>(p, labelBytes, 56);
  store<u32>(p, colorAttachmentsCount, 60);
  let tail = p + 64;
  tail = text(tail, label, labelBytes);
  return tail;
}

/** Encodes `endRenderPass`: ends the render pass. */
export function endRenderPass(): void {
  const p = reserve(1);
  store<u32>(p, 65590);
}

/** Encodes `beginComputePass`: begins a compute pass. */
export function beginComputePass(
  timestampQuerySet: u32,
  beginningOfPassWriteIndex: i32,
  endOfPassWriteIndex: i32,
  label: string,
): void {
  const labelBytes = <u32>String.UTF8.byteLength(label);
  const length: u32 = 5 + ((labelBytes + 3) >> 2);
  const p = reserve(length);
  store<u32>(p, (length << 16) | 55);
  store<u32>(p, timestampQuerySet, 4);
  store<u32>(p, beginningOfPassWriteIndex + 1, 8);
  store<u32>(p, endOfPassWriteIndex + 1, 12);
  store<u32>(p, labelBytes, 16);
  let tail = p + 20;
  tail = text(tail, label, labelBytes);
}

/** Encodes `endComputePass`: ends the compute pass. */
export function endComputePass(): void {
  const p = reserve(1);
  store<u32>(p, 65592);
}

/** Encodes `resolveQuerySet`: writes the results of queries into a buffer, 8 bytes each. */
export function resolveQuerySet(
  querySet: u32,
  firstQuery: u32,
  queryCount: u32,
  destination: u32,
  destinationOffset: u32,
): void {
  const p = reserve(6);
  store<u32>(p, 393273);
  store<u32>(p, querySet, 4);
  store<u32>(p, firstQuery, 8);
  store<u32>(p, queryCount, 12);
  store<u32>(p, destination, 16);
  store<u32>(p, destinationOffset, 20);
}

/** Encodes `pushDebugGroup`: begins a debug group: commands that debugging tools show together under a label. */
export function pushDebugGroup(groupLabel: string): void {
  const groupLabelBytes = <u32>String.UTF8.byteLength(groupLabel);
  const length: u32 = 2 + ((groupLabelBytes + 3) >> 2);
  const p = reserve(length);
  store<u32>(p, (length << 16) | 58);
  store<u32>(p, groupLabelBytes, 4);
  let tail = p + 8;
  tail = text(tail, groupLabel, groupLabelBytes);
}

/** Encodes `popDebugGroup`: ends the innermost debug group. */
export function popDebugGroup(): void {
  const p = reserve(1);
  store<u32>(p, 65595);
}

/** Encodes `insertDebugMarker`: marks a place among the commands for debugging tools. */
export function insertDebugMarker(markerLabel: string): void {
  const markerLabelBytes = <u32>String.UTF8.byteLength(markerLabel);
  const length: u32 = 2 + ((markerLabelBytes + 3) >> 2);
  const p = reserve(length);
  store<u32>(p, (length << 16) | 60);
  store<u32>(p, markerLabelBytes, 4);
  let tail = p + 8;
  tail = text(tail, markerLabel, markerLabelBytes);
}

/** Encodes `setPipeline`: sets the render pipeline for the draws that follow. */
export function setPipeline(pipeline: u32): void {
  const p = reserve(2);
  store<u32>(p, 131136);
  store<u32>(p, pipeline, 4);
}

/**
 * Encodes `setBindGroup`: sets a bind group of the open render pass, compute pass or render bundle.
 * Returns the address at which to write the elements of the command's lists.
 */
export function setBindGroup(index: u32, bindGroup: u32, dynamicOffsetsCount: u32): usize {
  const length: u32 = 4 + dynamicOffsetsCount * 1;
  const p = reserve(length);
  store<u32>(p, (length << 16) | 65);
  store<u32>(p, index, 4);
  store<u32>(p, bindGroup, 8);
  store<u32>(p, dynamicOffsetsCount, 12);
  return p + 16;
}

/** Encodes `setVertexBuffer`: sets a vertex buffer; a size of 0 means to its end. */
export function setVertexBuffer(slot: u32, buffer: u32, offset: u32, size: u32): void {
  const p = reserve(5);
  store<u32>(p, 327746);
  store<u32>(p, slot, 4);
  store<u32>(p, buffer, 8);
  store<u32>(p, offset, 12);
  store<u32>(p, size, 16);
}

/** Encodes `setIndexBuffer`: sets the index buffer; a size of 0 means to its end. */
export function setIndexBuffer(buffer: u32, format: u32, offset: u32, size: u32): void {
  const p = reserve(5);
  store<u32>(p, 327747);
  store<u32>(p, buffer, 4);
  store<u32>(p, format, 8);
  store<u32>(p, offset, 12);
  store<u32>(p, size, 16);
}

/** Encodes `draw`: draws vertices. */
export function draw(vertexCount: u32, instanceCount: u32, firstVertex: u32, firstInstance: u32): void {
  const p = reserve(5);
  store<u32>(p, 327748);
  store<u32>(p, vertexCount, 4);
  store<u32>(p, instanceCount, 8);
  store<u32>(p, firstVertex, 12);
  store<u32>(p, firstInstance, 16);
}

/** Encodes `drawIndexed`: draws vertices by their indices. */
export function drawIndexed(
  indexCount: u32,
  instanceCount: u32,
  firstIndex: u32,
  baseVertex: i32,
  firstInstance: u32,
): void {
  const p = reserve(6);
  store<u32>(p, 393285);
  store<u32>(p, indexCount, 4);
  store<u32>(p, instanceCount, 8);
  store<u32>(p, firstIndex, 12);
  store<i32>(p, baseVertex, 16);
  store<u32>(p, firstInstance, 20);
}

/** Encodes `drawIndirect`: draws vertices with arguments from a buffer. */
export function drawIndirect(buffer: u32, offset: u32): void {
  const p = reserve(3);
  store<u32>(p, 196678);
  store<u32>(p, buffer, 4);
  store<u32>(p, offset, 8);
}

/** Encodes `drawIndexedIndirect`: draws vertices by their indices; a buffer holds the arguments of the draw. */
export function drawIndexedIndirect(buffer: u32, offset: u32): void {
  const p = reserve(3);
  store<u32>(p, 196679);
  store<u32>(p, buffer, 4);
  store<u32>(p, offset, 8);
}

/** Encodes `setViewport`: sets the part of the attachments that is drawn to, and its range of depth. */
export function setViewport(x: f32, y: f32, width: f32, height: f32, minDepth: f32, maxDepth: f32): void {
  const p = reserve(7);
  store<u32>(p, 458824);
  store<f32>(p, x, 4);
  store<f32>(p, y, 8);
  store<f32>(p, width, 12);
  store<f32>(p, height, 16);
  store<f32>(p, minDepth, 20);
  store<f32>(p, maxDepth, 24);
}

/** Encodes `setScissorRect`: sets the scissor rectangle. */
export function setScissorRect(x: u32, y: u32, width: u32, height: u32): void {
  const p = reserve(5);
  store<u32>(p, 327753);
  store<u32>(p, x, 4);
  store<u32>(p, y, 8);
  store<u32>(p, width, 12);
  store<u32>(p, height, 16);
}

/** Encodes `setBlendConstant`: sets the blend constant. */
export function setBlendConstant(r: f32, g: f32, b: f32, a: f32): void {
  const p = reserve(5);
  store<u32>(p, 327754);
  store<f32>(p, r, 4);
  store<f32>(p, g, 8);
  store<f32>(p, b, 12);
  store<f32>(p, a, 16);
}

/** Encodes `setStencilReference`: sets the reference value of the stencil test. */
export function setStencilReference(reference: u32): void {
  const p = reserve(2);
  store<u32>(p, 131147);
  store<u32>(p, reference, 4);
}

/** Encodes `beginOcclusionQuery`: begins an occlusion query, which counts the samples that pass the depth and stencil tests. */
export function beginOcclusionQuery(queryIndex: u32): void {
  const p = reserve(2);
  store<u32>(p, 131148);
  store<u32>(p, queryIndex, 4);
}

/** Encodes `endOcclusionQuery`: ends the occlusion query. */
export function endOcclusionQuery(): void {
  const p = reserve(1);
  store<u32>(p, 65613);
}

/**
 * Encodes `executeBundles`: executes render bundles; afterwards the pass has no pipeline, bind groups or buffers set.
 * Returns the address at which to write the elements of the command's lists.
 */
export function executeBundles(bundlesCount: u32): usize {
  const length: u32 = 2 + bundlesCount * 1;
  const p = reserve(length);
  store<u32>(p, (length << 16) | 78);
  store<u32>(p, bundlesCount, 4);
  return p + 8;
}

/** Encodes `setComputePipeline`: sets the compute pipeline. */
export function setComputePipeline(pipeline: u32): void {
  const p = reserve(2);
  store<u32>(p, 131152);
  store<u32>(p, pipeline, 4);
}

/** Encodes `dispatchWorkgroups`: dispatches `x` * `y` * `z` workgroups. */
export function dispatchWorkgroups(x: u32, y: u32, z: u32): void {
  const p = reserve(4);
  store<u32>(p, 262225);
  store<u32>(p, x, 4);
  store<u32>(p, y, 8);
  store<u32>(p, z, 12);
}

/** Encodes `dispatchWorkgroupsIndirect`: runs the compute pipeline; a buffer holds the three numbers of workgroups. */
export function dispatchWorkgroupsIndirect(buffer: u32, offset: u32): void {
  const p = reserve(3);
  store<u32>(p, 196690);
  store<u32>(p, buffer, 4);
  store<u32>(p, offset, 8);
}

/** Encodes `rumble`: shakes a gamepad of a player; a newer effect on the same gamepad replaces it. */
export function rumble(seat: u32, pad: u32, strong: f32, weak: f32, milliseconds: u32): void {
  const p = reserve(6);
  store<u32>(p, 393312);
  store<u32>(p, seat, 4);
  store<u32>(p, pad, 8);
  store<f32>(p, strong, 12);
  store<f32>(p, weak, 16);
  store<u32>(p, milliseconds, 20);
}

/** Encodes `requestText`: asks a player to enter a text, in place of an earlier one; REPLY_TEXT says when it is at `address`. */
export function requestText(
  seat: u32,
  token: u32,
  address: u32,
  lengthMax: u32,
  prompt: string,
  initial: string,
): void {
  const promptBytes = <u32>String.UTF8.byteLength(prompt);
  const initialBytes = <u32>String.UTF8.byteLength(initial);
  const length: u32 = 7 + ((promptBytes + 3) >> 2) + ((initialBytes + 3) >> 2);
  const p = reserve(length);
  store<u32>(p, (length << 16) | 97);
  store<u32>(p, seat, 4);
  store<u32>(p, token, 8);
  store<u32>(p, address, 12);
  store<u32>(p, lengthMax, 16);
  store<u32>(p, promptBytes, 20);
  store<u32>(p, initialBytes, 24);
  let tail = p + 28;
  tail = text(tail, prompt, promptBytes);
  tail = text(tail, initial, initialBytes);
}

/** Encodes `cancelText`: ends the entry of a text that `requestText` began. */
export function cancelText(seat: u32): void {
  const p = reserve(2);
  store<u32>(p, 131170);
  store<u32>(p, seat, 4);
}

/**
 * Encodes `emit`: sends a message of `byteLength` bytes to the rooms of this game that subscribe to a topic.
 * Returns the address at which to write the elements of the command's lists.
 */
export function emit(topic: string, byteLength: u32, dataCount: u32): usize {
  const topicBytes = <u32>String.UTF8.byteLength(topic);
  const length: u32 = 4 + ((topicBytes + 3) >> 2) + dataCount * 1;
  const p = reserve(length);
  store<u32>(p, (length << 16) | 112);
  store<u32>(p, topicBytes, 4);
  store<u32>(p, byteLength, 8);
  store<u32>(p, dataCount, 12);
  let tail = p + 16;
  tail = text(tail, topic, topicBytes);
  return tail;
}

/** Encodes `subscribe`: requests the messages that other rooms send to a topic; `subscription` is a number that the module chooses. */
export function subscribe(subscription: u32, topic: string): void {
  const topicBytes = <u32>String.UTF8.byteLength(topic);
  const length: u32 = 3 + ((topicBytes + 3) >> 2);
  const p = reserve(length);
  store<u32>(p, (length << 16) | 113);
  store<u32>(p, subscription, 4);
  store<u32>(p, topicBytes, 8);
  let tail = p + 12;
  tail = text(tail, topic, topicBytes);
}

/** Encodes `unsubscribe`: ends a subscription. */
export function unsubscribe(subscription: u32): void {
  const p = reserve(2);
  store<u32>(p, 131186);
  store<u32>(p, subscription, 4);
}

/** Encodes `receive`: gives the host MESSAGE_BYTES_MAX bytes at `address` for one message; REPLY_MESSAGE says when it is there. */
export function receive(token: u32, address: u32): void {
  const p = reserve(3);
  store<u32>(p, 196723);
  store<u32>(p, token, 4);
  store<u32>(p, address, 8);
}

/** Encodes `setPhase`: says in which phase the match is. */
export function setPhase(phase: u32): void {
  const p = reserve(2);
  store<u32>(p, 131188);
  store<u32>(p, phase, 4);
}
