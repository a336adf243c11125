import {
  BASE_NORMAL,
  BASE_STRIDE,
  BASE_TANGENT,
  BASE_UV,
  EXTRA_COLOR,
  EXTRA_STRIDE,
  FLAG_BLEND,
  FLAG_DOUBLE_SIDED,
  FLAG_EXTRA,
  FLAG_MASK,
  FLAG_SKIN,
  SKIN_STRIDE,
  SKIN_WEIGHTS,
} from '../contract/pack';
import {
  BindGroup,
  BindGroupLayout,
  BlendFactor,
  BlendState,
  ColorTargetState,
  CompareFunction,
  CullMode,
  device,
  FrontFace,
  PipelineLayout,
  RenderPipeline,
  ShaderModule,
  surface,
  TextureFormat,
  VertexBufferLayout,
  VertexFormat,
} from '../sdk';
import { FLAG_MIRROR } from './items';
import { modelShader, shadowShader, stageShader } from './shaders';

/** TextureFormat of depth textures. */
export const DEPTH_FORMAT: u32 = TextureFormat.depth32float;
/**
 * TextureFormat of the shadow map. Sixteen bits are enough for the parallel rays of the sun, and take half the memory
 * to clear.
 */
export const SHADOW_FORMAT: u32 = TextureFormat.depth16unorm;

/**
 * Keys of the pipelines of the backdrop and the floor, and the bit of those that draw into the shadow map. All other keys are
 * smaller.
 */
const SKY: u32 = 0x1000000;
const GROUND: u32 = 0x2000000;
const SHADOW: u32 = 0x4000000;

/** All pipelines of a scene. A pipeline for models is made when its combination of flags first appears. */
export class Pipelines {
  /** The bind group that the backdrop and the floor have in place of a material. */
  readonly noMaterial: BindGroup;
  private readonly model: PipelineLayout;
  private readonly stage: PipelineLayout;
  /** Layout of the pipelines that draw into the shadow map. */
  private readonly shadow: PipelineLayout;
  private readonly stageModule: ShaderModule;
  private readonly made: Map<u32, RenderPipeline> = new Map<u32, RenderPipeline>();
  private readonly modules: Map<u32, ShaderModule> = new Map<u32, ShaderModule>();

  constructor(scene: BindGroupLayout, material: BindGroupLayout, light: BindGroupLayout) {
    this.model = device.createPipelineLayout({ bindGroupLayouts: [scene, material, light] });
    this.shadow = device.createPipelineLayout({ bindGroupLayouts: [scene, material] });
    const empty = device.createBindGroupLayout({ label: 'no material' });
    this.stage = device.createPipelineLayout({ bindGroupLayouts: [scene, empty, light] });
    this.noMaterial = device.createBindGroup({ label: 'no material', layout: empty });
    this.stageModule = device.createShaderModule({ label: 'stage', code: stageShader });
  }

  /** Returns the pipeline of the backdrop, for a number of samples per pixel. */
  sky(samples: u32): RenderPipeline {
    const index = SKY | samples;
    if (!this.made.has(index)) this.made.set(index, this.makeStage('sky', 'skyColor', samples));
    return this.made.get(index);
  }

  /** Returns the pipeline of the floor, for a number of samples per pixel. */
  ground(samples: u32): RenderPipeline {
    const index = GROUND | samples;
    if (!this.made.has(index)) this.made.set(index, this.makeStage('ground', 'groundColor', samples));
    return this.made.get(index);
  }

  /** Returns the pipeline that draws into the picture the primitives with a key: flags of primitive and material. */
  forPicture(key: u32, samples: u32): RenderPipeline {
    const index = (key << 4) | samples;
    if (!this.made.has(index)) this.made.set(index, this.makePicture(key, samples));
    return this.made.get(index);
  }

  /** Returns the pipeline that draws into the shadow map the primitives with a key: flags of primitive and material. */
  forShadow(key: u32): RenderPipeline {
    const index = SHADOW | key;
    if (!this.made.has(index)) this.made.set(index, this.makeShadow(key));
    return this.made.get(index);
  }

  private makePicture(key: u32, samples: u32): RenderPipeline {
    const module = this.module(key, false);
    const blends = (key & FLAG_BLEND) !== 0;
    const target: ColorTargetState = { format: surface.format, blend: blends ? over() : null };
    return device.createRenderPipeline({
      label: 'model',
      layout: this.model,
      vertex: { module, entryPoint: 'vertex', buffers: streams(key) },
      primitive: { cullMode: cullOf(key), frontFace: frontOf(key) },
      depthStencil: { format: DEPTH_FORMAT, depthWriteEnabled: !blends, depthCompare: CompareFunction.less },
      multisample: { count: samples },
      fragment: {
        module,
        entryPoint: blends ? 'blended' : (key & FLAG_MASK) !== 0 ? 'masked' : 'opaque',
        targets: [target],
      },
    });
  }

  private makeShadow(key: u32): RenderPipeline {
    const module = this.module(key, true);
    return device.createRenderPipeline({
      label: 'shadow',
      layout: this.shadow,
      vertex: { module, entryPoint: 'vertex', buffers: streams(key) },
      primitive: { cullMode: CullMode.none, frontFace: frontOf(key) },
      depthStencil: {
        format: SHADOW_FORMAT,
        depthWriteEnabled: true,
        depthCompare: CompareFunction.less,
        depthBias: 2,
        depthBiasSlopeScale: 2,
      },
      fragment: (key & FLAG_MASK) !== 0 ? { module, entryPoint: 'masked' } : null,
    });
  }

  /** Returns the shader module for a set of vertex streams. Makes it when it is first needed. */
  private module(key: u32, isShadow: bool): ShaderModule {
    const streams = (key >> 8) & (FLAG_EXTRA | FLAG_SKIN);
    const index = streams | (isShadow ? 0x100 : 0);
    if (!this.modules.has(index)) {
      const extra = (streams & FLAG_EXTRA) !== 0;
      const skin = (streams & FLAG_SKIN) !== 0;
      const code = isShadow ? shadowShader(extra, skin) : modelShader(extra, skin);
      this.modules.set(index, device.createShaderModule({ label: isShadow ? 'shadow' : 'model', code }));
    }
    return this.modules.get(index);
  }

  private makeStage(vertex: string, fragment: string, samples: u32): RenderPipeline {
    const module = this.stageModule;
    return device.createRenderPipeline({
      label: vertex,
      layout: this.stage,
      vertex: { module, entryPoint: vertex },
      depthStencil: { format: DEPTH_FORMAT, depthWriteEnabled: false, depthCompare: CompareFunction.lessEqual },
      multisample: { count: samples },
      fragment: { module, entryPoint: fragment, targets: [{ format: surface.format }] },
    });
  }
}

function over(): BlendState {
  return {
    color: { srcFactor: BlendFactor.srcAlpha, dstFactor: BlendFactor.oneMinusSrcAlpha },
    alpha: { srcFactor: BlendFactor.one, dstFactor: BlendFactor.oneMinusSrcAlpha },
  };
}

function cullOf(key: u32): u32 {
  return (key & FLAG_DOUBLE_SIDED) !== 0 ? CullMode.none : CullMode.back;
}

function frontOf(key: u32): u32 {
  return (key & FLAG_MIRROR) !== 0 ? FrontFace.cw : FrontFace.ccw;
}

/** Returns the layouts of a primitive's vertex buffers: the base stream, then the extra and the skin stream if it has them. */
function streams(key: u32): VertexBufferLayout[] {
  const layouts: VertexBufferLayout[] = [];
  const base: VertexBufferLayout = { arrayStride: BASE_STRIDE };
  base.attributes.push({ format: VertexFormat.float32x3, offset: 0, shaderLocation: 0 });
  base.attributes.push({ format: VertexFormat.snorm16x2, offset: BASE_NORMAL, shaderLocation: 1 });
  base.attributes.push({ format: VertexFormat.unorm1010102, offset: BASE_TANGENT, shaderLocation: 2 });
  base.attributes.push({ format: VertexFormat.float32x2, offset: BASE_UV, shaderLocation: 3 });
  layouts.push(base);
  if ((key & (FLAG_EXTRA << 8)) !== 0) {
    const extra: VertexBufferLayout = { arrayStride: EXTRA_STRIDE };
    extra.attributes.push({ format: VertexFormat.float32x2, offset: 0, shaderLocation: 4 });
    extra.attributes.push({ format: VertexFormat.unorm8x4, offset: EXTRA_COLOR, shaderLocation: 5 });
    layouts.push(extra);
  }
  if ((key & (FLAG_SKIN << 8)) !== 0) {
    const skin: VertexBufferLayout = { arrayStride: SKIN_STRIDE };
    skin.attributes.push({ format: VertexFormat.uint16x4, offset: 0, shaderLocation: 6 });
    skin.attributes.push({ format: VertexFormat.unorm16x4, offset: SKIN_WEIGHTS, shaderLocation: 7 });
    layouts.push(skin);
  }
  return layouts;
}
