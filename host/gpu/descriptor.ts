/** Turns records of the command stream into WebGPU's descriptors. */
import type {
  BindGroupEntry,
  BindGroupLayoutEntry,
  ColorTarget,
  ConstantValue,
  CreateComputePipeline,
  CreateRenderPipeline,
} from './decode.ts';
import { Fault } from './reader.ts';

export function bindGroupLayoutEntry(entry: BindGroupLayoutEntry): GPUBindGroupLayoutEntry {
  const { binding, visibility, bufferType, samplerType, sampleType, storageAccess, storageFormat } = entry;
  const given = countGiven(bufferType, samplerType, sampleType, storageAccess);
  if (given !== 1)
    throw new Fault(
      `binding ${binding} gives ${given} of bufferType, samplerType, sampleType and storageAccess, not 1`,
    );
  const place = { binding, visibility };
  const { hasDynamicOffset, minBindingSize, viewDimension = '2d', multisampled } = entry;
  if (bufferType) return { ...place, buffer: { type: bufferType, hasDynamicOffset, minBindingSize } };
  if (samplerType) return { ...place, sampler: { type: samplerType } };
  if (sampleType) return { ...place, texture: { sampleType, viewDimension, multisampled } };
  if (!storageAccess || !storageFormat)
    throw new Fault(`binding ${binding} gives a storageAccess, but no storageFormat`);
  return { ...place, storageTexture: { access: storageAccess, format: storageFormat, viewDimension } };
}

export function bindGroupEntry({ binding, buffer, offset, size, sampler, view }: BindGroupEntry): GPUBindGroupEntry {
  const given = countGiven(buffer, sampler, view);
  const resource = sampler?.gpu ?? view?.gpu;
  if (given !== 1) throw new Fault(`binding ${binding} gives ${given} of buffer, sampler and view, not 1`);
  if (resource) return { binding, resource };
  if (!buffer) throw new Error('bug: a binding without a resource has passed the check');
  if (offset + size > buffer.size)
    throw new Fault(`binding ${binding} ends at ${offset + size} of ${buffer.size} bytes`);
  const range = { buffer: buffer.gpu, offset };
  return { binding, resource: size === 0 ? range : { ...range, size } };
}

export function computePipeline(record: CreateComputePipeline): GPUComputePipelineDescriptor {
  const { layout, module, label, entryPoint, constants, values } = record;
  return {
    label,
    layout: layout?.gpu ?? 'auto',
    compute: stage(module, entryPoint, overrides(constants, values)),
  };
}

export function renderPipeline(record: CreateRenderPipeline): GPURenderPipelineDescriptor {
  const { topology, stripIndexFormat, frontFace, cullMode, unclippedDepth } = record;
  const descriptor: GPURenderPipelineDescriptor = {
    label: record.label,
    layout: record.layout?.gpu ?? 'auto',
    vertex: {
      ...stage(record.vertexModule, record.vertexEntryPoint, overrides(record.vertexConstants, record.vertexValues)),
      buffers: vertexBuffers(record),
    },
    primitive: {
      topology,
      frontFace,
      cullMode,
      ...(stripIndexFormat && { stripIndexFormat }),
      ...(unclippedDepth && { unclippedDepth }),
    },
    multisample: {
      count: record.sampleCount,
      mask: record.sampleMask,
      alphaToCoverageEnabled: record.alphaToCoverageEnabled,
    },
  };
  if (record.depthFormat) descriptor.depthStencil = depthStencil(record, record.depthFormat);
  const { fragmentModule, fragmentEntryPoint, fragmentConstants, fragmentValues } = record;
  if (fragmentModule) {
    const targets = record.targets.map(colorTarget);
    const constants = overrides(fragmentConstants, fragmentValues);
    descriptor.fragment = { ...stage(fragmentModule, fragmentEntryPoint, constants), targets };
  } else if (record.targets.length > 0) throw new Fault('the pipeline has targets, but no fragmentModule');
  return descriptor;
}

function countGiven(...values: readonly unknown[]): number {
  return values.filter((value) => value !== undefined).length;
}

function stage(
  module: { gpu: GPUShaderModule },
  entryPoint: string,
  constants: Record<string, number> | undefined,
): GPUProgrammableStage {
  return { module: module.gpu, ...(entryPoint !== '' && { entryPoint }), ...(constants && { constants }) };
}

/** The overridable constants of a shader stage, by name. @param keys the names, joined by commas */
function overrides(keys: string, values: readonly ConstantValue[]): Record<string, number> | undefined {
  if (keys === '' && values.length === 0) return undefined;
  const names = keys.split(',');
  if (names.length !== values.length) throw new Fault(`${names.length} keys of constants, ${values.length} values`);
  if (new Set(names).size !== names.length) throw new Fault(`a key of a constant is given twice: ${keys}`);
  return Object.fromEntries(values.map(({ value }, index) => [names[index], value]));
}

function vertexBuffers({ buffers, attributes }: CreateRenderPipeline): (GPUVertexBufferLayout | null)[] {
  let next = 0;
  const layouts = buffers.map(({ arrayStride, stepMode, attributeCount }) => {
    if (stepMode === undefined) return emptySlot(arrayStride, attributeCount);
    const layout = {
      arrayStride,
      stepMode,
      attributes: attributes.slice(next, next + attributeCount),
    };
    next += attributeCount;
    return layout;
  });
  if (next !== attributes.length)
    throw new Fault(`the vertex buffers have ${next} attributes, but the list of them has ${attributes.length}`);
  return layouts;
}

/** Returns the layout of a vertex buffer slot that stays empty: null. @throws Fault if its other fields are not 0 */
function emptySlot(arrayStride: number, attributeCount: number): null {
  if (arrayStride !== 0 || attributeCount !== 0) throw new Fault('a vertex buffer gives no stepMode, but is not empty');
  return null;
}

function depthStencil(record: CreateRenderPipeline, format: GPUTextureFormat): GPUDepthStencilState {
  const { depthWriteEnabled, depthCompare, depthBias, depthBiasSlopeScale, depthBiasClamp } = record;
  return {
    format,
    depthWriteEnabled,
    ...(depthCompare && { depthCompare }),
    stencilFront: {
      compare: record.stencilFrontCompare,
      failOp: record.stencilFrontFailOp,
      depthFailOp: record.stencilFrontDepthFailOp,
      passOp: record.stencilFrontPassOp,
    },
    stencilBack: {
      compare: record.stencilBackCompare,
      failOp: record.stencilBackFailOp,
      depthFailOp: record.stencilBackDepthFailOp,
      passOp: record.stencilBackPassOp,
    },
    stencilReadMask: record.stencilReadMask,
    stencilWriteMask: record.stencilWriteMask,
    depthBias,
    depthBiasSlopeScale,
    depthBiasClamp,
  };
}

function colorTarget(target: ColorTarget): GPUColorTargetState | null {
  const { format, writeMask, blend } = target;
  if (!format) return null;
  if (!blend) return { format, writeMask };
  const color = component(target.colorOperation, target.colorSrcFactor, target.colorDstFactor);
  const alpha = component(target.alphaOperation, target.alphaSrcFactor, target.alphaDstFactor);
  return { format, writeMask, blend: { color, alpha } };
}

/** The blend state of a colour or alpha component. Defaults are WebGPU's. */
function component(
  operation: GPUBlendOperation = 'add',
  srcFactor: ColorTarget['colorSrcFactor'] = 'one',
  dstFactor: ColorTarget['colorDstFactor'] = 'zero',
): GPUBlendComponent {
  // The type of @webgpu/types lacks the blend factors of dual-source blending.
  return { operation, srcFactor: srcFactor as GPUBlendFactor, dstFactor: dstFactor as GPUBlendFactor };
}
