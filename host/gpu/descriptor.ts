/** Records of the command stream to WebGPU's descriptors. */
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
  constants,
  values,
}: CreateComputePipeline): GPUComputePipelineDescriptor {
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
  if (record.fragmentModule) {
    const targets = record.targets.map(colorTarget);
    descriptor.fragment = {
      ...stage(
        record.fragmentModule,
        record.fragmentEntryPoint,
        overrides(record.fragmentConstants, record.fragmentValues),
      ),
      targets,
    };
  } else if (record.targets.length > 0) throw new Fault('it has targets, but no fragmentModule');
  return descriptor;
}

function count(value: unknown): number {
  return value === undefined ? 0 : 1;
}

function stage(
  module: { gpu: GPUShaderModule },
  entryPoint: string,
  constants: Record<string, number> | undefined,
): GPUProgrammableStage {
  return { module: module.gpu, ...(entryPoint !== '' && { entryPoint }), ...(constants && { constants }) };
}

/** The values of a stage's overrides by key; undefined for none. */
function overrides(keys: string, values: readonly ConstantValue[]): Record<string, number> | undefined {
  if (keys === '' && values.length === 0) return undefined;
  const names = keys.split(',');
  if (names.length !== values.length) throw new Fault(`${names.length} keys of constants, ${values.length} values`);
  if (new Set(names).size !== names.length) throw new Fault(`a key of a constant is given twice: ${keys}`);
  return Object.fromEntries(names.map((name, index) => [name, values[index]!.value]));
}

function vertexBuffers({ buffers, attributes }: CreateRenderPipeline): (GPUVertexBufferLayout | null)[] {
  let next = 0;
  const layouts = buffers.map(({ arrayStride, stepMode, attributeCount }) => {
    if (stepMode === undefined) return empty(arrayStride, attributeCount);
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

/** A vertex buffer's place that stays empty. */
function empty(arrayStride: number, attributeCount: number): null {
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

/** What is not given has WebGPU's default. */
function component(
  operation: GPUBlendOperation = 'add',
  srcFactor: ColorTarget['colorSrcFactor'] = 'one',
  dstFactor: ColorTarget['colorDstFactor'] = 'zero',
): GPUBlendComponent {
  // The types at hand do not know the factors of dual-source-blending yet.
  return { operation, srcFactor: srcFactor as GPUBlendFactor, dstFactor: dstFactor as GPUBlendFactor };
}
