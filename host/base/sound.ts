import { AUDIO_FRAMES_MAX, AUDIO_RATE } from '../../renderer/contract/abi.ts';

/** Number of channels of a game's sound: left and right. */
export const CHANNELS = 2;

/** Number of frames in a packet of sound: 10 ms. */
export const PACKET_FRAMES = 480;

/** Whether a game that makes so many ticks a second can have sound (renderer/contract/ABI.md, "Sound"). */
export function canSound(tickRate: number): boolean {
  return AUDIO_RATE / tickRate <= AUDIO_FRAMES_MAX;
}

/** Number of frames of sound that belong to `count` ticks from `tick` on. The blocks of successive ticks join without a gap. */
export function framesOfTicks(tick: number, count: number, tickRate: number): number {
  return Math.floor(((tick + count) * AUDIO_RATE) / tickRate) - Math.floor((tick * AUDIO_RATE) / tickRate);
}
