import { ColorAttachment, device, Game, input, log, play, RenderPassDescriptor, surface } from '@nearlight/sdk';

export { init, join, leave, render, tick, version } from '@nearlight/sdk/game';

/** A game that paints the whole picture white while any key or button is down, and black otherwise. */
class Latency extends Game {
  private target: ColorAttachment = { view: surface.view };
  private pass: RenderPassDescriptor = { label: 'latency', colorAttachments: [this.target] };
  private isHeld: bool = false;

  /** Tells the log of debug when the first player holds something, and when no longer. */
  tick(_n: u32): void {
    const isHeld = input(0).any;
    if (isHeld === this.isHeld) return;
    this.isHeld = isHeld;
    log.debug(isHeld ? 'held' : 'released');
  }

  render(seat: i32, _width: u32, _height: u32): void {
    const light: f32 = input(seat).any ? 1 : 0;
    const color = this.target.clearValue;
    color.r = light;
    color.g = light;
    color.b = light;
    color.a = 1;
    const encoder = device.createCommandEncoder();
    encoder.beginRenderPass(this.pass).end();
    device.queue.submit(encoder.finish());
  }
}

play(new Latency());
