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
  /** The shader's name in error messages. */
  label: string = '';
  /** The shader's source in WGSL. */
  code: string = '';
}

/** The verdict of the shader compiler (GPUCompilationInfo). The messages themselves are in the log. */
export class CompilationInfo extends Answer {
  /** Number of errors that the shader compiler found. */
  get errors(): u32 {
    return this.first;
  }

  /** Number of warnings of the shader compiler. */
  get warnings(): u32 {
    return this.second;
  }

  /** Line of the shader compiler's first message, counted from 1; 0 if there is no message. */
  get line(): u32 {
    return this.third;
  }

  /** Column of the shader compiler's first message, counted from 1; 0 if there is no message. */
  get column(): u32 {
    return this.fourth;
  }
}

/** A shader module: compiled WGSL (GPUShaderModule). */
export class ShaderModule extends GpuObject {
  constructor(id: u32) {
    super(ObjectKind.shaderModule, id);
  }

  /** Requests the verdict of the shader compiler. The answer comes with a later call of the game. */
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
  /** The value of the constant. */
  value: f64 = 0;
}

/** Where a vertex shader finds one of its inputs (GPUVertexAttribute). */
export class VertexAttribute {
  /** A VertexFormat: the format in which the input lies in the buffer. */
  format: u32 = 0;
  /** Bytes from the start of a vertex to this input. */
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
  /** The inputs of the vertex shader that lie in this buffer. */
  attributes: VertexAttribute[] = [];
}

/** The vertex stage of a pipeline (GPUVertexState). */
export class VertexState {
  /** The shader module that has this stage's shader. */
  module!: ShaderModule;
  /** The name of the shader's function; empty if the module has only one for this stage. */
  entryPoint: string = '';
  /** Values for the shader's `override` constants; the others keep their defaults. */
  constants: PipelineConstant[] = [];
  /** How vertices lie in each vertex buffer, by slot. */
  buffers: VertexBufferLayout[] = [];
}

/** How color or alpha is blended: operation(source * srcFactor, destination * dstFactor) (GPUBlendComponent). */
export class BlendComponent {
  /** A BlendOperation: how the two products become one value. */
  operation: u32 = BlendOperation.add;
  /** A BlendFactor for what the shader returns. */
  srcFactor: u32 = BlendFactor.one;
  /** A BlendFactor for what the attachment holds already. */
  dstFactor: u32 = BlendFactor.zero;
}

/** How a shader's output is blended with what the attachment holds (GPUBlendState). */
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
  /** How the output is blended with what the attachment holds; null replaces that. */
  blend: BlendState | null = null;
  /** ColorWrite bits: the channels that are written. */
  writeMask: u32 = ColorWrite.ALL;
}

/** The fragment stage of a pipeline (GPUFragmentState). */
export class FragmentState {
  /** The shader module that has this stage's shader. */
  module!: ShaderModule;
  /** The name of the shader's function; empty if the module has only one for this stage. */
  entryPoint: string = '';
  /** Values for the shader's `override` constants; the others keep their defaults. */
  constants: PipelineConstant[] = [];
  /** The pipeline's output to each color attachment. */
  targets: ColorTargetState[] = [];
}

/** How vertices become points, lines or triangles (GPUPrimitiveState). */
export class PrimitiveState {
  /** A PrimitiveTopology: whether vertices form points, lines or triangles. */
  topology: u32 = PrimitiveTopology.triangleList;
  /** The IndexFormat of a pipeline that draws strips by indices; 0 for any other pipeline. */
  stripIndexFormat: u32 = 0;
  /** A FrontFace: in which direction the vertices of a triangle's front go round. */
  frontFace: u32 = FrontFace.ccw;
  /** A CullMode: which sides of triangles are left out. */
  cullMode: u32 = CullMode.none;
  /** Whether depth outside 0 to 1 is kept. Needs the feature depth-clip-control. */
  unclippedDepth: bool = false;
}

/** The stencil test for one side of triangles (GPUStencilFaceState). */
export class StencilFaceState {
  /** A CompareFunction between the stencil reference and the value in the attachment. */
  compare: u32 = CompareFunction.always;
  /** A StencilOperation for samples that fail the stencil comparison. */
  failOp: u32 = StencilOperation.keep;
  /** A StencilOperation for samples that pass the stencil comparison and fail the depth test. */
  depthFailOp: u32 = StencilOperation.keep;
  /** A StencilOperation for samples that pass the stencil comparison and the depth test. */
  passOp: u32 = StencilOperation.keep;
}

/** How a pipeline uses depth and stencil (GPUDepthStencilState). */
export class DepthStencilState {
  /** A TextureFormat with depth, stencil or both: the format of the attachment. */
  format: u32 = 0;
  /** Whether draws write depth. */
  depthWriteEnabled: bool = false;
  /** A CompareFunction between the new depth and the depth in the attachment. */
  depthCompare: u32 = CompareFunction.always;
  /** The stencil test for the front of triangles. */
  stencilFront: StencilFaceState = {};
  /** The stencil test for the back of triangles. */
  stencilBack: StencilFaceState = {};
  /** Bits of the stencil value that are compared. */
  stencilReadMask: u32 = 0xffffffff;
  /** Bits of the stencil value that are written. */
  stencilWriteMask: u32 = 0xffffffff;
  /** Constant that is added to depth, in the smallest steps of the format. */
  depthBias: i32 = 0;
  /** Factor by which a triangle's slope is multiplied and added to depth. */
  depthBiasSlopeScale: f32 = 0;
  /** Greatest bias that is added to depth; 0 for no limit. */
  depthBiasClamp: f32 = 0;
}

/** How a pipeline draws to attachments with several samples per texel (GPUMultisampleState). */
export class MultisampleState {
  /** Samples per texel of the attachments: 1 or 4. */
  count: u32 = 1;
  /** Mask of the samples that are written, one bit for each. */
  mask: u32 = 0xffffffff;
  /** Whether alpha decides how many samples are written. */
  alphaToCoverageEnabled: bool = false;
}

/** Describes a render pipeline to make (GPURenderPipelineDescriptor). */
export class RenderPipelineDescriptor {
  /** The object's name in error messages. */
  label: string = '';
  /** The pipeline's layout; null makes one from the shaders ("auto"). */
  layout: PipelineLayout | null = null;
  /** The vertex stage of the pipeline. */
  vertex!: VertexState;
  /** How vertices become points, lines or triangles. */
  primitive: PrimitiveState = {};
  /** How the pipeline uses depth and stencil; null for neither. */
  depthStencil: DepthStencilState | null = null;
  /** How the pipeline draws to attachments with several samples per texel. */
  multisample: MultisampleState = {};
  /** The fragment stage of the pipeline; null draws depth and stencil alone. */
  fragment: FragmentState | null = null;
}

/** The compute stage of a pipeline (GPUProgrammableStage). */
export class ComputeState {
  /** The shader module that has this stage's shader. */
  module!: ShaderModule;
  /** The name of the shader's function; empty if the module has only one for this stage. */
  entryPoint: string = '';
  /** Values for the shader's `override` constants; the others keep their defaults. */
  constants: PipelineConstant[] = [];
}

/** Describes a compute pipeline to make (GPUComputePipelineDescriptor). */
export class ComputePipelineDescriptor {
  /** The object's name in error messages. */
  label: string = '';
  /** The pipeline's layout; null makes one from the shader ("auto"). */
  layout: PipelineLayout | null = null;
  /** The compute stage of the pipeline. */
  compute!: ComputeState;
}

/** A render or compute pipeline. One that was made asynchronously must not be used before it is `ready`. */
export class Pipeline extends GpuObject {
  /** The host's answer: whether the pipeline was made or refused. */
  readonly compilation: Answer = new Answer();

  /** Reports whether the pipeline can be used. */
  get ready(): bool {
    return this.compilation.done && this.compilation.first === 1;
  }

  /** Reports whether the host refused the pipeline. The log says why. */
  get failed(): bool {
    return this.compilation.done && this.compilation.first === 0;
  }
}

/** The shaders and fixed settings to draw with (GPURenderPipeline). */
export class RenderPipeline extends Pipeline {
  constructor(id: u32) {
    super(ObjectKind.renderPipeline, id);
  }

  /** Returns the layout of bind group `index`, for pipelines whose layout is made from their shaders. */
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

  /** Returns the layout of bind group `index`, for pipelines whose layout is made from their shader. */
  getBindGroupLayout(index: u32): BindGroupLayout {
    const layout = new BindGroupLayout(takeId(ObjectKind.bindGroupLayout));
    encode.getComputeBindGroupLayout(layout.id, this.id, index);
    return layout;
  }
}
