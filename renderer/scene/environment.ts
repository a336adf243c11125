import {
  BindGroupLayout,
  Buffer,
  BufferUsage,
  device,
  RenderPipeline,
  ShaderStage,
  Texture,
  TextureFormat,
  TextureUsage,
  TextureView,
  TextureViewDimension,
} from '../sdk';
import { ENVIRONMENT_LEVELS } from './shaders';
import { skyShader } from './sky';

const SIZE: u32 = 128;
const IRRADIANCE_SIZE: u32 = 16;
const FACES: u32 = 6;
/** Bytes from the uniforms of one pass to those of the next. Dynamic offsets must be multiples of this number. */
const OFFSET_BYTES: u32 = 256;

/**
 * The light around a scene, as two cube maps that are rendered once: reflections by roughness, and the light that
 * reaches matt surfaces.
 */
export class Environment {
  /** Cube map of the reflections: one mip level for each roughness. */
  readonly view!: TextureView;
  /** Cube map of the light that reaches matt surfaces. */
  readonly irradiance!: TextureView;
  private readonly cubes: Texture[] = [];
  private readonly pipeline!: RenderPipeline;
  private readonly layout: BindGroupLayout;
  private readonly targets!: Buffer;

  constructor() {
    this.layout = device.createBindGroupLayout({
      entries: [{ binding: 0, visibility: ShaderStage.FRAGMENT, buffer: { hasDynamicOffset: true } }],
    });
    const module = device.createShaderModule({ label: 'sky', code: skyShader });
    this.pipeline = device.createRenderPipeline({
      label: 'sky',
      layout: device.createPipelineLayout({ bindGroupLayouts: [this.layout] }),
      vertex: { module },
      fragment: { module, targets: [{ format: TextureFormat.rgba16float }] },
    });
    this.targets = makeTargets();
    this.view = this.addCube(SIZE, ENVIRONMENT_LEVELS);
    this.irradiance = this.addCube(IRRADIANCE_SIZE, 1);
    this.draw();
  }

  private addCube(width: u32, mipLevelCount: u32): TextureView {
    const cube = device.createTexture({
      label: 'environment',
      size: { width, height: width, depthOrArrayLayers: FACES },
      mipLevelCount,
      format: TextureFormat.rgba16float,
      usage: TextureUsage.RENDER_ATTACHMENT | TextureUsage.TEXTURE_BINDING,
    });
    this.cubes.push(cube);
    return cube.createView({ dimension: TextureViewDimension.cube });
  }

  private draw(): void {
    const layout = this.layout;
    const group = device.createBindGroup({ layout, entries: [{ binding: 0, buffer: this.targets, size: 8 }] });
    const encoder = device.createCommandEncoder();
    for (let level: u32 = 0; level <= ENVIRONMENT_LEVELS; level++) {
      const isIrradiance = level === ENVIRONMENT_LEVELS;
      for (let face: u32 = 0; face < FACES; face++) {
        const view = this.cubes[isIrradiance ? 1 : 0].createView({
          dimension: TextureViewDimension._2d,
          baseMipLevel: isIrradiance ? 0 : level,
          mipLevelCount: 1,
          baseArrayLayer: face,
          arrayLayerCount: 1,
        });
        const pass = encoder.beginRenderPass({ colorAttachments: [{ view }] });
        pass.setPipeline(this.pipeline);
        pass.setBindGroupAt(0, group, (level * FACES + face) * OFFSET_BYTES);
        pass.draw(3);
        pass.end();
      }
    }
    device.queue.submit(encoder.finish());
  }
}

/** Makes the uniforms of all passes: the face and the mip level of the cube map that each pass draws. */
function makeTargets(): Buffer {
  const count = (ENVIRONMENT_LEVELS + 1) * FACES;
  const data = new StaticArray<u32>((count * OFFSET_BYTES) / 4);
  for (let i: u32 = 0; i < count; i++) {
    data[(i * OFFSET_BYTES) / 4] = i % FACES;
    data[(i * OFFSET_BYTES) / 4 + 1] = i / FACES;
  }
  const usage = BufferUsage.UNIFORM | BufferUsage.COPY_DST;
  const buffer = device.createBuffer({ label: 'faces', size: count * OFFSET_BYTES, usage });
  device.queue.writeBuffer(buffer, 0, data);
  return buffer;
}
