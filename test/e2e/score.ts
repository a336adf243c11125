/**
 * A game for four players that counts each player's presses, up to 5, and paints the player's picture in as much red as that. The log says
 * how many a player has whose state goes out or comes in.
 */
export const SCORE = `
import { ColorAttachment, device, Game, input, log, play, RenderPassDescriptor, State, surface } from '@nearlight/sdk';
export { export_player, import_player, init, join, leave, render, tick, version } from '@nearlight/sdk/game';

const SEATS = 4;
const points = new StaticArray<u32>(SEATS);
const held = new StaticArray<bool>(SEATS);

class Score extends Game {
  private target: ColorAttachment = { view: surface.view };
  private pass: RenderPassDescriptor = { colorAttachments: [this.target] };

  private seats: i32 = 0;

  init(_seed: u64, _tickRate: u32, seats: u32): void {
    this.seats = min<i32>(<i32>seats, SEATS);
  }

  join(seat: i32): void {
    points[seat] = 0;
    held[seat] = false;
  }

  player(seat: i32, state: State): bool {
    if (!state.matches(1, 8)) return false;
    points[seat] = state.u32(points[seat]);
    log.info('seat ' + seat.toString() + ' has ' + points[seat].toString());
    return true;
  }

  tick(_n: u32): void {
    for (let seat = 0; seat < this.seats; seat++) {
      const any = input(seat).any;
      if (any && !held[seat]) points[seat] = min<u32>(points[seat] + 1, 5);
      held[seat] = any;
    }
  }

  render(seat: i32, _width: u32, _height: u32): void {
    const color = this.target.clearValue;
    color.r = <f32>points[seat] / 5;
    color.g = 0;
    color.b = 0.5;
    color.a = 1;
    const encoder = device.createCommandEncoder();
    encoder.beginRenderPass(this.pass).end();
    device.queue.submit(encoder.finish());
  }
}

play(new Score());
`;
