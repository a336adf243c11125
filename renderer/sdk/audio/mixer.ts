import { AUDIO_FRAMES_MAX, AUDIO_RATE, SEATS_MAX } from '../../contract/abi';
import { State } from '../state';
import { addMono, addStereo, finish, stepOf } from './blend';
import { Sound } from './sound';
import { Ear, Voice } from './voice';

/** Volumes below this are silence. */
const SILENCE: f32 = 0.0001;
/** Seconds in which a voice that is stopped fades away, so that it does not click. */
const STOP_SECONDS: f32 = 0.02;
const NEAR: f32 = 2;
const FAR: f32 = 60;

/**
 * Plays sounds, and mixes for each player what that player hears. Call `begin` first in each tick, play and move sounds after it in
 * the same tick, and let the game's `audio` return what `mix` does. Everything that is heard belongs to the game's state, so let the game's
 * `state` call `pass`.
 */
export class Mixer {
  /** The volume of everything. */
  volume: f32 = 1;
  private readonly tickRate: u32;
  private readonly sounds: Array<Sound> = [] as Sound[];
  private readonly voices: StaticArray<Voice>;
  private readonly ears: StaticArray<Ear>;
  private readonly out: StaticArray<f32> = new StaticArray<f32>(2 * AUDIO_FRAMES_MAX);
  /** Frames of the tick that has begun. */
  private frames: u32 = 0;
  /** Number of the newest voice. */
  private newest: u32 = 0;
  /** Volumes of a voice on the left and on the right, which `hear` returns. */
  private left: f32 = 0;
  private right: f32 = 0;

  /** Makes a mixer for a game with so many ticks a second, which plays at most `voices` sounds at a time. */
  constructor(tickRate: u32, voices: i32 = 32) {
    this.tickRate = tickRate;
    this.voices = new StaticArray<Voice>(voices);
    this.ears = new StaticArray<Ear>(SEATS_MAX);
    for (let i = 0; i < voices; i++) this.voices[i] = new Voice();
    for (let i = 0; i < SEATS_MAX; i++) this.ears[i] = new Ear();
  }

  /** Adds a sound and returns its number, counted from 0. Add the same sounds in the same order before a state is loaded. */
  add(sound: Sound): i32 {
    return this.sounds.push(sound) - 1;
  }

  /** Begins tick `n`: moves all sounds on by the time of the last tick. */
  begin(n: u32): void {
    for (let i = 0; i < this.voices.length; i++) {
      const voice = unchecked(this.voices[i]);
      if (voice.sound >= 0) voice.advance(this.sounds[voice.sound], this.frames);
    }
    for (let i = 0; i < this.ears.length; i++) unchecked(this.ears[i]).advance();
    const rate = <u64>this.tickRate;
    const second = <u64>AUDIO_RATE;
    this.frames = <u32>(((<u64>n + 1) * second) / rate - (<u64>n * second) / rate);
  }

  /**
   * Plays a sound for all players, or for one. Pitch 2 is an octave higher, pan goes from -1, left, to 1, right. Returns the
   * number of the voice. If all voices play, the quietest one ends, and of equally quiet ones the oldest.
   */
  play(sound: i32, volume: f32 = 1, pitch: f32 = 1, pan: f32 = 0, seat: i32 = -1): u32 {
    const voice = this.start(sound, volume, pitch);
    voice.seat = seat;
    voice.placed = false;
    voice.pan = voice.panBefore = pan;
    return voice.number;
  }

  /**
   * Plays a sound at a place in the world. It is loudest up to a distance of `near`, falls with the distance, and ends at `far`.
   * Returns the number of the voice, as `play` does.
   */
  playAt(sound: i32, x: f32, y: f32, z: f32, volume: f32 = 1, pitch: f32 = 1, near: f32 = NEAR, far: f32 = FAR): u32 {
    const voice = this.start(sound, volume, pitch);
    voice.seat = -1;
    voice.placed = true;
    voice.x = voice.xBefore = x;
    voice.y = voice.yBefore = y;
    voice.z = voice.zBefore = z;
    voice.near = max<f32>(near, 0.01);
    voice.far = max<f32>(far, near);
    return voice.number;
  }

  /** Reports whether a voice still plays. */
  isPlaying(number: u32): bool {
    return this.find(number) !== null;
  }

  /** Changes the volume of a voice, evenly within so many seconds. */
  fade(number: u32, volume: f32, seconds: f32 = 0): void {
    const voice = this.find(number);
    if (voice === null) return;
    voice.goal = volume;
    const ticks = max<f32>(seconds * <f32>this.tickRate, 1);
    voice.slope = abs<f32>(volume - voice.volume) / ticks;
    if (ticks === 1) voice.volume = volume;
  }

  /** Fades a voice to silence within so many seconds, and ends it. */
  stop(number: u32, seconds: f32 = STOP_SECONDS): void {
    this.fade(number, 0, seconds);
    const voice = this.find(number);
    if (voice !== null) voice.ending = true;
  }

  /** Changes the pitch of a voice. */
  bend(number: u32, pitch: f32): void {
    const voice = this.find(number);
    if (voice !== null) voice.step = stepOf(pitch, this.sounds[voice.sound].rate, AUDIO_RATE);
  }

  /** Moves a voice that has a place in the world. */
  move(number: u32, x: f32, y: f32, z: f32): void {
    const voice = this.find(number);
    if (voice === null) return;
    voice.x = x;
    voice.y = y;
    voice.z = z;
  }

  /** Moves a voice without a place from left, -1, to right, 1. */
  pan(number: u32, pan: f32): void {
    const voice = this.find(number);
    if (voice !== null) voice.pan = pan;
  }

  /** Sets where a player hears from, and the direction to the player's right, of length 1, in the plane of x and z. */
  listen(seat: i32, x: f32, y: f32, z: f32, rightX: f32, rightZ: f32): void {
    this.ears[seat].place(x, y, z, rightX, rightZ);
  }

  /** Mixes what the player of a seat hears in the tick that has begun. Returns its address, or 0 for silence. */
  mix(seat: i32, frames: u32): usize {
    const out = changetype<usize>(this.out);
    const ear = this.ears[seat];
    let heard = false;
    for (let i = 0; i < this.voices.length; i++) {
      const voice = unchecked(this.voices[i]);
      if (voice.sound < 0 || (voice.seat >= 0 && voice.seat !== seat)) continue;
      const sound = this.sounds[voice.sound];
      const stereo = sound.channels === 2;
      this.hear(voice, ear, stereo, true);
      const left = this.left;
      const right = this.right;
      this.hear(voice, ear, stereo, false);
      if (max<f32>(max<f32>(left, right), max<f32>(this.left, this.right)) < SILENCE) continue;
      if (!heard) memory.fill(out, 0, (<usize>frames) << 3);
      heard = true;
      const samples = changetype<usize>(sound.samples);
      const end = (<u64>sound.frames) << 32;
      const back = (<u64>(sound.frames - sound.loop)) << 32;
      if (stereo)
        addStereo(samples, end, back, voice.position, voice.step, out, frames, left, right, this.left, this.right);
      else addMono(samples, end, back, voice.position, voice.step, out, frames, left, right, this.left, this.right);
    }
    if (!heard) return 0;
    finish(out, frames, this.volume);
    return out;
  }

  /** Saves or loads all that is heard, through `state`. The sounds themselves are not saved. */
  pass(state: State): void {
    state.version(1);
    if (state.i32(this.voices.length) !== this.voices.length) throw new Error('the saved mixer has other voices');
    this.volume = state.f32(this.volume);
    this.frames = state.u32(this.frames);
    this.newest = state.u32(this.newest);
    for (let i = 0; i < this.voices.length; i++) {
      this.voices[i].pass(state);
      if (this.voices[i].sound >= this.sounds.length) throw new Error('the saved mixer plays a sound that is missing');
    }
    for (let i = 0; i < this.ears.length; i++) this.ears[i].pass(state);
  }

  private start(sound: i32, volume: f32, pitch: f32): Voice {
    const voice = this.choose();
    voice.sound = sound;
    voice.number = ++this.newest;
    voice.position = 0;
    voice.step = stepOf(pitch, this.sounds[sound].rate, AUDIO_RATE);
    voice.volume = voice.volumeBefore = voice.goal = volume;
    voice.slope = 0;
    voice.ending = false;
    return voice;
  }

  /** Returns a free voice, or else the quietest one. */
  private choose(): Voice {
    let best = unchecked(this.voices[0]);
    for (let i = 0; i < this.voices.length; i++) {
      const voice = unchecked(this.voices[i]);
      if (voice.sound < 0) return voice;
      const quieter = voice.volume < best.volume;
      // The difference of two numbers is their distance, even after the numbers have wrapped.
      const older = voice.volume === best.volume && <i32>(voice.number - best.number) < 0;
      if (quieter || older) best = voice;
    }
    return best;
  }

  private find(number: u32): Voice | null {
    for (let i = 0; i < this.voices.length; i++) {
      const voice = unchecked(this.voices[i]);
      if (voice.sound >= 0 && voice.number === number) return voice;
    }
    return null;
  }

  /** Computes how loud a voice is on the left and on the right, at the start or at the end of the tick. */
  private hear(voice: Voice, ear: Ear, stereo: bool, before: bool): void {
    let volume = before ? voice.volumeBefore : voice.volume;
    let pan = before ? voice.panBefore : voice.pan;
    if (voice.placed) {
      const dx = before ? voice.xBefore - ear.xBefore : voice.x - ear.x;
      const dy = before ? voice.yBefore - ear.yBefore : voice.y - ear.y;
      const dz = before ? voice.zBefore - ear.zBefore : voice.z - ear.z;
      const distance = Mathf.sqrt(dx * dx + dy * dy + dz * dz);
      const rightX = before ? ear.rightXBefore : ear.rightX;
      const rightZ = before ? ear.rightZBefore : ear.rightZ;
      // A sound at the place of the ear comes from everywhere.
      pan = (dx * rightX + dz * rightZ) / max<f32>(distance, voice.near * 0.5);
      volume *= (voice.near / max<f32>(distance, voice.near)) * max<f32>(1 - distance / voice.far, 0);
    }
    pan = min<f32>(max<f32>(pan, -1), 1) * 0.9;
    if (stereo) {
      this.left = volume * min<f32>(1, 1 - pan);
      this.right = volume * min<f32>(1, 1 + pan);
    } else {
      this.left = volume * Mathf.sqrt(0.5 * (1 - pan));
      this.right = volume * Mathf.sqrt(0.5 * (1 + pan));
    }
  }
}
