import { AUDIO_RATE } from '../../contract/abi';
import { Random } from '../random';
import { Sound } from './sound';

/** Shapes of the wave of a Tone. */
export namespace Wave {
  export const sine: u32 = 0;
  export const triangle: u32 = 1;
  export const square: u32 = 2;
  export const saw: u32 = 3;
  export const noise: u32 = 4;
}

/** One part of a sound that `synthesize` makes. Times are in seconds, frequencies in hertz. */
export class Tone {
  /** Shape of the wave: a value of Wave. */
  wave: u32 = Wave.sine;
  /** Frequency at the start. Noise has none. */
  from: f32 = 440;
  /** Frequency at the end, which is reached evenly in pitch; 0 for no change. */
  to: f32 = 0;
  /** Loudness, from 0 to 1. */
  volume: f32 = 0.5;
  /** Time before the tone begins. */
  delay: f32 = 0;
  /** Time in which the tone grows to its full loudness. */
  attack: f32 = 0.002;
  /** Time for which it stays there. */
  hold: f32 = 0;
  /** Time in which it then fades away. */
  release: f32 = 0.2;
  /** Frequency of a low-pass filter at the start, at most a sixth of the sound's rate; 0 for no filter. */
  cutoff: f32 = 0;
  /** Frequency of the filter at the end; 0 for no change. */
  cutoffTo: f32 = 0;
  /** How much the filter stresses the frequencies around its own, from 0 to 0.95. */
  resonance: f32 = 0;
}

/** A thousandth: what is left of a tone's loudness at the end of its release. */
const LN_FADED: f32 = -6.9077554;
/** Frames in which the end of a sound is faded to silence, so that it does not click. */
const TAIL: u32 = 64;

/**
 * Makes a sound of one or several tones. It takes about as long as 20 nanoseconds for each frame of each tone, so make sounds
 * when the game begins. With `loop`, the sound returns to its start; choose whole numbers of waves then.
 */
export function synthesize(tones: Tone[], loop: bool = false, rate: u32 = AUDIO_RATE): Sound {
  let frames: u32 = 1;
  for (let i = 0; i < tones.length; i++) {
    const tone = tones[i];
    frames = max(frames, <u32>((tone.delay + tone.attack + tone.hold + tone.release) * <f32>rate));
  }
  const mix = new StaticArray<f32>(frames);
  for (let i = 0; i < tones.length; i++) add(tones[i], i, mix, <f32>rate);
  const sound = new Sound(frames, loop ? 0 : frames, 1, rate);
  for (let at: u32 = 0; at < frames; at++) {
    const left = frames - at;
    const fade: f32 = loop || left >= TAIL ? 1 : <f32>left / <f32>TAIL;
    const sample = min<f32>(max<f32>(unchecked(mix[at]) * fade, -1), 1);
    unchecked((sound.samples[at] = <i16>(sample * 32767)));
  }
  sound.close();
  return sound;
}

/** Adds a tone to the samples in `mix`. */
function add(tone: Tone, number: i32, mix: StaticArray<f32>, rate: f32): void {
  const first = <i32>(tone.delay * rate);
  const attack = max<f32>(tone.attack * rate, 1);
  const held = attack + tone.hold * rate;
  const count = <i32>(held + tone.release * rate);
  const fade = Mathf.exp(LN_FADED / max<f32>(tone.release * rate, 1));
  const sweep = bend(tone.from, tone.to, <f32>count);
  const open = bend(tone.cutoff, tone.cutoffTo, <f32>count);
  const random = new Random(0x5eed + number);
  const damping: f32 = 2 - 2 * min<f32>(max<f32>(tone.resonance, 0), 0.95);
  const noisy = tone.wave === Wave.noise;
  let step = tone.from / rate;
  let cutoff = min<f32>(tone.cutoff / rate, 1.0 / 6.0);
  let volume: f32 = 1;
  let phase: f32 = 0;
  let low: f32 = 0;
  let band: f32 = 0;
  for (let i = 0; i < count; i++) {
    const at = first + i;
    if (at >= mix.length) break;
    let sample = noisy ? random.float() * 2 - 1 : shape(tone.wave, phase);
    phase += step;
    phase -= Mathf.floor(phase);
    step *= sweep;
    if (cutoff > 0) {
      // A state-variable filter (Chamberlin, Musical Applications of Microprocessors, 1980).
      const tuning: f32 = 2 * sine(cutoff * 0.5);
      // With more damping than this, the filter would begin to oscillate at half the rate.
      const damped = min<f32>(damping, 1.8 / tuning - 0.45 * tuning);
      low += tuning * band;
      band += tuning * (sample - low - damped * band);
      sample = low;
      cutoff = min<f32>(cutoff * open, 1.0 / 6.0);
    }
    const rise = min<f32>(<f32>i / attack, 1);
    if (<f32>i > held) volume *= fade;
    unchecked((mix[at] = mix[at] + sample * rise * volume * tone.volume));
  }
}

/** Returns the factor by which a frequency changes in each of `count` frames. */
function bend(from: f32, to: f32, count: f32): f32 {
  return from > 0 && to > 0 && count > 0 ? Mathf.pow(to / from, 1 / count) : 1;
}

/** Returns a wave at a phase from 0 to 1. */
function shape(wave: u32, phase: f32): f32 {
  if (wave === Wave.sine) return sine(phase);
  if (wave === Wave.triangle) return 1 - 4 * abs<f32>(phase - 0.5);
  if (wave === Wave.square) return phase < 0.5 ? 1 : -1;
  return 2 * phase - 1;
}

/** Returns the sine of a phase from 0 to 1, by two parabolas, to a thousandth. */
function sine(phase: f32): f32 {
  const turn: f32 = phase < 0.5 ? 2 * phase : 2 * phase - 2;
  const rough: f32 = 4 * turn * (1 - abs<f32>(turn));
  return rough + 0.225 * (rough * abs<f32>(rough) - rough);
}
