import { AUDIO_RATE } from '../../contract/abi';
import {
  SOUND_FIELD_CHANNELS,
  SOUND_FIELD_FRAMES,
  SOUND_FIELD_LOOP,
  SOUND_FIELD_MAGIC,
  SOUND_FIELD_RATE,
  SOUND_FIELD_VERSION,
  SOUND_HEADER,
  SOUND_MAGIC,
  SOUND_VERSION,
} from '../../contract/sound';
import { findAsset } from '../assets';
import { asset_read } from '../nearlight';

/** A sound in the game's memory, which a Mixer plays: `loadSound` reads one from an asset, and `synthesize` makes one. */
export class Sound {
  /** Frames of the sound per second. */
  readonly rate: u32;
  /** Number of channels: 1, or 2 for left and right. */
  readonly channels: u32;
  /** Number of frames; each has one sample for each channel. */
  readonly frames: u32;
  /** The frame to which the sound returns after its last one; `frames` if it ends. */
  readonly loop: u32;
  /** The samples, channels side by side, and one more frame: the one that follows the last. */
  readonly samples: StaticArray<i16>;

  /** Makes a silent sound, whose samples the caller then writes. */
  constructor(frames: u32, loop: u32 = frames, channels: u32 = 1, rate: u32 = AUDIO_RATE) {
    this.rate = rate;
    this.channels = channels;
    this.frames = frames;
    this.loop = loop;
    this.samples = new StaticArray<i16>((frames + 1) * channels);
  }

  /** Repeats the first frame of the loop after the last one, so that a mixer can interpolate there. Call it once the samples are complete. */
  close(): void {
    if (this.loop === this.frames) return;
    for (let channel: u32 = 0; channel < this.channels; channel++)
      this.samples[this.frames * this.channels + channel] = this.samples[this.loop * this.channels + channel];
  }
}

/** Reads a packed sound, which `nearlight pack` makes, by the name of its asset. Returns null if there is no such asset. */
export function loadSound(name: string): Sound | null {
  const asset = findAsset(name);
  if (asset === null) return null;
  const header = new StaticArray<u8>(SOUND_HEADER);
  const read = asset.read(0, header);
  const rate = field(header, SOUND_FIELD_RATE);
  const channels = field(header, SOUND_FIELD_CHANNELS);
  const frames = field(header, SOUND_FIELD_FRAMES);
  const loop = field(header, SOUND_FIELD_LOOP);
  const known =
    field(header, SOUND_FIELD_MAGIC) === SOUND_MAGIC && field(header, SOUND_FIELD_VERSION) === SOUND_VERSION;
  const fits = channels - 1 < 2 && <u64>frames * channels * 2 + SOUND_HEADER === <u64>asset.size;
  if (read !== SOUND_HEADER || !known || !fits || rate - 1000 > 191000 || frames === 0 || loop > frames)
    throw new Error(`the asset ${name} is not a packed sound of this version`);
  const sound = new Sound(frames, loop, channels, rate);
  asset_read(asset.handle, SOUND_HEADER, changetype<usize>(sound.samples), frames * channels * 2);
  sound.close();
  return sound;
}

function field(header: StaticArray<u8>, offset: u32): u32 {
  return load<u32>(changetype<usize>(header) + offset);
}
