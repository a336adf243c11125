import {
  OP_CREATE_COMPUTE_PIPELINE_ASYNC,
  OP_CREATE_RENDER_PIPELINE_ASYNC,
  REPLY_ERROR_SCOPE,
} from '../../contract/abi';
import * as encode from '../encode';
import { ObjectKind } from '../enums';
import { gpu_feature, gpu_limit } from '../nearlight';
import { retag } from '../stream';
import {
  BindGroup,
  BindGroupDescriptor,
  BindGroupLayout,
  BindGroupLayoutDescriptor,
  PipelineLayout,
  PipelineLayoutDescriptor,
} from './binding';
import { Buffer, BufferDescriptor } from './buffer';
import { RenderBundleEncoder, RenderBundleEncoderDescriptor } from './bundle';
import { CommandEncoder } from './encoder';
import { idOf, takeId } from './object';
import {
  BlendState,
  ColorTargetState,
  ComputePipeline,
  ComputePipelineDescriptor,
  PipelineConstant,
  RenderPipeline,
  RenderPipelineDescriptor,
  ShaderModule,
  ShaderModuleDescriptor,
} from './pipeline';
import { QuerySet, QuerySetDescriptor } from './query';
import { Queue } from './queue';
import { Answer, ask, askPipeline } from './reply';
import { Sampler, SamplerDescriptor, Texture, TextureDescriptor } from './texture';

/** GPUDevice. */
class Device {
  readonly queue: Queue = new Queue();
  private readonly encoder: CommandEncoder = new CommandEncoder();
  private readonly bundle: RenderBundleEncoder = new RenderBundleEncoder();

  /** Makes a buffer, filled with zeros. */
  createBuffer(d: BufferDescriptor): Buffer {
    const buffer = new Buffer(takeId(ObjectKind.buffer), d.size, d.usage);
    encode.createBuffer(buffer.id, d.size, d.usage, d.label);
    return buffer;
  }

  /** Makes a texture. */
  createTexture(d: TextureDescriptor): Texture {
    const size = d.size;
    const texture = new Texture(takeId(ObjectKind.texture), d.format, size.width, size.height);
    let at = encode.createTexture(
      texture.id,
      size.width,
      size.height,
      size.depthOrArrayLayers,
      d.mipLevelCount,
      d.sampleCount,
      d.dimension,
      d.format,
      d.usage,
      d.label,
      d.viewFormats.length,
    );
    for (let i = 0; i < d.viewFormats.length; i++) at = encode.writeTextureViewFormat(at, d.viewFormats[i]);
    return texture;
  }

  /** Makes a sampler. */
  createSampler(d: SamplerDescriptor = {}): Sampler {
    const sampler = new Sampler(takeId(ObjectKind.sampler));
    encode.createSampler(
      sampler.id,
      d.addressModeU,
      d.addressModeV,
      d.addressModeW,
      d.magFilter,
      d.minFilter,
      d.mipmapFilter,
      d.lodMinClamp,
      d.lodMaxClamp,
      d.compare,
      d.maxAnisotropy,
      d.label,
    );
    return sampler;
  }

  /** Makes a bind group layout. */
  createBindGroupLayout(d: BindGroupLayoutDescriptor): BindGroupLayout {
    const layout = new BindGroupLayout(takeId(ObjectKind.bindGroupLayout));
    const entries = d.entries;
    let at = encode.createBindGroupLayout(layout.id, d.label, entries.length);
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i];
      const buffer = entry.buffer;
      const sampler = entry.sampler;
      const texture = entry.texture;
      const storage = entry.storageTexture;
      at = encode.writeBindGroupLayoutEntry(
        at,
        entry.binding,
        entry.visibility,
        buffer !== null ? buffer.type : 0,
        buffer !== null ? buffer.hasDynamicOffset : false,
        buffer !== null ? buffer.minBindingSize : 0,
        sampler !== null ? sampler.type : 0,
        texture !== null ? texture.sampleType : 0,
        texture !== null ? texture.multisampled : false,
        storage !== null ? storage.access : 0,
        storage !== null ? storage.format : 0,
        texture !== null ? texture.viewDimension : storage !== null ? storage.viewDimension : 0,
      );
    }
    return layout;
  }

  /** Makes a pipeline layout. */
  createPipelineLayout(d: PipelineLayoutDescriptor): PipelineLayout {
    const layout = new PipelineLayout(takeId(ObjectKind.pipelineLayout));
    const groups = d.bindGroupLayouts;
    let at = encode.createPipelineLayout(layout.id, d.label, groups.length);
    for (let i = 0; i < groups.length; i++) at = encode.writePipelineLayoutEntry(at, groups[i].id);
    return layout;
  }

  /** Makes a bind group. */
  createBindGroup(d: BindGroupDescriptor): BindGroup {
    const group = new BindGroup(takeId(ObjectKind.bindGroup));
    const entries = d.entries;
    let at = encode.createBindGroup(group.id, d.layout.id, d.label, entries.length);
    for (let i = 0; i < entries.length; i++) {
      const e = entries[i];
      const size = e.size;
      at = encode.writeBindGroupEntry(at, e.binding, idOf(e.buffer), e.offset, size, idOf(e.sampler), idOf(e.view));
    }
    return group;
  }

  /** Compiles WGSL; what is wrong with it is logged with line and column and ends the game. */
  createShaderModule(d: ShaderModuleDescriptor): ShaderModule {
    const module = new ShaderModule(takeId(ObjectKind.shaderModule));
    encode.createShaderModule(module.id, d.label, d.code);
    return module;
  }

  /** Makes a render pipeline. */
  createRenderPipeline(d: RenderPipelineDescriptor): RenderPipeline {
    const pipeline = new RenderPipeline(takeId(ObjectKind.renderPipeline));
    encodeRenderPipeline(pipeline.id, d, false);
    usable(pipeline.compilation);
    return pipeline;
  }

  /** Makes a render pipeline beside the frames; use it once it is `ready`. */
  createRenderPipelineAsync(d: RenderPipelineDescriptor): RenderPipeline {
    const pipeline = new RenderPipeline(takeId(ObjectKind.renderPipeline));
    encodeRenderPipeline(pipeline.id, d, true);
    askPipeline(ObjectKind.renderPipeline, pipeline.id, pipeline.compilation);
    return pipeline;
  }

  /** Makes a compute pipeline. */
  createComputePipeline(d: ComputePipelineDescriptor): ComputePipeline {
    const pipeline = new ComputePipeline(takeId(ObjectKind.computePipeline));
    encodeComputePipeline(pipeline.id, d, false);
    usable(pipeline.compilation);
    return pipeline;
  }

  /** Makes a compute pipeline beside the frames; use it once it is `ready`. */
  createComputePipelineAsync(d: ComputePipelineDescriptor): ComputePipeline {
    const pipeline = new ComputePipeline(takeId(ObjectKind.computePipeline));
    encodeComputePipeline(pipeline.id, d, true);
    askPipeline(ObjectKind.computePipeline, pipeline.id, pipeline.compilation);
    return pipeline;
  }

  /** Makes a set of queries. */
  createQuerySet(d: QuerySetDescriptor): QuerySet {
    const set = new QuerySet(takeId(ObjectKind.querySet), d.type, d.count);
    encode.createQuerySet(set.id, d.type, d.count, d.label);
    return set;
  }

  /** Begins a render bundle; finish it before a pass begins. */
  createRenderBundleEncoder(d: RenderBundleEncoderDescriptor): RenderBundleEncoder {
    if (this.bundle.open) throw new Error('a render bundle is open: finish it first');
    this.bundle.open = true;
    const formats = d.colorFormats;
    let at = encode.createRenderBundleEncoder(
      d.depthStencilFormat,
      d.depthReadOnly,
      d.stencilReadOnly,
      d.sampleCount,
      d.label,
      formats.length,
    );
    for (let i = 0; i < formats.length; i++) at = encode.writeColorFormat(at, formats[i]);
    return this.bundle;
  }

  /** Begins a scope that catches errors of this ErrorFilter; end it in the same call of the game. */
  pushErrorScope(filter: u32): void {
    encode.pushErrorScope(filter);
  }

  /** Ends the innermost scope; the answer comes with a later call. */
  popErrorScope(): ErrorScope {
    const scope = new ErrorScope();
    encode.popErrorScope(ask(REPLY_ERROR_SCOPE, scope));
    return scope;
  }

  /** Tells whether the GPU has a FeatureName. */
  hasFeature(feature: u32): bool {
    return gpu_feature(feature) !== 0;
  }

  /** Gives a LimitName's value; at most 4,294,967,295. */
  limit(name: u32): u32 {
    return gpu_limit(name);
  }

  /** Opens the encoder; it must not be open already. */
  createCommandEncoder(): CommandEncoder {
    if (this.encoder.open) throw new Error('the command encoder is open: finish it first');
    this.encoder.open = true;
    return this.encoder;
  }
}

/** What an error scope caught. */
export class ErrorScope extends Answer {
  /** An ErrorFilter; 0 for nothing. */
  get error(): u32 {
    return this.first;
  }
}

function usable(compilation: Answer): void {
  compilation.done = true;
  compilation.first = 1;
}

function keysOf(constants: PipelineConstant[]): string {
  let keys = '';
  for (let i = 0; i < constants.length; i++) keys += i === 0 ? constants[i].key : `,${constants[i].key}`;
  return keys;
}

function encodeValues(at: usize, constants: PipelineConstant[]): usize {
  for (let i = 0; i < constants.length; i++) at = encode.writeConstantValue(at, constants[i].value);
  return at;
}

function encodeComputePipeline(id: u32, d: ComputePipelineDescriptor, isAsync: bool): void {
  const stage = d.compute;
  const constants = stage.constants;
  const at = encode.createComputePipeline(
    id,
    idOf(d.layout),
    stage.module.id,
    d.label,
    stage.entryPoint,
    keysOf(constants),
    constants.length,
  );
  if (isAsync) retag(OP_CREATE_COMPUTE_PIPELINE_ASYNC);
  encodeValues(at, constants);
}

function encodeRenderPipeline(id: u32, d: RenderPipelineDescriptor, isAsync: bool): void {
  const depth = d.depthStencil;
  const front = depth !== null ? depth.stencilFront : {};
  const back = depth !== null ? depth.stencilBack : {};
  const fragment = d.fragment;
  const buffers = d.vertex.buffers;
  const targets: ColorTargetState[] = fragment !== null ? fragment.targets : [];
  const fragmentConstants: PipelineConstant[] = fragment !== null ? fragment.constants : [];
  let attributes = 0;
  for (let i = 0; i < buffers.length; i++) attributes += buffers[i].attributes.length;
  let at = encode.createRenderPipeline(
    id,
    idOf(d.layout),
    d.vertex.module.id,
    fragment !== null ? fragment.module.id : 0,
    d.primitive.topology,
    d.primitive.stripIndexFormat,
    d.primitive.frontFace,
    d.primitive.cullMode,
    d.primitive.unclippedDepth,
    depth !== null ? depth.format : 0,
    depth !== null ? depth.depthWriteEnabled : false,
    depth !== null ? depth.depthCompare : 0,
    front.compare,
    front.failOp,
    front.depthFailOp,
    front.passOp,
    back.compare,
    back.failOp,
    back.depthFailOp,
    back.passOp,
    depth !== null ? depth.stencilReadMask : 0xffffffff,
    depth !== null ? depth.stencilWriteMask : 0xffffffff,
    depth !== null ? depth.depthBias : 0,
    depth !== null ? depth.depthBiasSlopeScale : 0,
    depth !== null ? depth.depthBiasClamp : 0,
    d.multisample.count,
    d.multisample.mask,
    d.multisample.alphaToCoverageEnabled,
    d.label,
    d.vertex.entryPoint,
    keysOf(d.vertex.constants),
    fragment !== null ? fragment.entryPoint : '',
    keysOf(fragmentConstants),
    d.vertex.constants.length,
    fragmentConstants.length,
    buffers.length,
    attributes,
    targets.length,
  );
  if (isAsync) retag(OP_CREATE_RENDER_PIPELINE_ASYNC);
  at = encodeValues(encodeValues(at, d.vertex.constants), fragmentConstants);
  for (let i = 0; i < buffers.length; i++) {
    const buffer = buffers[i];
    at = encode.writeVertexBufferLayout(at, buffer.arrayStride, buffer.stepMode, buffer.attributes.length);
  }
  for (let i = 0; i < buffers.length; i++) {
    const list = buffers[i].attributes;
    for (let k = 0; k < list.length; k++) {
      at = encode.writeVertexAttribute(at, list[k].format, list[k].offset, list[k].shaderLocation);
    }
  }
  for (let i = 0; i < targets.length; i++) at = encodeTarget(at, targets[i], targets[i].blend);
}

function encodeTarget(at: usize, target: ColorTargetState, blend: BlendState | null): usize {
  if (blend === null) return encode.writeColorTarget(at, target.format, false, 0, 0, 0, 0, 0, 0, target.writeMask);
  return encode.writeColorTarget(
    at,
    target.format,
    true,
    blend.color.operation,
    blend.color.srcFactor,
    blend.color.dstFactor,
    blend.alpha.operation,
    blend.alpha.srcFactor,
    blend.alpha.dstFactor,
    target.writeMask,
  );
}

/** The GPU. */
export const device: Device = new Device();
