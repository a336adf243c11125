import { Samples } from '../base/samples.ts';
import type { Meters } from '../observe/meters.ts';

export type RoomStats = ReturnType<typeof createRoomStats>;

/** Creates a game's statistics. The samples are in milliseconds, and most also go into the histograms of the host process. */
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
    /** GPU time of pictures, from timestamp queries. Stays empty on a GPU that has no timestamps. */
    gpuMs: new Samples(),
    tickLateMs: new Samples({ histogram: meters?.tickLate }),
  };
}

/** Returns a copy of some statistics in which percentiles replace each set of samples. */
export function summarize(figures: Readonly<Record<string, number | Samples>>): object {
  return Object.fromEntries(
    Object.entries(figures).map(([name, value]) => [name, value instanceof Samples ? value.summary() : value]),
  );
}
