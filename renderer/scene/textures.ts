import {
  FORMAT_BC4,
  FORMAT_BC5,
  FORMAT_BC7_SRGB,
  FORMAT_R8,
  FORMAT_RG8,
  FORMAT_RGBA8_SRGB,
  LEVEL_BYTES,
  LEVEL_BYTES_PER_ROW,
  LEVEL_HEIGHT,
  LEVEL_OFFSET,
  LEVEL_SIZE,
  LEVEL_WIDTH,
  SAMPLER_LEVELS,
  SAMPLER_MAG,
  SAMPLER_MIN,
  SAMPLER_MIP,
  SAMPLER_SIZE,
  SAMPLER_WRAP_U,
  SAMPLER_WRAP_V,
  SECTION_LEVELS,
  SECTION_SAMPLERS,
  SECTION_TEXTURES,
  TEXTURE_FORMAT,
  TEXTURE_HEIGHT,
  TEXTURE_LEVEL_COUNT,
  TEXTURE_LEVEL_FIRST,
  TEXTURE_PLAIN,
  TEXTURE_SIZE,
  TEXTURE_WIDTH,
  WRAP_CLAMP,
  WRAP_MIRROR,
} from '../contract/pack';
import {
  AddressMode,
  device,
  FeatureName,
  FilterMode,
  Sampler,
  Texture,
  TextureFormat,
  TextureUsage,
  TextureView,
} from '../sdk';
import { ModelFile } from './file';

const ANISOTROPY: u32 = 4;

/** The textures and samplers of a model. The mip levels of the textures are uploaded from the asset a few at a time. */
export class Textures {
  readonly views: TextureView[] = [];
  readonly samplers: Sampler[] = [];
  private readonly textures: Texture[] = [];
  private readonly variant: u32;
  private texture: i32 = 0;
  private level: i32 = 0;

  constructor(private readonly file: ModelFile) {
    this.variant = device.hasFeature(FeatureName.textureCompressionBc) ? 0 : TEXTURE_PLAIN;
    for (let i = 0; i < file.count(SECTION_TEXTURES); i++) {
      const record = this.record(i);
      const texture = device.createTexture({
        label: 'model',
        size: { width: load<u32>(record, TEXTURE_WIDTH), height: load<u32>(record, TEXTURE_HEIGHT) },
        mipLevelCount: load<u32>(record, TEXTURE_LEVEL_COUNT),
        format: formatOf(load<u32>(record, TEXTURE_FORMAT)),
        usage: TextureUsage.TEXTURE_BINDING | TextureUsage.COPY_DST,
      });
      this.textures.push(texture);
      this.views.push(texture.createView());
    }
    for (let i = 0; i < file.count(SECTION_SAMPLERS); i++) {
      this.samplers.push(makeSampler(file.record(SECTION_SAMPLERS, i, SAMPLER_SIZE)));
    }
  }

  /** Uploads the next mip levels of textures, about `bytes` bytes in all. Returns false once all are uploaded. */
  upload(bytes: u32): bool {
    let left = <i32>bytes;
    while (this.texture < this.textures.length) {
      if (left <= 0) return true;
      const texture = this.record(this.texture);
      const first = <i32>load<u32>(texture, TEXTURE_LEVEL_FIRST);
      const record = this.file.record(SECTION_LEVELS, first + this.level, LEVEL_SIZE);
      const size = load<u32>(record, LEVEL_BYTES);
      device.queue.writeTextureFromAsset(
        { texture: this.textures[this.texture], mipLevel: this.level },
        this.file.asset,
        { offset: load<u32>(record, LEVEL_OFFSET), bytesPerRow: load<u32>(record, LEVEL_BYTES_PER_ROW) },
        size,
        { width: load<u32>(record, LEVEL_WIDTH), height: load<u32>(record, LEVEL_HEIGHT) },
      );
      left -= <i32>size;
      if (++this.level === <i32>load<u32>(texture, TEXTURE_LEVEL_COUNT)) {
        this.level = 0;
        this.texture++;
      }
    }
    return false;
  }

  /**
   * Returns the address from which a texture's fields are read: of the compressed variant, or the plain one if the GPU lacks
   * compression.
   */
  private record(index: i32): usize {
    return this.file.record(SECTION_TEXTURES, index, TEXTURE_SIZE) + this.variant;
  }
}

function formatOf(format: u32): u32 {
  if (format === FORMAT_BC7_SRGB) return TextureFormat.bc7RgbaUnormSrgb;
  if (format === FORMAT_BC5) return TextureFormat.bc5RgUnorm;
  if (format === FORMAT_BC4) return TextureFormat.bc4RUnorm;
  if (format === FORMAT_RGBA8_SRGB) return TextureFormat.rgba8unormSrgb;
  if (format === FORMAT_RG8) return TextureFormat.rg8unorm;
  if (format === FORMAT_R8) return TextureFormat.r8unorm;
  throw new Error('the model has a texture of an unknown format');
}

function makeSampler(record: usize): Sampler {
  const mag = filterOf(load<u32>(record, SAMPLER_MAG));
  const min = filterOf(load<u32>(record, SAMPLER_MIN));
  const mip = filterOf(load<u32>(record, SAMPLER_MIP));
  const isSmooth = mag === FilterMode.linear && min === FilterMode.linear && mip === FilterMode.linear;
  return device.createSampler({
    addressModeU: modeOf(load<u32>(record, SAMPLER_WRAP_U)),
    addressModeV: modeOf(load<u32>(record, SAMPLER_WRAP_V)),
    magFilter: mag,
    minFilter: min,
    mipmapFilter: mip,
    lodMaxClamp: load<u32>(record, SAMPLER_LEVELS) !== 0 ? 32 : 0,
    maxAnisotropy: isSmooth ? ANISOTROPY : 1,
  });
}

function filterOf(linear: u32): u32 {
  return linear !== 0 ? FilterMode.linear : FilterMode.nearest;
}

function modeOf(wrap: u32): u32 {
  if (wrap === WRAP_CLAMP) return AddressMode.clampToEdge;
  return wrap === WRAP_MIRROR ? AddressMode.mirrorRepeat : AddressMode.repeat;
}
