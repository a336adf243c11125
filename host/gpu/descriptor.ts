/** Records of the command stream to WebGPU's descriptors. */
import type {
  BindGroupEntry,
  BindGroupLayoutEntry,
  ColorTarget,
  CreateComputePipeline,
  CreateRenderPipeline,
} from './decode.ts';
import { Fault } from './reader.ts';

export function bindGroupLayoutEntry(entry: BindGroupLayoutEntry): GPUBindGroupLayoutEntry {
  const { binding, visibility, bufferType, samplerType, sampleType, storageAccess, storageFormat } = entry;
  const given = count(bufferType) + count(samplerType) + count(sampleType) + count(storageAccess);
  if (given !== 1)
    throw new Fault(
      `binding ${binding} gives ${given} of bufferType, samplerType, sampleType and storageAccess, not 1`,
    );
  if (bufferType) {
    const { hasDynamicOffset, minBindingSize } = entry;
    return {
      binding,
      visibility,
      buffer: { type: bufferType, hasDynamicOffset, minBindingSize },
    };
  }
  if (samplerType) return { binding, visibility, sampler: { type: samplerType } };
  const viewDimension = entry.viewDimension ?? '2d';
  if (sampleType)
    return {
      binding,
      visibility,
      texture: { sampleType, viewDimension, multisampled: entry.multisampled },
    };
  if (!storageFormat) throw new Fault(`binding ${binding} gives a storageAccess, but no storageFormat`);
  return {
    binding,
    visibility,
    storageTexture: {
      access: storageAccess!,
      format: storageFormat,
      viewDimension,
    },
  };
}

export function bindGroupEntry({ binding, buffer, offset, size, sampler, view }: BindGroupEntry): GPUBindGroupEntry {
  const given = count(buffer) + count(sampler) + count(view);
  if (given !== 1) throw new Fault(`binding ${binding} gives ${given} of buffer, sampler and view, not 1`);
  if (buffer) {
    if (offset + size > buffer.size)
      throw new Fault(`binding ${binding} ends at ${offset + size} of ${buffer.size} bytes`);
    return {
      binding,
      resource: size === 0 ? { buffer: buffer.gpu, offset } : { buffer: buffer.gpu, offset, size },
    };
  }
  return { binding, resource: sampler?.gpu ?? view!.gpu };
}

export function computePipeline({
  layout,
  module,
  label,
  entryPoint,
}: CreateComputePipeline): GPUComputePipelineDescriptor {
  return {
    label,
    layout: layout?.gpu ?? 'auto',
    compute: stage(module, entryPoint),
  };
}

export function renderPipeline(record: CreateRenderPipeline): GPURenderPipelineDescriptor {
  const { topology, stripIndexFormat, frontFace, cullMode } = record;
  const descriptor: GPURenderPipelineDescriptor = {
    label: record.label,
    layout: record.layout?.gpu ?? 'auto',
    vertex: {
      ...stage(record.vertexModule, record.vertexEntryPoint),
      buffers: vertexBuffers(record),
    },
    primitive: {
      topology,
      frontFace,
      cullMode,
      ...(stripIndexFormat && { stripIndexFormat }),
    },
    multisample: {
      count: record.sampleCount,
      mask: record.sampleMask,
      alphaToCoverageEnabled: record.alphaToCoverageEnabled,
    },
  };
  if (record.depthFormat) descriptor.depthStencil = depthStencil(record, record.depthFormat);
  if (record.fragmentModule) {
    const targets = record.targets.map(colorTarget);
    descriptor.fragment = {
      ...stage(record.fragmentModule, record.fragmentEntryPoint),
      targets,
    };
  } else if (record.targets.length > 0) throw new Fault('it has targets, but no fragmentModule');
  return descriptor;
}

function count(value: unknown): number {
  return value === undefined ? 0 : 1;
}

function stage(module: { gpu: GPUShaderModule }, entryPoint: string): GPUProgrammableStage {
  return entryPoint === '' ? { module: module.gpu } : { module: module.gpu, entryPoint };
}

function vertexBuffers({ buffers, attributes }: CreateRenderPipeline): GPUVertexBufferLayout[] {
  let next = 0;
  const layouts = buffers.map(({ arrayStride, stepMode, attributeCount }) => {
    const layout = {
      arrayStride,
      stepMode,
      attributes: attributes.slice(next, next + attributeCount),
    };
    next += attributeCount;
    return layout;
  });
  if (next !== attributes.length)
    throw new Fault(`its buffers have ${next} attributes, the list has ${attributes.length}`);
  return layouts;
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

function colorTarget(target: ColorTarget): GPUColorTargetState {
  const { format, writeMask, blend } = target;
  if (!blend) return { format, writeMask };
  const color = component(target.colorOperation, target.colorSrcFactor, target.colorDstFactor);
  const alpha = component(target.alphaOperation, target.alphaSrcFactor, target.alphaDstFactor);
  return { format, writeMask, blend: { color, alpha } };
}

/** What is not given has WebGPU's default. */
function component(
  operation: GPUBlendOperation = 'add',
  srcFactor: GPUBlendFactor = 'one',
  dstFactor: GPUBlendFactor = 'zero',
): GPUBlendComponent {
  return { operation, srcFactor, dstFactor };
}
