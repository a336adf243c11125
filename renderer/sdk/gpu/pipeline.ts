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

/** Describes a shader module to make (GPUShaderModuleDescriptor). */
export class ShaderModuleDescriptor {
  /** Names the shader in messages. */
  label: string = '';
  /** The shader's source in WGSL. */
  code: string = '';
}

/** The verdict of the shader compiler (GPUCompilationInfo). The messages themselves are in the log. */
export class CompilationInfo extends Answer {
  /** How many errors there are. */
  get errors(): u32 {
    return this.first;
  }

  /** How many warnings there are. */
  get warnings(): u32 {
    return this.second;
  }

  /** Line of the first message, counted from 1; 0 if there is none. */
  get line(): u32 {
    return this.third;
  }

  /** Column of the first message, counted from 1; 0 if there is none. */
  get column(): u32 {
    return this.fourth;
  }
}

/** Compiled WGSL (GPUShaderModule). */
export class ShaderModule extends GpuObject {
  constructor(id: u32) {
    super(ObjectKind.shaderModule, id);
  }

  /** Asks for the verdict of the shader compiler. The answer comes with a later call of the game. */
  getCompilationInfo(): CompilationInfo {
    const info = new CompilationInfo();
    encode.getCompilationInfo(this.id, ask(REPLY_COMPILATION, info));
    return info;
  }
}

/** A value for one of WGSL's `override` constants. */
export class PipelineConstant {
  /** The constant's name, or its @id as a decimal number. */
  key!: string;
  /** The value. */
  value: f64 = 0;
}

/** Where a vertex shader finds one of its inputs (GPUVertexAttribute). */
export class VertexAttribute {
  /** A VertexFormat. */
  format: u32 = 0;
  /** Bytes from the start of the vertex. */
  offset: u32 = 0;
  /** The input's number, as in WGSL's @location. */
  shaderLocation: u32 = 0;
}

/** How vertices lie in a buffer (GPUVertexBufferLayout). */
export class VertexBufferLayout {
  /** Bytes from one vertex to the next. */
  arrayStride: u32 = 0;
  /** A VertexStepMode: whether the buffer advances with each vertex or with each instance. */
  stepMode: u32 = VertexStepMode.vertex;
  /** The inputs that lie in this buffer. */
  attributes: VertexAttribute[] = [];
}

/** The vertex stage of a pipeline (GPUVertexState). */
export class VertexState {
  /** The module with the shader. */
  module!: ShaderModule;
  /** The shader's name; empty for the only one of its stage. */
  entryPoint: string = '';
  /** Values for the shader's `override` constants. */
  constants: PipelineConstant[] = [];
  /** How each vertex buffer is laid out, by slot. */
  buffers: VertexBufferLayout[] = [];
}

/** How color or alpha is blended: operation(source * srcFactor, destination * dstFactor) (GPUBlendComponent). */
export class BlendComponent {
  /** A BlendOperation. */
  operation: u32 = BlendOperation.add;
  /** A BlendFactor for what the shader returns. */
  srcFactor: u32 = BlendFactor.one;
  /** A BlendFactor for what is there already. */
  dstFactor: u32 = BlendFactor.zero;
}

/** How a shader's output is blended with what is there (GPUBlendState). */
export class BlendState {
  /** How red, green and blue are blended. */
  color: BlendComponent = {};
  /** How alpha is blended. */
  alpha: BlendComponent = {};
}

/** The output of a pipeline to one color attachment (GPUColorTargetState). */
export class ColorTargetState {
  /** The attachment's TextureFormat; 0 if the attachment is left out. */
  format: u32 = 0;
  /** How the output is blended; null replaces what is there. */
  blend: BlendState | null = null;
  /** ColorWrite bits: the channels that are written. */
  writeMask: u32 = ColorWrite.ALL;
}

/** The fragment stage of a pipeline (GPUFragmentState). */
export class FragmentState {
  /** The module with the shader. */
  module!: ShaderModule;
  /** The shader's name; empty for the only one of its stage. */
  entryPoint: string = '';
  /** Values for the shader's `override` constants. */
  constants: PipelineConstant[] = [];
  /** The output to each color attachment. */
  targets: ColorTargetState[] = [];
}

/** How vertices become points, lines or triangles (GPUPrimitiveState). */
export class PrimitiveState {
  /** A PrimitiveTopology. */
  topology: u32 = PrimitiveTopology.triangleList;
  /** The IndexFormat of a strip that is drawn indexed; 0 for any other pipeline. */
  stripIndexFormat: u32 = 0;
  /** A FrontFace: which way round the front of a triangle is. */
  frontFace: u32 = FrontFace.ccw;
  /** A CullMode: which sides of triangles are left out. */
  cullMode: u32 = CullMode.none;
  /** Whether depth outside 0 to 1 is kept. Needs the feature depth-clip-control. */
  unclippedDepth: bool = false;
}

/** The stencil test for one side of triangles (GPUStencilFaceState). */
export class StencilFaceState {
  /** A CompareFunction between the reference and the value that is there. */
  compare: u32 = CompareFunction.always;
  /** A StencilOperation for when the comparison fails. */
  failOp: u32 = StencilOperation.keep;
  /** A StencilOperation for when the comparison passes and depth fails. */
  depthFailOp: u32 = StencilOperation.keep;
  /** A StencilOperation for when both pass. */
  passOp: u32 = StencilOperation.keep;
}

/** How a pipeline uses depth and stencil (GPUDepthStencilState). */
export class DepthStencilState {
  /** A TextureFormat with depth, stencil or both. */
  format: u32 = 0;
  /** Whether depth is written. */
  depthWriteEnabled: bool = false;
  /** A CompareFunction between the new depth and what is there. */
  depthCompare: u32 = CompareFunction.always;
  /** Stencil at the front of triangles. */
  stencilFront: StencilFaceState = {};
  /** Stencil at the back of triangles. */
  stencilBack: StencilFaceState = {};
  /** Bits of the stencil value that are compared. */
  stencilReadMask: u32 = 0xffffffff;
  /** Bits of the stencil value that are written. */
  stencilWriteMask: u32 = 0xffffffff;
  /** Added to depth, in the smallest steps of the format. */
  depthBias: i32 = 0;
  /** Added to depth, times the slope of the triangle. */
  depthBiasSlopeScale: f32 = 0;
  /** Greatest bias; 0 for no limit. */
  depthBiasClamp: f32 = 0;
}

/** How a pipeline uses samples (GPUMultisampleState). */
export class MultisampleState {
  /** Samples per texel: 1 or 4. */
  count: u32 = 1;
  /** Bits of the samples that are written. */
  mask: u32 = 0xffffffff;
  /** Whether alpha decides how many samples are written. */
  alphaToCoverageEnabled: bool = false;
}

/** Describes a render pipeline to make (GPURenderPipelineDescriptor). */
export class RenderPipelineDescriptor {
  /** Names the object in messages. */
  label: string = '';
  /** The pipeline's layout; null makes one from the shaders ("auto"). */
  layout: PipelineLayout | null = null;
  /** The vertex stage. */
  vertex!: VertexState;
  /** How vertices become triangles. */
  primitive: PrimitiveState = {};
  /** Depth and stencil; null for neither. */
  depthStencil: DepthStencilState | null = null;
  /** Samples per texel. */
  multisample: MultisampleState = {};
  /** The fragment stage; null draws depth and stencil alone. */
  fragment: FragmentState | null = null;
}

/** The compute stage of a pipeline (GPUProgrammableStage). */
export class ComputeState {
  /** The module with the shader. */
  module!: ShaderModule;
  /** The shader's name; empty for the only one of its stage. */
  entryPoint: string = '';
  /** Values for the shader's `override` constants. */
  constants: PipelineConstant[] = [];
}

/** Describes a compute pipeline to make (GPUComputePipelineDescriptor). */
export class ComputePipelineDescriptor {
  /** Names the object in messages. */
  label: string = '';
  /** The pipeline's layout; null makes one from the shader ("auto"). */
  layout: PipelineLayout | null = null;
  /** The compute stage. */
  compute!: ComputeState;
}

/** A render or compute pipeline. One that was made asynchronously must not be used before it is `ready`. */
export class Pipeline extends GpuObject {
  /** The host's answer about the pipeline. */
  readonly compilation: Answer = new Answer();

  /** Reports whether the pipeline can be used. */
  get ready(): bool {
    return this.compilation.done && this.compilation.first === 1;
  }

  /** Reports whether the pipeline was refused. The log says why. */
  get failed(): bool {
    return this.compilation.done && this.compilation.first === 0;
  }
}

/** Shaders and states to draw with (GPURenderPipeline). */
export class RenderPipeline extends Pipeline {
  constructor(id: u32) {
    super(ObjectKind.renderPipeline, id);
  }

  /** Returns the layout of a bind group, for pipelines whose layout is made from their shaders. */
  getBindGroupLayout(index: u32): BindGroupLayout {
    const layout = new BindGroupLayout(takeId(ObjectKind.bindGroupLayout));
    encode.getRenderBindGroupLayout(layout.id, this.id, index);
    return layout;
  }
}

/** A shader to compute with (GPUComputePipeline). */
export class ComputePipeline extends Pipeline {
  constructor(id: u32) {
    super(ObjectKind.computePipeline, id);
  }

  /** Returns the layout of a bind group, for pipelines whose layout is made from their shader. */
  getBindGroupLayout(index: u32): BindGroupLayout {
    const layout = new BindGroupLayout(takeId(ObjectKind.bindGroupLayout));
    encode.getComputeBindGroupLayout(layout.id, this.id, index);
    return layout;
  }
}
