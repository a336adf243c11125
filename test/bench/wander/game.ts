/**
 * A game whose players each have a number that no other player has, which goes along when the player moves, and is part of what the game
 * saves. It logs the numbers of all seats whenever one changes.
 */
export const GAME = 'numbers';
/** After each kill, seats wait for pages that have moved. With few seats, a full room would refuse most moves. */
export const SEATS = 32;

export const SOURCE = `
import { ColorAttachment, device, Game, log, play, RenderPassDescriptor, State, surface } from '@nearlight/sdk';
export {
  export_player, import_player, init, join, leave, load, render, save, tick, version,
} from '@nearlight/sdk/game';

const SEATS = ${SEATS};
const VERSION = 1;
const PLAYER_BYTES = 12;

class Numbers extends Game {
  private target: ColorAttachment = { view: surface.view };
  private pass: RenderPassDescriptor = { colorAttachments: [this.target] };
  private numbers: StaticArray<u64> = new StaticArray<u64>(SEATS);
  private seed: u64 = 0;
  private count: u32 = 0;

  init(seed: u64, _tickRate: u32, _seats: u32): void {
    this.seed = seed;
  }

  // A player of a match that goes on joins again, and has a number already.
  join(seat: i32): void {
    if (this.numbers[seat] === 0) this.numbers[seat] = (this.seed << 16) | ++this.count;
    this.say();
  }

  leave(seat: i32): void {
    this.numbers[seat] = 0;
    this.say();
  }

  state(state: State): void {
    state.version(VERSION);
    state.array(this.numbers);
    this.count = state.u32(this.count);
    if (state.loading) this.say();
  }

  player(seat: i32, state: State): bool {
    if (!state.matches(VERSION, PLAYER_BYTES)) return false;
    const number = state.u64(this.numbers[seat]);
    if (!state.loading) return true;
    this.numbers[seat] = number;
    this.say();
    return true;
  }

  render(_seat: i32, _width: u32, _height: u32): void {
    const encoder = device.createCommandEncoder();
    encoder.beginRenderPass(this.pass).end();
    device.queue.submit(encoder.finish());
  }

  private say(): void {
    let text = 'numbers';
    for (let seat = 0; seat < SEATS; seat++)
      if (this.numbers[seat] !== 0) text += ' ' + seat.toString() + '=' + this.numbers[seat].toString(16);
    log.info(text + ';');
  }
}

play(new Numbers());
`;

/** Returns the numbers by seat that a host has logged last. */
export function numbersIn(output: string): Map<number, string> {
  const last = [...output.matchAll(/numbers: numbers((?: \d+=[0-9a-f]+)*);/g)].at(-1)?.[1] ?? '';
  return new Map([...last.matchAll(/(\d+)=([0-9a-f]+)/g)].map(([, seat = '', number = '']) => [Number(seat), number]));
}
