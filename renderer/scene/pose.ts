import {
  ANIMATION_CHANNEL_COUNT,
  ANIMATION_CHANNEL_FIRST,
  ANIMATION_DURATION,
  ANIMATION_SIZE,
  CHANNEL_NODE,
  CHANNEL_PATH,
  CHANNEL_SIZE,
  HEADER_MAX,
  HEADER_MIN,
  JOINT_INVERSE,
  JOINT_MAX,
  JOINT_MIN,
  JOINT_NODE,
  JOINT_SIZE,
  NODE_PARENT,
  NODE_PRIMITIVE_COUNT,
  NODE_PRIMITIVE_FIRST,
  NODE_SIZE,
  NODE_SKIN,
  NODE_TRANSLATION,
  NODE_WEIGHT_COUNT,
  NODE_WEIGHT_FIRST,
  PATH_ROTATION,
  PATH_SCALE,
  PATH_TRANSLATION,
  PRIMITIVE_MAX,
  PRIMITIVE_MIN,
  PRIMITIVE_SIZE,
  SECTION_ANIMATIONS,
  SECTION_CHANNELS,
  SECTION_FLOATS,
  SECTION_JOINTS,
  SECTION_NODES,
  SECTION_PRIMITIVES,
} from '../contract/pack';
import { sampleChannel } from './animation';
import { ModelFile } from './file';
import { Bounds, composeAt, multiplyAt } from './transform';

const TRS_BYTES: usize = 40;
const MATRIX_BYTES: usize = 64;
/** Number of points in time of the animation at which the model is measured for its bounds. */
const BOUNDS_STEPS = 12;

/** Where the nodes of a model are at one time of its first animation. */
export class Pose {
  /** Length of the model's animation in seconds; 0 if nothing moves. */
  readonly duration: f32;
  readonly nodeCount: i32;
  readonly jointCount: i32;
  /** One matrix for each joint of each skin, for the GPU. */
  readonly joints!: StaticArray<f32>;
  /** Current weights of all morph targets, node by node; at first those that the file gives. */
  readonly weights!: StaticArray<f32>;
  /** For each node, the index of its first weight in `weights`. */
  readonly weightFirst!: StaticArray<u32>;
  private readonly trs!: StaticArray<f32>;
  private readonly worlds!: StaticArray<f32>;
  private readonly local: StaticArray<f32> = new StaticArray<f32>(16);
  private readonly floats: usize;

  constructor(private readonly file: ModelFile) {
    this.nodeCount = file.count(SECTION_NODES);
    this.jointCount = file.count(SECTION_JOINTS);
    this.trs = new StaticArray<f32>(this.nodeCount * 10);
    this.worlds = new StaticArray<f32>(this.nodeCount * 16);
    this.joints = new StaticArray<f32>(max(this.jointCount, 1) * 16);
    this.floats = file.record(SECTION_FLOATS, 0, 4);
    this.weightFirst = new StaticArray<u32>(this.nodeCount);
    let weights: u32 = 0;
    for (let node = 0; node < this.nodeCount; node++) {
      const record = this.node(node);
      this.weightFirst[node] = weights;
      weights += load<u32>(record, NODE_WEIGHT_COUNT);
      memory.copy(this.trsOf(node), record + NODE_TRANSLATION, TRS_BYTES);
    }
    this.weights = new StaticArray<f32>(<i32>max(weights, 1));
    for (let node = 0; node < this.nodeCount; node++) {
      const record = this.node(node);
      const from = this.floats + ((<usize>load<u32>(record, NODE_WEIGHT_FIRST)) << 2);
      memory.copy(this.weightsOf(node), from, (<usize>load<u32>(record, NODE_WEIGHT_COUNT)) << 2);
    }
    const animated = file.count(SECTION_ANIMATIONS) > 0;
    this.duration = animated ? load<f32>(file.record(SECTION_ANIMATIONS, 0, ANIMATION_SIZE), ANIMATION_DURATION) : 0;
  }

  /** Returns the address of a node's matrix, from the node's space to the world. */
  world(node: i32): usize {
    return changetype<usize>(this.worlds) + <usize>node * MATRIX_BYTES;
  }

  /** Poses all nodes for a time of the animation in seconds, and transforms the whole by a matrix. */
  update(time: f32, root: StaticArray<f32>): void {
    this.animate(time);
    this.place(root);
  }

  private place(root: StaticArray<f32>): void {
    const local = changetype<usize>(this.local);
    for (let node = 0; node < this.nodeCount; node++) {
      const parent = load<i32>(this.node(node), NODE_PARENT);
      composeAt(this.trsOf(node), local);
      multiplyAt(parent < 0 ? changetype<usize>(root) : this.world(parent), local, this.world(node));
    }
    for (let joint = 0; joint < this.jointCount; joint++) {
      const record = this.file.record(SECTION_JOINTS, joint, JOINT_SIZE);
      const out = changetype<usize>(this.joints) + <usize>joint * MATRIX_BYTES;
      multiplyAt(this.world(load<u32>(record, JOINT_NODE)), record + JOINT_INVERSE, out);
    }
  }

  /**
   * Returns the bounds of the model over its animation. A box that turns grows beyond its contents, so the boxes of moved
   * nodes only widen the exact bounds of the model at rest by as much as they reach beyond its own boxes. Call it before
   * `update`.
   */
  bounds(root: StaticArray<f32>): Bounds {
    const exact = new Bounds();
    exact.include(changetype<usize>(root), this.file.at(HEADER_MIN), this.file.at(HEADER_MAX));
    this.place(root);
    const rest = new Bounds();
    this.includeAll(rest);
    if (this.duration <= 0) return exact;
    const moved = new Bounds();
    for (let step = 0; step < BOUNDS_STEPS; step++) {
      this.update((this.duration * <f32>step) / <f32>BOUNDS_STEPS, root);
      this.includeAll(moved);
    }
    exact.grow(rest, moved);
    return exact;
  }

  private includeAll(bounds: Bounds): void {
    for (let node = 0; node < this.nodeCount; node++) this.includeNode(node, bounds);
    for (let joint = 0; joint < this.jointCount; joint++) {
      const record = this.file.record(SECTION_JOINTS, joint, JOINT_SIZE);
      if (load<f32>(record, JOINT_MIN) > load<f32>(record, JOINT_MAX)) continue;
      bounds.include(this.world(load<u32>(record, JOINT_NODE)), record + JOINT_MIN, record + JOINT_MAX);
    }
  }

  private includeNode(node: i32, bounds: Bounds): void {
    const record = this.node(node);
    if (load<i32>(record, NODE_SKIN) >= 0) return;
    const first = <i32>load<u32>(record, NODE_PRIMITIVE_FIRST);
    const count = <i32>load<u32>(record, NODE_PRIMITIVE_COUNT);
    for (let i = first; i < first + count; i++) {
      const primitive = this.file.record(SECTION_PRIMITIVES, i, PRIMITIVE_SIZE);
      bounds.include(this.world(node), primitive + PRIMITIVE_MIN, primitive + PRIMITIVE_MAX);
    }
  }

  private animate(time: f32): void {
    if (this.duration <= 0) return;
    const animation = this.file.record(SECTION_ANIMATIONS, 0, ANIMATION_SIZE);
    const first = <i32>load<u32>(animation, ANIMATION_CHANNEL_FIRST);
    const count = <i32>load<u32>(animation, ANIMATION_CHANNEL_COUNT);
    for (let i = first; i < first + count; i++) {
      const channel = this.file.record(SECTION_CHANNELS, i, CHANNEL_SIZE);
      const node = <i32>load<u32>(channel, CHANNEL_NODE);
      const path = load<u32>(channel, CHANNEL_PATH);
      let out = this.trsOf(node);
      if (path === PATH_ROTATION) out += 12;
      else if (path === PATH_SCALE) out += 28;
      else if (path !== PATH_TRANSLATION) out = this.weightsOf(node);
      sampleChannel(channel, this.floats, time, out);
    }
  }

  private node(node: i32): usize {
    return this.file.record(SECTION_NODES, node, NODE_SIZE);
  }

  private trsOf(node: i32): usize {
    return changetype<usize>(this.trs) + <usize>node * TRS_BYTES;
  }

  private weightsOf(node: i32): usize {
    return changetype<usize>(this.weights) + ((<usize>this.weightFirst[node]) << 2);
  }
}
