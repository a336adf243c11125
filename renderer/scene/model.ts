import {
  FLAG_EXTRA,
  FLAG_SKIN,
  HEADER_INDICES,
  HEADER_MORPHS,
  HEADER_VERTICES,
  PRIMITIVE_BASE,
  PRIMITIVE_EXTRA,
  PRIMITIVE_INDEX,
  PRIMITIVE_INDEX_BYTES,
  PRIMITIVE_INDEX_COUNT,
  PRIMITIVE_SKIN,
} from '../contract/pack';
import { BindGroupLayout, Buffer, BufferUsage, device, IndexFormat, RenderPassEncoder } from '../sdk';
import { ModelFile } from './file';
import { Item, Items } from './items';
import { Materials } from './materials';
import { Pipelines } from './pipelines';
import { Pose } from './pose';
import { Textures } from './textures';
import { Bounds } from './transform';

/** A packed model on the GPU: its buffers, textures and draws, and its pose. */
export class Model {
  /** The box around the model. */
  readonly bounds!: Bounds;
  /** Where the nodes of the model are at the current time. */
  readonly pose!: Pose;
  /** All draws of the model. */
  readonly items!: Items;
  /** GPU buffer with the data of each draw: struct Item of shaders.ts. */
  readonly itemBuffer!: Buffer;
  /** GPU buffer with the matrices of all joints. */
  readonly jointBuffer!: Buffer;
  /** GPU buffer with the weights of all morph targets. */
  readonly weightBuffer!: Buffer;
  /** GPU buffer with the position and normal deltas of all morph targets. */
  readonly morphBuffer!: Buffer;
  private readonly textures!: Textures;
  private readonly materials!: Materials;
  private readonly vertices!: Buffer;
  private readonly indices!: Buffer;

  constructor(file: ModelFile, layout: BindGroupLayout, root: StaticArray<f32>) {
    this.pose = new Pose(file);
    this.bounds = this.pose.bounds(root);
    this.textures = new Textures(file);
    this.materials = new Materials(file, this.textures, layout);
    this.items = new Items(file, this.pose, this.materials);
    this.vertices = block(file, HEADER_VERTICES, 'vertices', BufferUsage.VERTEX);
    this.indices = block(file, HEADER_INDICES, 'indices', BufferUsage.INDEX);
    this.morphBuffer = block(file, HEADER_MORPHS, 'morphs', BufferUsage.STORAGE);
    this.itemBuffer = storage('items', this.items.data.length);
    this.jointBuffer = storage('joints', this.pose.joints.length);
    this.weightBuffer = storage('weights', this.pose.weights.length);
    device.queue.writeBuffer(this.weightBuffer, 0, this.pose.weights);
  }

  /** Uploads about `bytes` bytes of the textures that are still in the asset. Returns false once all are uploaded. */
  upload(bytes: u32): bool {
    return this.textures.upload(bytes);
  }

  /** Poses the model for a time of its animation in seconds, transforms the whole by a matrix, and uploads the result. */
  update(time: f32, root: StaticArray<f32>): void {
    this.pose.update(time, root);
    this.items.update();
    device.queue.writeBuffer(this.itemBuffer, 0, this.items.data);
    if (this.pose.jointCount > 0) device.queue.writeBuffer(this.jointBuffer, 0, this.pose.joints);
    if (this.pose.duration > 0) device.queue.writeBuffer(this.weightBuffer, 0, this.pose.weights);
  }

  /** Draws the solid parts of the model into the shadow map, as the sun sees them. Bind group 0 must be the scene's. */
  drawShadow(pass: RenderPassEncoder, pipelines: Pipelines): void {
    this.drawList(pass, pipelines, this.items.solid, 0);
  }

  /** Draws the solid parts of the model into the picture. Bind groups 0 and 2 must be the scene's and its light's. */
  draw(pass: RenderPassEncoder, pipelines: Pipelines, samples: u32): void {
    this.drawList(pass, pipelines, this.items.solid, samples);
  }

  /** Draws the transparent parts of the model, those farthest from the eye first. */
  drawBlended(pass: RenderPassEncoder, pipelines: Pipelines, samples: u32, eye: StaticArray<f32>): void {
    this.items.sort(eye[0], eye[1], eye[2]);
    this.drawList(pass, pipelines, this.items.blended, samples);
  }

  /** Draws a list of primitives into the picture, or into the shadow map if `samples` is 0. */
  private drawList(pass: RenderPassEncoder, pipelines: Pipelines, list: Item[], samples: u32): void {
    let key: u32 = 0xffffffff;
    let material = -1;
    for (let i = 0; i < list.length; i++) {
      const item = list[i];
      if (item.key !== key) {
        key = item.key;
        pass.setPipeline(samples === 0 ? pipelines.forShadow(key) : pipelines.forPicture(key, samples));
      }
      if (item.material !== material) {
        material = item.material;
        pass.setBindGroup(1, this.materials.groups[material]);
      }
      this.drawItem(pass, item);
    }
  }

  private drawItem(pass: RenderPassEncoder, item: Item): void {
    const record = item.primitive;
    let slot: u32 = 0;
    pass.setVertexBuffer(slot++, this.vertices, load<u32>(record, PRIMITIVE_BASE));
    if ((item.key & (FLAG_EXTRA << 8)) !== 0) {
      pass.setVertexBuffer(slot++, this.vertices, load<u32>(record, PRIMITIVE_EXTRA));
    }
    if ((item.key & (FLAG_SKIN << 8)) !== 0) {
      pass.setVertexBuffer(slot++, this.vertices, load<u32>(record, PRIMITIVE_SKIN));
    }
    const format = load<u32>(record, PRIMITIVE_INDEX_BYTES) === 2 ? IndexFormat.uint16 : IndexFormat.uint32;
    pass.setIndexBuffer(this.indices, format, load<u32>(record, PRIMITIVE_INDEX));
    pass.drawIndexed(load<u32>(record, PRIMITIVE_INDEX_COUNT), 1, 0, 0, item.index);
  }
}

/** Makes a GPU buffer for a block of data of the packed model. A binding cannot be empty, so an empty block gets four bytes. */
function block(file: ModelFile, header: u32, label: string, usage: u32): Buffer {
  const size = file.header(header + 4);
  const buffer = device.createBuffer({ label, size: max(size, 4), usage: usage | BufferUsage.COPY_DST });
  if (size > 0) device.queue.writeBufferFromAsset(buffer, 0, file.asset, file.header(header), size);
  return buffer;
}

function storage(label: string, words: i32): Buffer {
  return device.createBuffer({ label, size: <u64>words * 4, usage: BufferUsage.STORAGE | BufferUsage.COPY_DST });
}
