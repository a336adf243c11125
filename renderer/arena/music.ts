import { Mixer, Sound, State, synthesize, Wave } from '@nearlight/sdk';

const VOLUME: f32 = 0.16;
/** Sixteenths of a bar per second. */
const STEPS_PER_SECOND: f32 = 6.4;
const STEPS_PER_BAR = 16;
const BARS = 4;
/** Semitones from A to the root of each bar's chord: A minor, F, C, G. */
const ROOTS: StaticArray<i32> = [0, -4, 3, -2];
/** Semitones of the melody's notes above A, a bar in a row; -1 is a rest. */
const MELODY: StaticArray<i32> = [
  12, -1, 15, -1, 19, -1, 15, -1, 24, -1, -1, 19, -1, 15, -1, -1, 12, -1, 17, -1, 20, -1, 17, -1, 24, -1, -1, 20, -1,
  17, -1, -1, 10, -1, 15, -1, 19, -1, 15, -1, 22, -1, -1, 19, -1, 15, -1, -1, 10, -1, 14, -1, 17, -1, 14, -1, 22, -1,
  -1, 17, -1, 14, -1, -1,
];
/** Volume of the bass on each step of a bar. */
const BASS: StaticArray<f32> = [1, 0, 0, 0.5, 0, 0, 0.8, 0, 0, 0, 0.7, 0, 0, 0.4, 0, 0];

/** The quiet music of the arena: four bars over and over, played note by note. */
export class Music {
  private minor: i32 = 0;
  private major: i32 = 0;
  private bass: i32 = 0;
  private pluck: i32 = 0;
  private hat: i32 = 0;
  /** Ticks since the music began. */
  private ticks: u32 = 0;
  private step: i32 = -1;

  constructor(
    private readonly mixer: Mixer,
    private readonly tickRate: u32,
  ) {}

  /** Makes the instruments. */
  prepare(): void {
    const mixer = this.mixer;
    this.minor = mixer.add(chord(261.63));
    this.major = mixer.add(chord(277.18));
    this.bass = mixer.add(
      synthesize(
        [
          {
            wave: Wave.saw,
            from: 55,
            volume: 0.7,
            attack: 0.008,
            release: 0.5,
            cutoff: 420,
            cutoffTo: 90,
            resonance: 0.3,
          },
        ],
        false,
        24000,
      ),
    );
    this.pluck = mixer.add(
      synthesize(
        [{ wave: Wave.triangle, from: 220, volume: 0.6, attack: 0.004, release: 0.6, cutoff: 2600, cutoffTo: 400 }],
        false,
        24000,
      ),
    );
    this.hat = mixer.add(synthesize([{ wave: Wave.noise, volume: 0.5, release: 0.04 }], false, 24000));
  }

  /** Plays the notes that begin in this tick. */
  tick(): void {
    const step = <i32>((<f64>this.ticks * STEPS_PER_SECOND) / <f64>this.tickRate);
    this.ticks++;
    if (step === this.step) return;
    this.step = step;
    const place = step % STEPS_PER_BAR;
    const bar = (step / STEPS_PER_BAR) % BARS;
    const mixer = this.mixer;
    const root = unchecked(ROOTS[bar]);
    if (place === 0) mixer.play(bar === 0 ? this.minor : this.major, VOLUME, note(root));
    const bass = unchecked(BASS[place]);
    if (bass > 0) mixer.play(this.bass, VOLUME * 1.4 * bass, note(root));
    const tone = unchecked(MELODY[bar * STEPS_PER_BAR + place]);
    if (tone >= 0) mixer.play(this.pluck, VOLUME * 0.55, note(tone), place % 4 === 0 ? -0.4 : 0.4);
    if (place % 4 === 2) mixer.play(this.hat, VOLUME * 0.3, 1, 0.2);
  }

  pass(state: State): void {
    this.ticks = state.u32(this.ticks);
    this.step = state.i32(this.step);
  }
}

/** Makes a soft chord of A with this third. */
function chord(third: f32): Sound {
  return synthesize(
    [
      { wave: Wave.triangle, from: 110, volume: 0.22, attack: 0.5, hold: 1.2, release: 1.6, cutoff: 700 },
      { wave: Wave.triangle, from: third * 0.5, volume: 0.2, attack: 0.6, hold: 1.1, release: 1.6, cutoff: 700 },
      { wave: Wave.triangle, from: 164.81, volume: 0.2, attack: 0.7, hold: 1, release: 1.6, cutoff: 700 },
      { wave: Wave.sine, from: 220.6, volume: 0.12, attack: 0.9, hold: 0.8, release: 1.6 },
    ],
    false,
    16000,
  );
}

/** Returns the pitch of a number of semitones. */
function note(semitones: i32): f32 {
  return Mathf.pow(2, <f32>semitones / 12);
}
