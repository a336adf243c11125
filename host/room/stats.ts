import { Samples } from '../base/samples.ts';
import type { Meters } from '../observe/meters.ts';

/** A room's figures; times in milliseconds. `renderMs` is what the module takes to encode a picture's commands. */
export function roomStats(meters: Meters | undefined) {
  return {
    ticks: 0,
    ticksSkipped: 0,
    tickMs: new Samples({ histogram: meters?.tick }),
    renderMs: new Samples({ histogram: meters?.render }),
    checkMs: new Samples(),
    replayMs: new Samples({ histogram: meters?.replay }),
    /** Of the pictures, by the GPU's own timestamps; none where it has none. */
    gpuMs: new Samples(),
    tickLateMs: new Samples({ histogram: meters?.tickLate }),
  };
}

/** The same figures with samples summed up. */
export function summaries(figures: Record<string, number | Samples>): object {
  return Object.fromEntries(
    Object.entries(figures).map(([name, value]) => [name, value instanceof Samples ? value.summary() : value]),
  );
}
