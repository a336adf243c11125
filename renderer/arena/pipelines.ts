import {
  BlendFactor,
  BlendState,
  CompareFunction,
  CullMode,
  device,
  PipelineLayout,
  PrimitiveTopology,
  RenderPipeline,
  ShaderModule,
  surface,
  VertexBufferLayout,
  VertexFormat,
  VertexStepMode,
} from '@nearlight/sdk';
import { bodyShader, edgeShader, hudShader, sceneShader, shadowShader, streakShader } from './shaders';
import { DEPTH_FORMAT } from './target';

export const BODY_BYTES = 64;
export const STREAK_BYTES = 48;
export const BOX_BYTES = 48;
const VERTEX_BYTES = 16;

/** The settings in which the pipelines of the game differ: culling, topology, depth test and blending. */
class Mode {
  cull: u32 = CullMode.none;
  topology: u32 = PrimitiveTopology.triangleStrip;
  depthWrite: bool = false;
  depthCompare: u32 = CompareFunction.lessEqual;
  blend: BlendState | null = null;
}

/** All pipelines of the game, named after the objects that they draw. */
export class Pipelines {
  readonly level: RenderPipeline;
  readonly sky: RenderPipeline;
  readonly body: RenderPipeline;
  readonly gun: RenderPipeline;
  readonly shadow: RenderPipeline;
  readonly streak: RenderPipeline;
  readonly edge: RenderPipeline;
  readonly hud: RenderPipeline;

  constructor(layout: PipelineLayout) {
    const solid: Mode = {
      cull: CullMode.back,
      topology: PrimitiveTopology.triangleList,
      depthWrite: true,
      depthCompare: CompareFunction.less,
    };
    const behind: Mode = { topology: PrimitiveTopology.triangleList };
    const over: Mode = {
      blend: { color: { srcFactor: BlendFactor.srcAlpha, dstFactor: BlendFactor.oneMinusSrcAlpha } },
    };
    const light: Mode = { blend: { color: { srcFactor: BlendFactor.one, dstFactor: BlendFactor.one } } };
    const above: Mode = { depthCompare: CompareFunction.always, blend: over.blend };
    const body = device.createShaderModule({ label: 'body', code: bodyShader });
    const packed: VertexBufferLayout = mesh(VertexFormat.snorm8x4);
    const colored: VertexBufferLayout = mesh(VertexFormat.unorm8x4);
    const scene = module('scene', sceneShader);
    this.level = make('level', layout, scene, 'level', [colored], solid);
    this.sky = make('sky', layout, scene, 'sky', [colored], behind);
    this.body = make('body', layout, body, 'body', [packed, instances(BODY_BYTES, 2, 0, 3)], solid);
    this.gun = make('gun', layout, body, 'gun', [packed], solid);
    const spots: VertexBufferLayout = {
      arrayStride: BODY_BYTES,
      stepMode: VertexStepMode.instance,
      attributes: [
        { format: VertexFormat.float32x4, offset: 0, shaderLocation: 0 },
        { format: VertexFormat.float32x4, offset: 32, shaderLocation: 1 },
        { format: VertexFormat.float32x4, offset: 48, shaderLocation: 2 },
      ],
    };
    this.shadow = make('shadow', layout, module('shadow', shadowShader), 'vertex', [spots], over);
    const streaks = [instances(STREAK_BYTES, 0, 0, 3)];
    this.streak = make('streak', layout, module('streak', streakShader), 'vertex', streaks, light);
    const boxes = [instances(BOX_BYTES, 0, 0, 3)];
    this.edge = make('edge', layout, module('edge', edgeShader), 'vertex', boxes, above);
    this.hud = make('hud', layout, module('hud', hudShader), 'vertex', boxes, above);
  }
}

function module(label: string, code: string): ShaderModule {
  return device.createShaderModule({ label, code });
}

function mesh(format: u32): VertexBufferLayout {
  return {
    arrayStride: VERTEX_BYTES,
    attributes: [
      { format: VertexFormat.float32x3, offset: 0, shaderLocation: 0 },
      { format, offset: 12, shaderLocation: 1 },
    ],
  };
}

/**
 * Returns the layout of a buffer with one set of vec4f attributes per instance. The first has the given byte offset and
 * location.
 */
function instances(stride: u32, location: u32, offset: u32, count: u32): VertexBufferLayout {
  const layout: VertexBufferLayout = { arrayStride: stride, stepMode: VertexStepMode.instance };
  for (let i: u32 = 0; i < count; i++) {
    layout.attributes.push({
      format: VertexFormat.float32x4,
      offset: offset + i * 16,
      shaderLocation: location + i,
    });
  }
  return layout;
}

function make(
  label: string,
  layout: PipelineLayout,
  module: ShaderModule,
  entryPoint: string,
  buffers: VertexBufferLayout[],
  mode: Mode,
): RenderPipeline {
  return device.createRenderPipeline({
    label,
    layout,
    vertex: { module, entryPoint, buffers },
    primitive: { topology: mode.topology, cullMode: mode.cull },
    depthStencil: { format: DEPTH_FORMAT, depthWriteEnabled: mode.depthWrite, depthCompare: mode.depthCompare },
    fragment: { module, entryPoint: 'fragment', targets: [{ format: surface.format, blend: mode.blend }] },
  });
}
