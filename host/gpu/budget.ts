import { Fault } from './reader.ts';

/** Bytes of GPU memory that a room holds, against its bound. */
export class Budget {
  readonly max: number;
  used = 0;

  constructor(max: number) {
    this.max = max;
  }

  /** @throws Fault where fewer than `bytes` are left */
  take(bytes: number): void {
    if (bytes > this.max - this.used)
      throw new Fault(`its ${bytes} bytes exceed what is left of ${this.max} (GPU_BYTES_MAX): ${this.max - this.used}`);
    this.used += bytes;
  }

  give(bytes: number): void {
    this.used -= bytes;
  }

  /** Takes `bytes` for what `make` makes, unless that fails. @throws Fault as take() */
  spend<T>(bytes: number, make: () => T): T {
    this.take(bytes);
    try {
      return make();
    } catch (error) {
      this.give(bytes);
      throw error;
    }
  }
}

/** What a call of a module may draw and dispatch. */
export interface WorkLimits {
  gpuDrawsMax: number;
  gpuVerticesMax: number;
  gpuWorkgroupsMax: number;
}

/** Draws, vertices and workgroups of one call, against their bounds. What comes from a buffer counts as a draw alone. */
export class Work {
  draws = 0;
  vertices = 0;
  workgroups = 0;
  readonly #limits: WorkLimits;

  constructor(limits: WorkLimits) {
    this.#limits = limits;
  }

  /** Begins the account of a call. */
  begin(): void {
    this.draws = 0;
    this.vertices = 0;
    this.workgroups = 0;
  }

  /** @throws Fault where that is too much */
  draw(draws: number, vertices: number): void {
    const { gpuDrawsMax, gpuVerticesMax } = this.#limits;
    this.draws += draws;
    this.vertices += vertices;
    if (this.draws > gpuDrawsMax) throw new Fault(`one call draws more than ${gpuDrawsMax} times (GPU_DRAWS_MAX)`);
    if (this.vertices > gpuVerticesMax)
      throw new Fault(`one call draws more than ${gpuVerticesMax} vertices (GPU_VERTICES_MAX)`);
  }

  /** @throws Fault where that is too much */
  dispatch(workgroups: number): void {
    const { gpuDrawsMax, gpuWorkgroupsMax } = this.#limits;
    this.draws++;
    this.workgroups += workgroups;
    if (this.draws > gpuDrawsMax) throw new Fault(`one call dispatches more than ${gpuDrawsMax} times (GPU_DRAWS_MAX)`);
    if (this.workgroups > gpuWorkgroupsMax)
      throw new Fault(`one call dispatches more than ${gpuWorkgroupsMax} workgroups (GPU_WORKGROUPS_MAX)`);
  }
}

export interface TextureSize {
  width: number;
  height: number;
  depthOrArrayLayers: number;
  mipLevelCount: number;
  sampleCount: number;
  dimension: GPUTextureDimension;
  format: GPUTextureFormat;
}

/** Levels that a texture of 2^31 texels a side has; more are no texture at all. */
const MIP_LEVELS_MAX = 32;

/** About what a texture takes: all its levels, layers and samples, without the driver's own padding. */
export function textureBytes(size: TextureSize): number {
  if (size.mipLevelCount > MIP_LEVELS_MAX)
    throw new Fault(`mipLevelCount: ${size.mipLevelCount} is more than a texture has`);
  const bytes = blockBytes(size.format);
  const [blockWidth, blockHeight] = blockSize(size.format);
  let total = 0;
  for (let level = 0; level < size.mipLevelCount; level++) {
    const depth = size.dimension === '3d' ? Math.max(1, size.depthOrArrayLayers >>> level) : size.depthOrArrayLayers;
    total += blocks(size.width, level, blockWidth) * blocks(size.height, level, blockHeight) * depth * bytes;
  }
  return total * Math.max(1, size.sampleCount);
}

function blocks(texels: number, level: number, edge: number): number {
  return Math.ceil(Math.max(1, texels >>> level) / edge);
}

const PACKED: Record<string, number> = {
  rgb9e5ufloat: 4,
  rgb10a2uint: 4,
  rgb10a2unorm: 4,
  rg11b10ufloat: 4,
  stencil8: 1,
  depth16unorm: 2,
  depth24plus: 4,
  'depth24plus-stencil8': 8,
  depth32float: 4,
  'depth32float-stencil8': 8,
};

/** Width and height of a compressed format's blocks in texels; 1 x 1 for any other. */
function blockSize(format: string): [width: number, height: number] {
  const [, width, height] = /^astc-(\d+)x(\d+)-/.exec(format) ?? [];
  if (width && height) return [Number(width), Number(height)];
  return /^(bc|etc2|eac)/.test(format) ? [4, 4] : [1, 1];
}

/** Bytes of a texel or of a block (WebGPU, "Texture Format Capabilities"). */
function blockBytes(format: string): number {
  const packed = PACKED[format];
  if (packed !== undefined) return packed;
  if (format.startsWith('bc')) return /^bc[14]/.test(format) ? 8 : 16;
  if (format.startsWith('astc')) return 16;
  if (/^(etc2|eac)/.test(format)) return /^(etc2-rgb8|eac-r11)/.test(format) ? 8 : 16;
  const plain = /^([rgba]+)(\d+)/.exec(format);
  if (plain === null) throw new Error(`no size is known for texture format ${format}`);
  return (plain[1]!.length * Number(plain[2])) / 8;
}
