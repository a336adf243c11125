import {
  BindGroup,
  BindGroupLayout,
  Buffer,
  BufferBindingType,
  BufferUsage,
  CompareFunction,
  device,
  FilterMode,
  LoadOp,
  mat4,
  RenderPassDescriptor,
  RenderPassEncoder,
  SamplerBindingType,
  ShaderStage,
  StoreOp,
  TextureSampleType,
  TextureUsage,
  TextureView,
  TextureViewDimension,
} from '@nearlight/sdk';
import {
  Environment,
  GROUND_VERTICES,
  Model,
  ModelFile,
  materialLayout,
  Orbit,
  Pipelines,
  SHADOW_FORMAT,
  SKY_VERTICES,
  VIEW_BYTES,
} from '@nearlight/sdk/scene';
import { Targets } from './target';
import { SHADOW_SIZE, Stage, View } from './view';

/** Bytes of texture data to upload in one tick while the model loads. */
const UPLOAD_BYTES: u32 = 16 << 20;

/** Draws the model. Its pose and shadow map are made once per tick; each player's picture is one render pass. */
export class Renderer {
  readonly targets: Targets = new Targets();
  private readonly model!: Model;
  private readonly stage!: Stage;
  private readonly view!: View;
  private readonly pipelines!: Pipelines;
  private readonly uniforms!: Buffer;
  private readonly scene!: BindGroup;
  private readonly light!: BindGroup;
  private readonly shadowPass!: RenderPassDescriptor;
  private readonly root: StaticArray<f32> = mat4.create();
  private readonly turned: StaticArray<f32> = mat4.create();
  private readonly moved: StaticArray<f32> = mat4.create();
  private loading: bool = true;
  private fresh: bool = false;

  constructor(file: ModelFile) {
    const material = materialLayout();
    this.model = new Model(file, material, this.root);
    this.stage = new Stage(this.model.bounds);
    this.view = new View(this.stage);
    const sceneGroup = sceneLayout();
    const lightGroup = lightLayout();
    this.pipelines = new Pipelines(sceneGroup, material, lightGroup);
    const usage = BufferUsage.UNIFORM | BufferUsage.COPY_DST;
    this.uniforms = device.createBuffer({ label: 'view', size: VIEW_BYTES, usage });
    this.scene = this.makeScene(sceneGroup);
    const shadow = makeShadow();
    this.light = makeLight(lightGroup, shadow, new Environment());
    this.shadowPass = {
      label: 'shadow',
      depthStencilAttachment: { view: shadow, depthLoadOp: LoadOp.clear, depthStoreOp: StoreOp.store },
    };
  }

  /** Length of the model's animation in seconds; 0 if nothing moves. */
  get duration(): f32 {
    return this.model.pose.duration;
  }

  /**
   * Marks the pose as outdated, so that the next picture computes it again, and uploads more textures. Call it once per tick.
   */
  tick(ticksUnused: i32): void {
    this.fresh = false;
    this.targets.tick(ticksUnused);
    if (this.loading) this.loading = this.model.upload(UPLOAD_BYTES);
  }

  /**
   * Draws the picture that a player's orbiting camera sees, with the model turned by radians, at a time of its animation in
   * seconds.
   */
  render(orbit: Orbit, time: f32, turn: f32, width: u32, height: u32): void {
    this.view.build(orbit, <f32>width, <f32>height);
    device.queue.writeBuffer(this.uniforms, 0, this.view.uniforms);
    const encoder = device.createCommandEncoder();
    if (!this.fresh && !this.loading) {
      this.fresh = true;
      this.pose(time, turn);
      const pass = encoder.beginRenderPass(this.shadowPass);
      pass.setBindGroup(0, this.scene);
      this.model.drawShadow(pass, this.pipelines);
      pass.end();
    }
    const target = this.targets.get(width, height);
    const pass = encoder.beginRenderPass(target.pass);
    this.draw(pass, target.samples);
    pass.end();
    device.queue.submit(encoder.finish());
  }

  private draw(pass: RenderPassEncoder, samples: u32): void {
    const eye = this.view.eye;
    pass.setBindGroup(0, this.scene);
    pass.setBindGroup(2, this.light);
    if (!this.loading) this.model.draw(pass, this.pipelines, samples);
    pass.setBindGroup(1, this.pipelines.noMaterial);
    pass.setPipeline(this.pipelines.sky(samples));
    pass.draw(SKY_VERTICES);
    if (eye[1] > this.stage.bottom) {
      pass.setPipeline(this.pipelines.ground(samples));
      pass.draw(GROUND_VERTICES);
    }
    if (!this.loading) this.model.drawBlended(pass, this.pipelines, samples, eye);
  }

  /** Poses the model for a time of its animation, turned around the vertical line through its middle. */
  private pose(time: f32, turn: f32): void {
    const stage = this.stage;
    mat4.translation(-stage.x, 0, -stage.z, this.moved);
    mat4.rotationY(turn, this.turned);
    mat4.multiply(this.turned, this.moved, this.root);
    this.root[12] += stage.x;
    this.root[14] += stage.z;
    this.model.update(time, this.root);
  }

  private makeScene(layout: BindGroupLayout): BindGroup {
    return device.createBindGroup({
      label: 'scene',
      layout,
      entries: [
        { binding: 0, buffer: this.uniforms },
        { binding: 1, buffer: this.model.itemBuffer },
        { binding: 2, buffer: this.model.jointBuffer },
        { binding: 3, buffer: this.model.weightBuffer },
        { binding: 4, buffer: this.model.morphBuffer },
      ],
    });
  }
}

function sceneLayout(): BindGroupLayout {
  const type = BufferBindingType.readOnlyStorage;
  const visibility = ShaderStage.VERTEX;
  return device.createBindGroupLayout({
    label: 'scene',
    entries: [
      { binding: 0, visibility: visibility | ShaderStage.FRAGMENT, buffer: {} },
      { binding: 1, visibility, buffer: { type } },
      { binding: 2, visibility, buffer: { type } },
      { binding: 3, visibility, buffer: { type } },
      { binding: 4, visibility, buffer: { type } },
    ],
  });
}

function lightLayout(): BindGroupLayout {
  const visibility = ShaderStage.VERTEX | ShaderStage.FRAGMENT;
  const viewDimension = TextureViewDimension.cube;
  return device.createBindGroupLayout({
    label: 'light',
    entries: [
      { binding: 0, visibility, texture: { sampleType: TextureSampleType.depth } },
      { binding: 1, visibility, sampler: { type: SamplerBindingType.comparison } },
      { binding: 2, visibility, texture: { viewDimension } },
      { binding: 3, visibility, texture: { viewDimension } },
      { binding: 4, visibility, sampler: {} },
    ],
  });
}

function makeShadow(): TextureView {
  const texture = device.createTexture({
    label: 'shadow',
    size: { width: SHADOW_SIZE, height: SHADOW_SIZE },
    format: SHADOW_FORMAT,
    usage: TextureUsage.RENDER_ATTACHMENT | TextureUsage.TEXTURE_BINDING,
  });
  return texture.createView();
}

function makeLight(layout: BindGroupLayout, shadow: TextureView, environment: Environment): BindGroup {
  const magFilter = FilterMode.linear;
  const minFilter = FilterMode.linear;
  const compare = device.createSampler({ magFilter, minFilter, compare: CompareFunction.lessEqual });
  const soft = device.createSampler({ magFilter, minFilter, mipmapFilter: FilterMode.linear });
  return device.createBindGroup({
    label: 'light',
    layout,
    entries: [
      { binding: 0, view: shadow },
      { binding: 1, sampler: compare },
      { binding: 2, view: environment.view },
      { binding: 3, view: environment.irradiance },
      { binding: 4, sampler: soft },
    ],
  });
}
