/** Frames that wait before sound begins or begins again: those of the ticks of two refreshes of a display at 60 Hz. */
export const START_FRAMES = 1600;
/** If more frames wait, the oldest are left out, so that sound never falls behind the picture. */
export const WAITING_FRAMES_MAX = 4800;
const CAPACITY_FRAMES = 16_384;

/** Sound on its way from the game to the loudspeaker. The game delivers it in bursts, and the loudspeaker takes it evenly. */
export class SampleQueue {
  readonly #left = new Float32Array(CAPACITY_FRAMES);
  readonly #right = new Float32Array(CAPACITY_FRAMES);
  /** Numbers of frames that came and went so far; frame n is in slot n % CAPACITY_FRAMES. */
  #written = 0;
  #read = 0;
  #playing = false;

  /** Adds frames, left and right of each in turn. */
  push(samples: Float32Array): void {
    for (let at = 0; at + 1 < samples.length; at += 2) {
      const slot = this.#written++ % CAPACITY_FRAMES;
      this.#left[slot] = samples[at] ?? 0;
      this.#right[slot] = samples[at + 1] ?? 0;
    }
    if (this.#written - this.#read > WAITING_FRAMES_MAX) this.#read = this.#written - START_FRAMES;
  }

  /** Fills two channels of the same length. Frames that have not come yet are silent. */
  pull(left: Float32Array, right: Float32Array): void {
    if (!this.#playing && this.#written - this.#read >= START_FRAMES) this.#playing = true;
    for (let n = 0; n < left.length; n++) {
      if (this.#playing && this.#read === this.#written) this.#playing = false;
      const slot = this.#read % CAPACITY_FRAMES;
      left[n] = this.#playing ? (this.#left[slot] ?? 0) : 0;
      right[n] = this.#playing ? (this.#right[slot] ?? 0) : 0;
      if (this.#playing) this.#read++;
    }
  }
}
