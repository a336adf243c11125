import { REPLY_COMPILATION } from '../../contract/abi';
import * as encode from '../encode';
import {
  BlendFactor,
  BlendOperation,
  ColorWrite,
  CompareFunction,
  CullMode,
  FrontFace,
  ObjectKind,
  PrimitiveTopology,
  StencilOperation,
  VertexStepMode,
} from '../enums';
import { BindGroupLayout, PipelineLayout } from './binding';
import { GpuObject, takeId } from './object';
import { Answer, ask } from './reply';

/** GPUShaderModuleDescriptor. */
export class ShaderModuleDescriptor {
  label: string = '';
  /** WGSL. */
  code: string = '';
}

/** GPUCompilationInfo, in short: the log has the messages. */
export class CompilationInfo extends Answer {
  get errors(): u32 {
    return this.first;
  }

  get warnings(): u32 {
    return this.second;
  }

  /** Line of the first message, from 1; 0 for none. */
  get line(): u32 {
    return this.third;
  }

  /** Column of the first message, from 1; 0 for none. */
  get column(): u32 {
    return this.fourth;
  }
}

/** GPUShaderModule. */
export class ShaderModule extends GpuObject {
  constructor(id: u32) {
    super(ObjectKind.shaderModule, id);
  }

  /** Asks for what the compiler said; the answer comes with a later call. */
  getCompilationInfo(): CompilationInfo {
    const info = new CompilationInfo();
    encode.getCompilationInfo(this.id, ask(REPLY_COMPILATION, info));
    return info;
  }
}

/** The value of a pipeline-overridable constant: its name, or its id as a decimal number. */
export class PipelineConstant {
  key!: string;
  value: f64 = 0;
}

/** GPUVertexAttribute. */
export class VertexAttribute {
  /** A VertexFormat. */
  format: u32 = 0;
  offset: u32 = 0;
  shaderLocation: u32 = 0;
}

/** GPUVertexBufferLayout. */
export class VertexBufferLayout {
  arrayStride: u32 = 0;
  stepMode: u32 = VertexStepMode.vertex;
  attributes: VertexAttribute[] = [];
}

/** GPUVertexState; no entry point means the only one of its stage. */
export class VertexState {
  module!: ShaderModule;
  entryPoint: string = '';
  constants: PipelineConstant[] = [];
  buffers: VertexBufferLayout[] = [];
}

/** GPUBlendComponent. */
export class BlendComponent {
  operation: u32 = BlendOperation.add;
  srcFactor: u32 = BlendFactor.one;
  dstFactor: u32 = BlendFactor.zero;
}

/** GPUBlendState. */
export class BlendState {
  color: BlendComponent = {};
  alpha: BlendComponent = {};
}

/** GPUColorTargetState. */
export class ColorTargetState {
  /** A TextureFormat. */
  format: u32 = 0;
  blend: BlendState | null = null;
  writeMask: u32 = ColorWrite.ALL;
}

/** GPUFragmentState; no entry point means the only one of its stage. */
export class FragmentState {
  module!: ShaderModule;
  entryPoint: string = '';
  constants: PipelineConstant[] = [];
  targets: ColorTargetState[] = [];
}

/** GPUPrimitiveState. */
export class PrimitiveState {
  topology: u32 = PrimitiveTopology.triangleList;
  /** An IndexFormat; 0 for none. */
  stripIndexFormat: u32 = 0;
  frontFace: u32 = FrontFace.ccw;
  cullMode: u32 = CullMode.none;
  /** Needs the feature depth-clip-control. */
  unclippedDepth: bool = false;
}

/** GPUStencilFaceState. */
export class StencilFaceState {
  compare: u32 = CompareFunction.always;
  failOp: u32 = StencilOperation.keep;
  depthFailOp: u32 = StencilOperation.keep;
  passOp: u32 = StencilOperation.keep;
}

/** GPUDepthStencilState. */
export class DepthStencilState {
  /** A TextureFormat with depth, stencil or both. */
  format: u32 = 0;
  depthWriteEnabled: bool = false;
  /** A CompareFunction; 0 for none. */
  depthCompare: u32 = CompareFunction.always;
  stencilFront: StencilFaceState = {};
  stencilBack: StencilFaceState = {};
  stencilReadMask: u32 = 0xffffffff;
  stencilWriteMask: u32 = 0xffffffff;
  depthBias: i32 = 0;
  depthBiasSlopeScale: f32 = 0;
  depthBiasClamp: f32 = 0;
}

/** GPUMultisampleState. */
export class MultisampleState {
  count: u32 = 1;
  mask: u32 = 0xffffffff;
  alphaToCoverageEnabled: bool = false;
}

/** GPURenderPipelineDescriptor; no layout means "auto". */
export class RenderPipelineDescriptor {
  label: string = '';
  layout: PipelineLayout | null = null;
  vertex!: VertexState;
  primitive: PrimitiveState = {};
  depthStencil: DepthStencilState | null = null;
  multisample: MultisampleState = {};
  fragment: FragmentState | null = null;
}

/** GPUProgrammableStage of a compute pipeline. */
export class ComputeState {
  module!: ShaderModule;
  entryPoint: string = '';
  constants: PipelineConstant[] = [];
}

/** GPUComputePipelineDescriptor; no layout means "auto". */
export class ComputePipelineDescriptor {
  label: string = '';
  layout: PipelineLayout | null = null;
  compute!: ComputeState;
}

/** A pipeline of either kind. One that was made asynchronously may be used from when it is `ready`. */
export class Pipeline extends GpuObject {
  readonly compilation: Answer = new Answer();

  /** Tells whether it can be used. */
  get ready(): bool {
    return this.compilation.done && this.compilation.first === 1;
  }

  /** Tells whether it was refused; the log says why. */
  get failed(): bool {
    return this.compilation.done && this.compilation.first === 0;
  }
}

/** GPURenderPipeline. */
export class RenderPipeline extends Pipeline {
  constructor(id: u32) {
    super(ObjectKind.renderPipeline, id);
  }

  /** Names a bind group layout of the pipeline. */
  getBindGroupLayout(index: u32): BindGroupLayout {
    const layout = new BindGroupLayout(takeId(ObjectKind.bindGroupLayout));
    encode.getRenderBindGroupLayout(layout.id, this.id, index);
    return layout;
  }
}

/** GPUComputePipeline. */
export class ComputePipeline extends Pipeline {
  constructor(id: u32) {
    super(ObjectKind.computePipeline, id);
  }

  /** Names a bind group layout of the pipeline. */
  getBindGroupLayout(index: u32): BindGroupLayout {
    const layout = new BindGroupLayout(takeId(ObjectKind.bindGroupLayout));
    encode.getComputeBindGroupLayout(layout.id, this.id, index);
    return layout;
  }
}
