import {
  BindGroup,
  Buffer,
  BufferUsage,
  device,
  Game,
  play,
  RenderPassDescriptor,
  RenderPipeline,
  surface,
} from '@nearlight/sdk';

// The host calls these exported functions; they call the Game that is given to `play` below.
export { init, join, leave, render, tick, version } from '@nearlight/sdk/game';

const shader = `
struct View { angle: f32, aspect: f32 }
@group(0) @binding(0) var<uniform> view: View;
struct Point { @builtin(position) position: vec4f, @location(0) corner: vec3f }

@vertex fn vertex(@builtin(vertex_index) i: u32) -> Point {
  let angle = view.angle + f32(i) * 2.0943951; // a third of a turn
  let at = 0.8 * vec2f(sin(angle), cos(angle)) / vec2f(max(view.aspect, 1.0), max(1.0 / view.aspect, 1.0));
  return Point(vec4f(at, 0.0, 1.0), vec3f(vec3u(i) == vec3u(0, 1, 2)));
}

@fragment fn fragment(point: Point) -> @location(0) vec4f {
  let rim = smoothstep(0.04, 0.0, min(point.corner.x, min(point.corner.y, point.corner.z)));
  let color = sqrt(mat3x3f(1.0, 0.14, 0.24, 0.03, 0.75, 0.62, 0.24, 0.16, 1.0) * point.corner);
  return vec4f(mix(color, vec3f(1.0), 0.35 * rim), 1.0);
}`;

class Triangle extends Game {
  private turnsPerTick: f32 = 0;
  private uniforms: StaticArray<f32> = [0, 1];
  private buffer!: Buffer;
  private pipeline!: RenderPipeline;
  private group!: BindGroup;
  private pass: RenderPassDescriptor = {
    colorAttachments: [{ view: surface.view, clearValue: { r: 0.04, g: 0.05, b: 0.09, a: 1 } }],
  };

  init(_seed: u64, tickRate: u32, _seats: u32): void {
    this.turnsPerTick = 0.15 / <f32>tickRate;
    this.buffer = device.createBuffer({ size: 8, usage: BufferUsage.UNIFORM | BufferUsage.COPY_DST });
    const module = device.createShaderModule({ label: 'triangle', code: shader });
    this.pipeline = device.createRenderPipeline({
      vertex: { module },
      fragment: { module, targets: [{ format: surface.format }] },
    });
    const layout = this.pipeline.getBindGroupLayout(0);
    this.group = device.createBindGroup({ layout, entries: [{ binding: 0, buffer: this.buffer }] });
  }

  tick(n: u32): void {
    this.uniforms[0] = 6.2831853 * ((<f32>n * this.turnsPerTick) % 1);
  }

  render(_seat: i32, width: u32, height: u32): void {
    this.uniforms[1] = <f32>width / <f32>height;
    device.queue.writeBuffer(this.buffer, 0, this.uniforms);
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginRenderPass(this.pass);
    pass.setPipeline(this.pipeline);
    pass.setBindGroup(0, this.group);
    pass.draw(3);
    pass.end();
    device.queue.submit(encoder.finish());
  }
}

play(new Triangle());
