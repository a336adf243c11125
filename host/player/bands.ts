import { STAGES, type Stage } from '../base/stages.ts';
import type { StageHistory } from './stage-history.ts';

/** A band of the latency graph: some stages of a picture, under one name and in one colour. */
export type Band = {
  name: string;
  /** Positions in STAGES. */
  stages: readonly number[];
  /** The CSS custom property that sets the colour of the band, and the colour without it. */
  property: string;
  colour: string;
};

/** The bands from bottom to top. Neighbours differ in brightness, and people with any colour vision can tell the colours apart (Okabe and Ito). */
export const BANDS: readonly Band[] = [
  band('Network', ['uplink', 'downlink'], '#56b4e9'),
  band('Waiting', ['wait', 'turn'], '#d55e00'),
  band('Game', ['tick'], '#f0e442'),
  band('Drawing', ['draw', 'readback'], '#009e73'),
  band('Encoding', ['encode'], '#e69f00'),
  band('Sending', ['send'], '#0072b2'),
  band('Decoding', ['decode'], '#cc79a7'),
  band('Display', ['present'], '#d0d4de'),
];

export const ALL_STAGES: readonly number[] = STAGES.map((_, stage) => stage);

function band(name: string, stages: readonly Stage[], colour: string): Band {
  const property = `--stage-${name.toLowerCase()}`;
  return { name, stages: stages.map((stage) => STAGES.indexOf(stage)), property, colour };
}

/** The time that the graph shows, and the number of its columns. */
export const SPAN_MS = 10_000;
export const COLUMNS = 100;
const COLUMN_MS = SPAN_MS / COLUMNS;
const SCALE_MS_MIN = 20;
/** Share of the columns that may be higher than the graph, so that a single slow picture does not make all others flat. */
const CLIPPED_MAX = 0.05;

/** Chooses the pictures that the graph shows: the slowest one in each column. Nothing is allocated. */
export class GraphColumns {
  /** For each column, how many pictures are newer than its slowest one; -1 if there is none. */
  readonly ages = new Int32Array(COLUMNS);
  readonly #totals = new Float32Array(COLUMNS);
  /** Milliseconds that the height of the graph stands for: the smallest of 20, 40, 80 and so on that holds nearly all columns. */
  scaleMs = SCALE_MS_MIN;

  /** Fills the columns. Their bounds in time do not move, so a picture stays in its column while the graph moves left. */
  fill(history: StageHistory, now: number): void {
    this.ages.fill(-1);
    this.#totals.fill(-1);
    const end = (Math.floor(now / COLUMN_MS) + 1) * COLUMN_MS;
    for (let age = 0; age < history.size; age++) {
      const column = COLUMNS - 1 - Math.floor((end - history.shownAt(age)) / COLUMN_MS);
      if (column < 0) break;
      const totalMs = history.timeOf(age, ALL_STAGES);
      if (column >= COLUMNS || totalMs <= (this.#totals[column] ?? 0)) continue;
      this.#totals[column] = totalMs;
      this.ages[column] = age;
    }
    this.scaleMs = SCALE_MS_MIN;
    while (this.#countAbove(this.scaleMs) > CLIPPED_MAX * COLUMNS) this.scaleMs *= 2;
  }

  #countAbove(ms: number): number {
    let count = 0;
    for (const totalMs of this.#totals) if (totalMs > ms) count++;
    return count;
  }
}
