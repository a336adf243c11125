/** Makes bind groups that fit any pipeline, from the smallest resources that WebGPU accepts. */

/** Larger bindings are not made: a pipeline that needs one is not used. The limit on a game's buffers is the same by default. */
const BUFFER_BYTES_MAX = 2 ** 28;
/** Least size of a buffer. No uniform buffer needs more, because WebGPU's default limit is the same. */
const BUFFER_BYTES_MIN = 65_536;
const BUFFER_ALIGNMENT = 16;
const CUBE_FACES = 6;
const SAMPLES = 4;

/** Thrown for a pipeline that needs a binding which is not made. */
export class Unusable extends Error {}

/** A bind group, and a dynamic offset for each binding that takes one. */
export interface Group {
  gpu: GPUBindGroup;
  offsets: number[];
}

/** Bind groups of a pipeline by their index, and the resources in them. */
export class Groups {
  readonly groups: Group[] = [];
  readonly #device: GPUDevice;
  readonly #resources: { destroy(): void }[] = [];

  readonly #storageBytes: number;

  /** @param storageBytes least size of a storage buffer */
  constructor(device: GPUDevice, storageBytes: number) {
    this.#device = device;
    this.#storageBytes = storageBytes;
  }

  /** Makes the bind groups of a pipeline. @throws Unusable if a binding is unknown or too large */
  async make(pipeline: GPUPipelineBase): Promise<void> {
    for (let index = 0; index < this.#device.limits.maxBindGroups; index++) {
      const layout = pipeline.getBindGroupLayout(index);
      const bindings = await bindingsOf(this.#device, layout);
      const entries = bindings.map((binding) => ({ binding: binding.binding, resource: this.#resource(binding) }));
      const offsets = bindings.filter(({ hasDynamicOffset }) => hasDynamicOffset === '1').map(() => 0);
      this.groups.push({ gpu: this.#device.createBindGroup({ layout, entries }), offsets });
    }
  }

  destroy(): void {
    for (const resource of this.#resources) resource.destroy();
  }

  #resource(binding: Binding): GPUBindingResource {
    switch (binding.kind) {
      case 'buffer':
        return { buffer: this.#buffer(binding) };
      case 'sampler':
        return this.#device.createSampler(binding.type === 'Comparison' ? { compare: 'always' } : {});
      case 'texture':
        return this.#texture(binding, SAMPLED_FORMATS[binding.sampleType ?? ''] ?? 'rgba8unorm', 0);
      case 'storageTexture':
        // All formats of storage textures are written in one word: RGBA8Unorm is rgba8unorm.
        return this.#texture(
          binding,
          (binding.format ?? '').toLowerCase() as GPUTextureFormat,
          GPUTextureUsage.STORAGE_BINDING,
        );
      default:
        throw new Unusable(`a binding of the unknown kind ${binding.kind}`);
    }
  }

  #buffer({ type, minBindingSize }: Binding): GPUBuffer {
    const leastBytes = type === 'Uniform' ? 0 : this.#storageBytes;
    const bytes = Math.max(Number(minBindingSize), leastBytes, BUFFER_BYTES_MIN);
    if (!(bytes <= BUFFER_BYTES_MAX)) throw new Unusable(`a binding of ${bytes} bytes`);
    const size = Math.ceil(bytes / BUFFER_ALIGNMENT) * BUFFER_ALIGNMENT;
    return this.#keep(this.#device.createBuffer({ size, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.STORAGE }));
  }

  #texture(binding: Binding, format: GPUTextureFormat, usage: number): GPUTextureView {
    const dimension = VIEW_DIMENSIONS[binding.viewDimension ?? ''] ?? '2d';
    const multisampled = binding.multisampled === '1';
    const texture = this.#device.createTexture({
      size: [1, 1, dimension.startsWith('cube') ? CUBE_FACES : 1],
      format,
      dimension: dimension === '1d' || dimension === '3d' ? dimension : '2d',
      sampleCount: multisampled ? SAMPLES : 1,
      usage: usage | GPUTextureUsage.TEXTURE_BINDING | (multisampled ? GPUTextureUsage.RENDER_ATTACHMENT : 0),
    });
    return this.#keep(texture).createView({ dimension });
  }

  #keep<T extends { destroy(): void }>(resource: T): T {
    this.#resources.push(resource);
    return resource;
  }
}

/** One binding of a bind group layout, with the names and values of Dawn's message. */
interface Binding {
  binding: number;
  kind: string;
  type?: string;
  minBindingSize?: string;
  hasDynamicOffset?: string;
  sampleType?: string;
  viewDimension?: string;
  multisampled?: string;
  format?: string;
}

const SAMPLED_FORMATS: Record<string, GPUTextureFormat> = {
  Float: 'rgba8unorm',
  UnfilterableFloat: 'rgba8unorm',
  Depth: 'depth32float',
  Sint: 'rgba8sint',
  Uint: 'rgba8uint',
};

const VIEW_DIMENSIONS: Record<string, GPUTextureViewDimension> = {
  e1D: '1d',
  e2D: '2d',
  e2DArray: '2d-array',
  Cube: 'cube',
  CubeArray: 'cube-array',
  e3D: '3d',
};

/**
 * Finds out the bindings of a bind group layout, which WebGPU does not tell. Dawn lists them in its error for a bind group
 * without entries: [{ binding: 0, visibility: ..., buffer: {type: BufferBindingType::Uniform, minBindingSize: 80, ...} }, ...]
 */
async function bindingsOf(device: GPUDevice, layout: GPUBindGroupLayout): Promise<Binding[]> {
  device.pushErrorScope('validation');
  device.createBindGroup({ layout, entries: [] });
  const message = (await device.popErrorScope())?.message ?? '';
  const [, expected = '0'] = /expected number of entries \((\d+)\)/.exec(message) ?? [];
  const found = message.matchAll(/\{ binding: (\d+), .*?, (\w+): \{(.*?)\} \}/g);
  const bindings = Array.from(found, ([, binding, kind = '', fields = '']) => ({
    ...Object.fromEntries(Array.from(fields.matchAll(/(\w+): (?:\w+::)?(\w+)/g), ([, name, value]) => [name, value])),
    binding: Number(binding),
    kind,
  }));
  if (bindings.length !== Number(expected)) throw new Unusable(`the bindings cannot be read from: ${message}`);
  return bindings;
}
