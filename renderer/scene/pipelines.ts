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
} from '../../assets/format';
import {
  BindGroupLayout,
  BlendFactor,
  BlendState,
  ColorTargetState,
  CompareFunction,
  CullMode,
  device,
  FrontFace,
  PipelineLayout,
  PrimitiveTopology,
  RenderPipeline,
  ShaderModule,
  surface,
  TextureFormat,
  VertexBufferLayout,
  VertexFormat,
} from '../sdk';
import { FLAG_MIRROR } from './items';
import { modelShader, shadowShader, stageShader } from './shaders';

export const DEPTH_FORMAT: u32 = TextureFormat.depth32float;
export const SHADOW_FORMAT: u32 = TextureFormat.depth32float;
/** Samples of a pixel. */
export const SAMPLES: u32 = 4;

/** All pipelines of a scene; those of models are made for the combinations of flags that appear. */
export class Pipelines {
  readonly sky!: RenderPipeline;
  readonly ground!: RenderPipeline;
  private readonly model: PipelineLayout;
  private readonly shadow: PipelineLayout;
  private readonly made: Map<u32, RenderPipeline> = new Map<u32, RenderPipeline>();
  private readonly modules: Map<u32, ShaderModule> = new Map<u32, ShaderModule>();

  constructor(scene: BindGroupLayout, material: BindGroupLayout, light: BindGroupLayout) {
    this.model = device.createPipelineLayout({ bindGroupLayouts: [scene, material, light] });
    this.shadow = device.createPipelineLayout({ bindGroupLayouts: [scene, material] });
    const module = device.createShaderModule({ label: 'stage', code: stageShader });
    this.sky = this.stage(module, 'sky', 'skyColor', PrimitiveTopology.triangleList);
    this.ground = this.stage(module, 'ground', 'groundColor', PrimitiveTopology.triangleStrip);
  }

  /** Gives the pipeline of an item's key, for the picture. */
  forPicture(key: u32): RenderPipeline {
    return this.get(key, false);
  }

  /** Gives the pipeline of an item's key, for the sun's shadow. */
  forShadow(key: u32): RenderPipeline {
    return this.get(key, true);
  }

  private get(key: u32, isShadow: bool): RenderPipeline {
    const index = key | (isShadow ? 0x10000 : 0);
    if (!this.made.has(index)) this.made.set(index, isShadow ? this.makeShadow(key) : this.makePicture(key));
    return this.made.get(index);
  }

  private makePicture(key: u32): RenderPipeline {
    const module = this.module(key, false);
    const blends = (key & FLAG_BLEND) !== 0;
    const target: ColorTargetState = { format: surface.format, blend: blends ? over() : null };
    return device.createRenderPipeline({
      label: 'model',
      layout: this.model,
      vertex: { module, entryPoint: 'vertex', buffers: streams(key) },
      primitive: { cullMode: cullOf(key), frontFace: frontOf(key) },
      depthStencil: { format: DEPTH_FORMAT, depthWriteEnabled: !blends, depthCompare: CompareFunction.less },
      multisample: { count: SAMPLES },
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

  /** One module for each set of streams. */
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

  private stage(module: ShaderModule, vertex: string, fragment: string, topology: u32): RenderPipeline {
    return device.createRenderPipeline({
      label: vertex,
      layout: this.model,
      vertex: { module, entryPoint: vertex },
      primitive: { topology },
      depthStencil: { format: DEPTH_FORMAT, depthWriteEnabled: false, depthCompare: CompareFunction.lessEqual },
      multisample: { count: SAMPLES },
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

/** The vertex buffers of an item: base, then extra and skin where it has them. */
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
