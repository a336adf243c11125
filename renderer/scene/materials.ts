import {
  FLAG_BLEND,
  FLAG_DOUBLE_SIDED,
  FLAG_MASK,
  MATERIAL_ALPHA_CUTOFF,
  MATERIAL_BASE_COLOR,
  MATERIAL_EMISSIVE,
  MATERIAL_FLAGS,
  MATERIAL_METALLIC,
  MATERIAL_SIZE,
  MATERIAL_SLOTS,
  SECTION_MATERIALS,
  SLOT_COUNT,
  SLOT_SAMPLER,
  SLOT_SIZE,
  SLOT_TEXCOORD,
  SLOT_TEXTURE,
  SLOT_TRANSFORM,
} from '../contract/pack';
import {
  BindGroup,
  BindGroupEntry,
  BindGroupLayout,
  BindGroupLayoutEntry,
  BufferUsage,
  device,
  Sampler,
  ShaderStage,
  TextureFormat,
  TextureUsage,
  TextureView,
} from '../sdk';
import { ModelFile } from './file';
import { Textures } from './textures';

/** Bytes from one material's uniforms to the next: the alignment that the offset of a binding must have. */
const UNIFORM_BYTES = 256;
const UNIFORM_WORDS = UNIFORM_BYTES / 4;
/** First of the bits in the shader's flags that say which slots of a material have a texture. */
const SLOT_BITS = 8;

/** Makes the layout of a material's bind group: its uniforms, then a texture and a sampler for each slot. */
export function materialLayout(): BindGroupLayout {
  const entries: BindGroupLayoutEntry[] = [{ binding: 0, visibility: ShaderStage.FRAGMENT, buffer: {} }];
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    entries.push({ binding: 1 + slot * 2, visibility: ShaderStage.FRAGMENT, texture: {} });
    entries.push({ binding: 2 + slot * 2, visibility: ShaderStage.FRAGMENT, sampler: {} });
  }
  return device.createBindGroupLayout({ label: 'material', entries });
}

/** The materials of a model as bind groups, and the flags that choose their pipelines. */
export class Materials {
  readonly groups: BindGroup[] = [];
  readonly flags: u32[] = [];

  constructor(file: ModelFile, textures: Textures, layout: BindGroupLayout) {
    const count = file.count(SECTION_MATERIALS);
    const data = new StaticArray<f32>(count * UNIFORM_WORDS);
    const size = <u64>count * UNIFORM_BYTES;
    const usage = BufferUsage.UNIFORM | BufferUsage.COPY_DST;
    const buffer = device.createBuffer({ label: 'materials', size, usage });
    const white = makeWhite();
    const plain = device.createSampler();
    for (let i = 0; i < count; i++) {
      const record = file.record(SECTION_MATERIALS, i, MATERIAL_SIZE);
      const flags = load<u32>(record, MATERIAL_FLAGS);
      this.flags.push(flags & (FLAG_MASK | FLAG_BLEND | FLAG_DOUBLE_SIDED));
      writeUniforms(record, changetype<usize>(data) + <usize>i * UNIFORM_BYTES);
      const entries = slotEntries(record, textures, white, plain);
      entries.push({ binding: 0, buffer, offset: i * UNIFORM_BYTES, size: UNIFORM_BYTES });
      this.groups.push(device.createBindGroup({ label: 'material', layout, entries }));
    }
    device.queue.writeBuffer(buffer, 0, data);
  }
}

/** Writes a material's uniforms: struct Material of shaders.ts. */
function writeUniforms(record: usize, out: usize): void {
  let flags = load<u32>(record, MATERIAL_FLAGS);
  memory.copy(out, record + MATERIAL_BASE_COLOR, 16);
  memory.copy(out + 16, record + MATERIAL_EMISSIVE, 12);
  store<f32>(out, load<f32>(record, MATERIAL_ALPHA_CUTOFF), 28);
  memory.copy(out + 32, record + MATERIAL_METALLIC, 16);
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const from = record + MATERIAL_SLOTS + slot * SLOT_SIZE;
    const to = out + 64 + slot * 32;
    if (load<i32>(from, SLOT_TEXTURE) >= 0) flags |= 1 << (SLOT_BITS + slot);
    memory.copy(to, from + SLOT_TRANSFORM, 24);
    store<f32>(to, <f32>load<u32>(from, SLOT_TEXCOORD), 24);
  }
  store<u32>(out, flags, 48);
}

function slotEntries(record: usize, textures: Textures, white: TextureView, plain: Sampler): BindGroupEntry[] {
  const entries: BindGroupEntry[] = [];
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const from = record + MATERIAL_SLOTS + slot * SLOT_SIZE;
    const texture = load<i32>(from, SLOT_TEXTURE);
    const view = texture >= 0 ? textures.views[texture] : white;
    const sampler = texture >= 0 ? textures.samplers[load<u32>(from, SLOT_SAMPLER)] : plain;
    entries.push({ binding: 1 + slot * 2, view });
    entries.push({ binding: 2 + slot * 2, sampler });
  }
  return entries;
}

/** Makes a texture that takes the place of one that a material does not have. The shader does not read it. */
function makeWhite(): TextureView {
  const usage = TextureUsage.TEXTURE_BINDING | TextureUsage.COPY_DST;
  return device.createTexture({ label: 'none', format: TextureFormat.rgba8unorm, usage }).createView();
}
