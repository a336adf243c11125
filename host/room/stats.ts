import { Samples } from '../base/samples.ts';
import type { Meters } from '../observe/meters.ts';

export type RoomStats = ReturnType<typeof createRoomStats>;

/** Creates a room's figures. The samples are in milliseconds and also go into the host's counters. */
export function createRoomStats(meters: Meters | undefined) {
  return {
    ticks: 0,
    ticksSkipped: 0,
    tickMs: new Samples({ histogram: meters?.tick }),
    /** Time that the module takes to produce the commands of one picture. */
    renderMs: new Samples({ histogram: meters?.render }),
    /** Time that the host takes to check the commands of one picture. */
    checkMs: new Samples(),
    /** Time that the host takes to check the commands of one picture and submit them to the GPU. */
    replayMs: new Samples({ histogram: meters?.replay }),
    /** GPU time of pictures, from the GPU's timestamps. Stays empty on a GPU that has none. */
    gpuMs: new Samples(),
    tickLateMs: new Samples({ histogram: meters?.tickLate }),
  };
}

/** Replaces all samples among the figures by their percentiles. */
export function summarize(figures: Readonly<Record<string, number | Samples>>): object {
  return Object.fromEntries(
    Object.entries(figures).map(([name, value]) => [name, value instanceof Samples ? value.summary() : value]),
  );
}
