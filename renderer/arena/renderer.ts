import { BindGroup, Buffer, BufferUsage, device, IndexFormat, RenderPassEncoder, ShaderStage } from '@nearlight/sdk';
import { groundBelow } from './collision';
import { Geometry, makeBuffer } from './geometry';
import { Hud } from './hud';
import { Match } from './match';
import { BODY_BYTES, BOX_BYTES, Pipelines, STREAK_BYTES } from './pipelines';
import { Targets } from './target';
import { VIEW_BYTES, View } from './view';

const STREAKS_BYTES = 512 * STREAK_BYTES;
const HUD_BYTES = 256 * BOX_BYTES;

/** Draws the game. Data that the players' pictures share is uploaded once per tick; each picture is one render pass. */
export class Renderer {
  readonly targets: Targets = new Targets();
  private readonly view: View = new View();
  private readonly hud: Hud = new Hud();
  private readonly pipelines: Pipelines;
  private readonly group: BindGroup;
  private readonly uniforms: Buffer;
  private readonly geometry: Geometry;
  private readonly bodies: Buffer;
  private readonly streaks: Buffer;
  private readonly boxes: Buffer;
  private readonly bodyData: StaticArray<f32>;
  private bodyCount: i32 = 0;
  private fresh: bool = false;

  constructor(private readonly match: Match) {
    this.geometry = new Geometry();
    const layout = device.createBindGroupLayout({
      entries: [{ binding: 0, visibility: ShaderStage.VERTEX | ShaderStage.FRAGMENT, buffer: {} }],
    });
    this.pipelines = new Pipelines(device.createPipelineLayout({ bindGroupLayouts: [layout] }));
    const uniforms = makeBuffer('view', VIEW_BYTES, BufferUsage.UNIFORM);
    this.uniforms = uniforms;
    this.group = device.createBindGroup({ layout, entries: [{ binding: 0, buffer: uniforms }] });
    const fighters = match.fighters.length;
    this.bodyData = new StaticArray<f32>(fighters * (BODY_BYTES / 4));
    this.bodies = makeBuffer('bodies', fighters * BODY_BYTES, BufferUsage.VERTEX);
    this.streaks = makeBuffer('streaks', STREAKS_BYTES, BufferUsage.VERTEX);
    this.boxes = makeBuffer('hud', HUD_BYTES, BufferUsage.VERTEX);
  }

  /** Marks the uploaded state of the game as outdated, so that the next picture uploads it again. */
  tick(ticksUnused: i32): void {
    this.fresh = false;
    this.targets.tick(ticksUnused);
  }

  /** Draws the picture of one player, whose view is turned by radians of pointer movement that no tick has applied yet. */
  render(seat: i32, width: u32, height: u32, turn: f32, nod: f32): void {
    const match = this.match;
    const self = match.fighters[seat];
    this.share();
    let body = -1;
    for (let i = 0, n = 0; i < match.fighters.length; i++) {
      if (!match.fighters[i].alive) continue;
      if (i === seat) body = n;
      n++;
    }
    this.view.build(self, body, <f32>width, <f32>height, turn, nod);
    device.queue.writeBuffer(this.uniforms, 0, this.view.uniforms);
    const levelCount = this.geometry.show(this.view.uniforms);
    this.hud.build(match, self, <f32>width, <f32>height);
    device.queue.writeBuffer(this.boxes, 0, this.hud.boxes, 0, this.hud.count * (BOX_BYTES / 4));
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginRenderPass(this.targets.get(width, height).pass);
    this.draw(pass, self.alive, levelCount, <f32>width, <f32>height);
    pass.end();
    device.queue.submit(encoder.finish());
  }

  private draw(pass: RenderPassEncoder, gun: bool, levelCount: u32, width: f32, height: f32): void {
    const pipelines = this.pipelines;
    const geometry = this.geometry;
    pass.setBindGroup(0, this.group);
    pass.setIndexBuffer(geometry.indices, IndexFormat.uint16);
    pass.setVertexBuffer(0, geometry.vertices);
    if (gun) {
      // A depth range of its own, before everything else, keeps the gun from sinking into walls.
      pass.setViewport(0, 0, width, height, 0, 0.02);
      pass.setPipeline(pipelines.gun);
      pass.drawIndexed(geometry.skyFirst - geometry.gunFirst, 1, geometry.gunFirst);
    }
    pass.setViewport(0, 0, width, height, 0.02, 1);
    pass.setVertexBuffer(1, this.bodies);
    pass.setPipeline(pipelines.body);
    pass.drawIndexed(geometry.gunFirst, this.bodyCount);
    pass.setIndexBuffer(geometry.level, IndexFormat.uint16);
    pass.setPipeline(pipelines.level);
    pass.drawIndexed(levelCount);
    pass.setIndexBuffer(geometry.indices, IndexFormat.uint16);
    pass.setPipeline(pipelines.sky);
    pass.drawIndexed(geometry.indexCount - geometry.skyFirst, 1, geometry.skyFirst);
    pass.setPipeline(pipelines.shadow);
    pass.setVertexBuffer(0, this.bodies);
    pass.draw(4, this.bodyCount);
    pass.draw(4, this.bodyCount, 4);
    pass.setPipeline(pipelines.streak);
    pass.setVertexBuffer(0, this.streaks);
    pass.draw(4, this.match.effects.streakCount);
    const edges = this.hud.edgeCount;
    pass.setVertexBuffer(0, this.boxes);
    pass.setPipeline(pipelines.edge);
    pass.draw(4, edges);
    pass.setPipeline(pipelines.hud);
    pass.draw(4, this.hud.count - edges, 0, edges);
  }

  /** Uploads the data that the pictures of all players share, unless an earlier picture of this tick did. */
  private share(): void {
    if (this.fresh) return;
    this.fresh = true;
    const match = this.match;
    this.bodyCount = 0;
    for (let i = 0; i < match.fighters.length; i++) {
      const f = match.fighters[i];
      if (!f.alive) continue;
      const at = this.bodyCount++ * (BODY_BYTES / 4);
      const hover = Mathf.sin(f.stride * 1.9) * 0.03 - f.climb;
      const out = this.bodyData;
      out[at] = f.x;
      out[at + 1] = f.y + hover;
      out[at + 2] = f.z;
      out[at + 3] = f.sunlit;
      out[at + 4] = Mathf.cos(f.yaw);
      out[at + 5] = Mathf.sin(f.yaw);
      out[at + 6] = f.pitch;
      out[at + 7] = f.flash;
      out[at + 8] = f.color.r;
      out[at + 9] = f.color.g;
      out[at + 10] = f.color.b;
      out[at + 11] = f.size;
      out[at + 12] = groundBelow(f.x, f.y + 0.4, f.z);
    }
    match.collect();
    if (this.bodyCount > 0) {
      device.queue.writeBuffer(this.bodies, 0, this.bodyData, 0, this.bodyCount * (BODY_BYTES / 4));
    }
    const words = match.effects.streakCount * (STREAK_BYTES / 4);
    device.queue.writeBuffer(this.streaks, 0, match.effects.streaks, 0, words);
  }
}
