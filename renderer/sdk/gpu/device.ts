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

/** The GPU as a game sees it, which makes all GPU objects (GPUDevice). */
class Device {
  /** The queue, which writes data to the GPU and submits commands. */
  readonly queue: Queue = new Queue();
  private readonly encoder: CommandEncoder = new CommandEncoder();
  private readonly bundle: RenderBundleEncoder = new RenderBundleEncoder();

  /** Makes a buffer, filled with zeros. */
  createBuffer(descriptor: BufferDescriptor): Buffer {
    const buffer = new Buffer(takeId(ObjectKind.buffer), descriptor.size, descriptor.usage);
    encode.createBuffer(buffer.id, descriptor.size, descriptor.usage, descriptor.label);
    return buffer;
  }

  /** Makes a texture, filled with zeros. */
  createTexture(descriptor: TextureDescriptor): Texture {
    const size = descriptor.size;
    const texture = new Texture(takeId(ObjectKind.texture), descriptor.format, size.width, size.height);
    let at = encode.createTexture(
      texture.id,
      size.width,
      size.height,
      size.depthOrArrayLayers,
      descriptor.mipLevelCount,
      descriptor.sampleCount,
      descriptor.dimension,
      descriptor.format,
      descriptor.usage,
      descriptor.label,
      descriptor.viewFormats.length,
    );
    for (let i = 0; i < descriptor.viewFormats.length; i++)
      at = encode.writeTextureViewFormat(at, descriptor.viewFormats[i]);
    return texture;
  }

  /** Makes a sampler. */
  createSampler(descriptor: SamplerDescriptor = {}): Sampler {
    const sampler = new Sampler(takeId(ObjectKind.sampler));
    encode.createSampler(
      sampler.id,
      descriptor.addressModeU,
      descriptor.addressModeV,
      descriptor.addressModeW,
      descriptor.magFilter,
      descriptor.minFilter,
      descriptor.mipmapFilter,
      descriptor.lodMinClamp,
      descriptor.lodMaxClamp,
      descriptor.compare,
      descriptor.maxAnisotropy,
      descriptor.label,
    );
    return sampler;
  }

  /** Makes a bind group layout. */
  createBindGroupLayout(descriptor: BindGroupLayoutDescriptor): BindGroupLayout {
    const layout = new BindGroupLayout(takeId(ObjectKind.bindGroupLayout));
    const entries = descriptor.entries;
    let at = encode.createBindGroupLayout(layout.id, descriptor.label, entries.length);
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
  createPipelineLayout(descriptor: PipelineLayoutDescriptor): PipelineLayout {
    const layout = new PipelineLayout(takeId(ObjectKind.pipelineLayout));
    const groups = descriptor.bindGroupLayouts;
    let at = encode.createPipelineLayout(layout.id, descriptor.label, groups.length);
    for (let i = 0; i < groups.length; i++) at = encode.writePipelineLayoutEntry(at, groups[i].id);
    return layout;
  }

  /** Makes a bind group. */
  createBindGroup(descriptor: BindGroupDescriptor): BindGroup {
    const group = new BindGroup(takeId(ObjectKind.bindGroup));
    const entries = descriptor.entries;
    let at = encode.createBindGroup(group.id, descriptor.layout.id, descriptor.label, entries.length);
    for (let i = 0; i < entries.length; i++) {
      const e = entries[i];
      const size = e.size;
      at = encode.writeBindGroupEntry(at, e.binding, idOf(e.buffer), e.offset, size, idOf(e.sampler), idOf(e.view));
    }
    return group;
  }

  /** Compiles WGSL. An error in the shader is logged with its line and column, and ends the game. */
  createShaderModule(descriptor: ShaderModuleDescriptor): ShaderModule {
    const module = new ShaderModule(takeId(ObjectKind.shaderModule));
    encode.createShaderModule(module.id, descriptor.label, descriptor.code);
    return module;
  }

  /** Makes a render pipeline. */
  createRenderPipeline(descriptor: RenderPipelineDescriptor): RenderPipeline {
    const pipeline = new RenderPipeline(takeId(ObjectKind.renderPipeline));
    encodeRenderPipeline(pipeline.id, descriptor, false);
    usable(pipeline.compilation);
    return pipeline;
  }

  /** Makes a render pipeline while the game goes on. Use it once it is `ready`. */
  createRenderPipelineAsync(descriptor: RenderPipelineDescriptor): RenderPipeline {
    const pipeline = new RenderPipeline(takeId(ObjectKind.renderPipeline));
    encodeRenderPipeline(pipeline.id, descriptor, true);
    askPipeline(ObjectKind.renderPipeline, pipeline.id, pipeline.compilation);
    return pipeline;
  }

  /** Makes a compute pipeline. */
  createComputePipeline(descriptor: ComputePipelineDescriptor): ComputePipeline {
    const pipeline = new ComputePipeline(takeId(ObjectKind.computePipeline));
    encodeComputePipeline(pipeline.id, descriptor, false);
    usable(pipeline.compilation);
    return pipeline;
  }

  /** Makes a compute pipeline while the game goes on. Use it once it is `ready`. */
  createComputePipelineAsync(descriptor: ComputePipelineDescriptor): ComputePipeline {
    const pipeline = new ComputePipeline(takeId(ObjectKind.computePipeline));
    encodeComputePipeline(pipeline.id, descriptor, true);
    askPipeline(ObjectKind.computePipeline, pipeline.id, pipeline.compilation);
    return pipeline;
  }

  /** Makes a set of occlusion or timestamp queries. */
  createQuerySet(descriptor: QuerySetDescriptor): QuerySet {
    const set = new QuerySet(takeId(ObjectKind.querySet), descriptor.type, descriptor.count);
    encode.createQuerySet(set.id, descriptor.type, descriptor.count, descriptor.label);
    return set;
  }

  /** Begins to record a render bundle. Finish it before a pass begins, in the same call of the game. */
  createRenderBundleEncoder(descriptor: RenderBundleEncoderDescriptor): RenderBundleEncoder {
    if (this.bundle.open) throw new Error('a render bundle is open: finish it first');
    this.bundle.open = true;
    const formats = descriptor.colorFormats;
    let at = encode.createRenderBundleEncoder(
      descriptor.depthStencilFormat,
      descriptor.depthReadOnly,
      descriptor.stencilReadOnly,
      descriptor.sampleCount,
      descriptor.label,
      formats.length,
    );
    for (let i = 0; i < formats.length; i++) at = encode.writeColorFormat(at, formats[i]);
    return this.bundle;
  }

  /** Begins an error scope, which catches errors of an ErrorFilter. End it in the same call of the game. */
  pushErrorScope(filter: u32): void {
    encode.pushErrorScope(filter);
  }

  /** Ends the innermost error scope. The result says what the scope caught, in a later call of the game. */
  popErrorScope(): ErrorScope {
    const scope = new ErrorScope();
    encode.popErrorScope(ask(REPLY_ERROR_SCOPE, scope));
    return scope;
  }

  /** Reports whether the GPU has the feature of a FeatureName. */
  hasFeature(feature: u32): bool {
    return gpu_feature(feature) !== 0;
  }

  /** Returns the GPU's limit of a LimitName. Greater limits than a u32 holds are given as 4,294,967,295. */
  limit(name: u32): u32 {
    return gpu_limit(name);
  }

  /** Returns an encoder that records commands. Finish it before the next is created, in the same call of the game. */
  createCommandEncoder(): CommandEncoder {
    if (this.encoder.open) throw new Error('the command encoder is open: finish it first');
    this.encoder.open = true;
    return this.encoder;
  }
}

/** The error that a scope caught, if any; `popErrorScope` returns it. */
export class ErrorScope extends Answer {
  /** The ErrorFilter of the error that the scope caught; 0 if it caught none. */
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

function encodeComputePipeline(id: u32, descriptor: ComputePipelineDescriptor, isAsync: bool): void {
  const stage = descriptor.compute;
  const constants = stage.constants;
  const at = encode.createComputePipeline(
    id,
    idOf(descriptor.layout),
    stage.module.id,
    descriptor.label,
    stage.entryPoint,
    keysOf(constants),
    constants.length,
  );
  if (isAsync) retag(OP_CREATE_COMPUTE_PIPELINE_ASYNC);
  encodeValues(at, constants);
}

function encodeRenderPipeline(id: u32, descriptor: RenderPipelineDescriptor, isAsync: bool): void {
  const depth = descriptor.depthStencil;
  const front = depth !== null ? depth.stencilFront : {};
  const back = depth !== null ? depth.stencilBack : {};
  const fragment = descriptor.fragment;
  const buffers = descriptor.vertex.buffers;
  const targets: ColorTargetState[] = fragment !== null ? fragment.targets : [];
  const fragmentConstants: PipelineConstant[] = fragment !== null ? fragment.constants : [];
  let attributes = 0;
  for (let i = 0; i < buffers.length; i++) attributes += buffers[i].attributes.length;
  let at = encode.createRenderPipeline(
    id,
    idOf(descriptor.layout),
    descriptor.vertex.module.id,
    fragment !== null ? fragment.module.id : 0,
    descriptor.primitive.topology,
    descriptor.primitive.stripIndexFormat,
    descriptor.primitive.frontFace,
    descriptor.primitive.cullMode,
    descriptor.primitive.unclippedDepth,
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
    descriptor.multisample.count,
    descriptor.multisample.mask,
    descriptor.multisample.alphaToCoverageEnabled,
    descriptor.label,
    descriptor.vertex.entryPoint,
    keysOf(descriptor.vertex.constants),
    fragment !== null ? fragment.entryPoint : '',
    keysOf(fragmentConstants),
    descriptor.vertex.constants.length,
    fragmentConstants.length,
    buffers.length,
    attributes,
    targets.length,
  );
  if (isAsync) retag(OP_CREATE_RENDER_PIPELINE_ASYNC);
  at = encodeValues(encodeValues(at, descriptor.vertex.constants), fragmentConstants);
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

/** The GPU that the host lends to this game. */
export const device: Device = new Device();
