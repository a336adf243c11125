import {
  FLAG_BLEND,
  FLAG_MORPH,
  FLAG_SKIN,
  NODE_PRIMITIVE_COUNT,
  NODE_PRIMITIVE_FIRST,
  NODE_SIZE,
  NODE_SKIN,
  PRIMITIVE_FLAGS,
  PRIMITIVE_MATERIAL,
  PRIMITIVE_MAX,
  PRIMITIVE_MIN,
  PRIMITIVE_MORPH,
  PRIMITIVE_MORPH_NORMAL,
  PRIMITIVE_MORPH_POSITION,
  PRIMITIVE_SIZE,
  PRIMITIVE_TARGET_COUNT,
  PRIMITIVE_VERTEX_COUNT,
  SECTION_NODES,
  SECTION_PRIMITIVES,
  SECTION_SKINS,
  SKIN_JOINT_FIRST,
  SKIN_SIZE,
} from '../contract/pack';
import { ModelFile } from './file';
import { Materials } from './materials';
import { Pose } from './pose';
import { determinantAt } from './transform';

/** Size in bytes of the data of one draw on the GPU: struct Item of shaders.ts. */
export const ITEM_BYTES = 96;
/** Pipeline flag of nodes whose matrix mirrors, so that the front of their triangles is turned clockwise. */
export const FLAG_MIRROR = 16;

/** One draw: a primitive of a mesh as a node shows it. */
export class Item {
  /** Index of the draw in the GPU buffer with the data of all draws. */
  index: i32 = 0;
  node: i32 = 0;
  material: i32 = 0;
  /** Key of the draw's pipeline: the flags of the primitive from bit 8 up, those of the material below. */
  key: u32 = 0;
  /** Address of the record of the primitive in the packed model. */
  primitive: usize = 0;
  /** Square of the distance from the eye, for sorting. */
  distance: f32 = 0;
}

/** All draws of a model: solid ones sorted by pipeline and material, transparent ones by distance. */
export class Items {
  /** Draws of solid materials. */
  readonly solid: Item[] = [];
  /** Draws of transparent materials. */
  readonly blended: Item[] = [];
  /** The data of each draw for the GPU, as a struct Item of shaders.ts. */
  readonly data!: StaticArray<u32>;
  private readonly all: Item[] = [];

  constructor(
    private readonly file: ModelFile,
    private readonly pose: Pose,
    materials: Materials,
  ) {
    for (let node = 0; node < pose.nodeCount; node++) {
      const record = file.record(SECTION_NODES, node, NODE_SIZE);
      const first = <i32>load<u32>(record, NODE_PRIMITIVE_FIRST);
      const count = <i32>load<u32>(record, NODE_PRIMITIVE_COUNT);
      for (let i = first; i < first + count; i++) this.add(node, i, materials);
    }
    this.solid.sort((a, b) => (a.key !== b.key ? <i32>a.key - <i32>b.key : a.material - b.material));
    this.data = new StaticArray<u32>((this.all.length * ITEM_BYTES) / 4);
    for (let i = 0; i < this.all.length; i++) this.describe(this.all[i]);
  }

  /** Copies the current matrices of the nodes into the GPU data of the draws. */
  update(): void {
    for (let i = 0; i < this.all.length; i++) {
      memory.copy(this.at(this.all[i]), this.pose.world(this.all[i].node), 64);
    }
  }

  /** Sorts the transparent draws by distance from a point, the farthest first. */
  sort(x: f32, y: f32, z: f32): void {
    const list = this.blended;
    for (let i = 0; i < list.length; i++) {
      const item = list[i];
      const m = this.pose.world(item.node);
      const px = (load<f32>(item.primitive, PRIMITIVE_MIN) + load<f32>(item.primitive, PRIMITIVE_MAX)) * 0.5;
      const py = (load<f32>(item.primitive, PRIMITIVE_MIN + 4) + load<f32>(item.primitive, PRIMITIVE_MAX + 4)) * 0.5;
      const pz = (load<f32>(item.primitive, PRIMITIVE_MIN + 8) + load<f32>(item.primitive, PRIMITIVE_MAX + 8)) * 0.5;
      const dx = load<f32>(m) * px + load<f32>(m, 16) * py + load<f32>(m, 32) * pz + load<f32>(m, 48) - x;
      const dy = load<f32>(m, 4) * px + load<f32>(m, 20) * py + load<f32>(m, 36) * pz + load<f32>(m, 52) - y;
      const dz = load<f32>(m, 8) * px + load<f32>(m, 24) * py + load<f32>(m, 40) * pz + load<f32>(m, 56) - z;
      item.distance = dx * dx + dy * dy + dz * dz;
      let place = i;
      for (; place > 0 && list[place - 1].distance < item.distance; place--) list[place] = list[place - 1];
      list[place] = item;
    }
  }

  private add(node: i32, primitive: i32, materials: Materials): void {
    const record = this.file.record(SECTION_PRIMITIVES, primitive, PRIMITIVE_SIZE);
    const material = <i32>load<u32>(record, PRIMITIVE_MATERIAL);
    let streams = load<u32>(record, PRIMITIVE_FLAGS);
    const skinned = load<i32>(this.file.record(SECTION_NODES, node, NODE_SIZE), NODE_SKIN) >= 0;
    if (!skinned) streams &= ~FLAG_SKIN;
    const mirrored = (streams & FLAG_SKIN) === 0 && determinantAt(this.pose.world(node)) < 0;
    const flags = materials.flags[material] | (mirrored ? FLAG_MIRROR : 0);
    const key = flags | ((streams & ~FLAG_MORPH) << 8);
    const item: Item = { index: this.all.length, node, material, key, primitive: record };
    this.all.push(item);
    if ((flags & FLAG_BLEND) !== 0) this.blended.push(item);
    else this.solid.push(item);
  }

  private describe(item: Item): void {
    const out = this.at(item);
    const skin = load<i32>(this.file.record(SECTION_NODES, item.node, NODE_SIZE), NODE_SKIN);
    const joints = skin >= 0 ? load<u32>(this.file.record(SECTION_SKINS, skin, SKIN_SIZE), SKIN_JOINT_FIRST) : 0;
    store<u32>(out, joints, 64);
    store<u32>(out, this.pose.weightFirst[item.node], 68);
    store<u32>(out, load<u32>(item.primitive, PRIMITIVE_TARGET_COUNT), 72);
    store<u32>(out, load<u32>(item.primitive, PRIMITIVE_VERTEX_COUNT), 76);
    store<u32>(out, load<u32>(item.primitive, PRIMITIVE_MORPH), 80);
    store<f32>(out, load<f32>(item.primitive, PRIMITIVE_MORPH_POSITION), 84);
    store<f32>(out, load<f32>(item.primitive, PRIMITIVE_MORPH_NORMAL), 88);
  }

  private at(item: Item): usize {
    return changetype<usize>(this.data) + <usize>item.index * ITEM_BYTES;
  }
}
