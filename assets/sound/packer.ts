import { open } from 'node:fs/promises';
import { extname } from 'node:path';
import { must } from '../../host/base/assert.ts';
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
} from '../../renderer/contract/sound.ts';
import { type Clip, refuse, SOUND_LIMITS } from './clip.ts';
import { readCompressed } from './compressed.ts';
import { resample } from './resample.ts';
import { readWav } from './wav.ts';

export interface SoundOptions {
  /** Frames a second of the packed sound. */
  rate: 24_000 | 48_000;
  /** Whether both channels are mixed to one, which a sound with a place in the world needs. */
  mono: boolean;
  /** Whether the sound begins again at its end. */
  loop: boolean;
}

/** A packed sound, and what became of the file. */
export interface PackedSound {
  bytes: Uint8Array;
  frames: number;
  channels: number;
  /** Number of samples that were louder than the format can say, and are clipped. */
  clipped: number;
}

/** Endings of the names of sound files, with the functions that read them. */
const READERS: Readonly<Record<string, (path: string, bytes: Uint8Array) => Clip | Promise<Clip>>> = {
  '.wav': (_, bytes) => readWav(bytes),
  '.ogg': (path) => readCompressed(path, 'ogg'),
  '.mp3': (path) => readCompressed(path, 'mp3'),
};

/** Whether a file has the ending of a sound file that can be packed. */
export function isSoundFile(path: string): boolean {
  return Object.hasOwn(READERS, extname(path).toLowerCase());
}

/** Packs a WAV, Ogg Vorbis or MP3 file (renderer/contract/ABI.md, "Packed sounds"). @throws NearlightError NL_SOUND */
export async function packSound(path: string, options: SoundOptions): Promise<PackedSound> {
  const read = READERS[extname(path).toLowerCase()] ?? refuse(`${path} is no .wav, .ogg or .mp3 file`);
  const clip = await read(path, await readBounded(path));
  return packClip(options.mono ? toMono(clip) : clip, options);
}

/** Packs a sound. */
export function packClip(clip: Clip, { rate, loop }: Pick<SoundOptions, 'rate' | 'loop'>): PackedSound {
  const { channels } = resample(clip, rate);
  const frames = channels[0]?.length ?? 0;
  const bytes = new Uint8Array(SOUND_HEADER + frames * channels.length * 2);
  const view = new DataView(bytes.buffer);
  view.setUint32(SOUND_FIELD_MAGIC, SOUND_MAGIC, true);
  view.setUint32(SOUND_FIELD_VERSION, SOUND_VERSION, true);
  view.setUint32(SOUND_FIELD_RATE, rate, true);
  view.setUint32(SOUND_FIELD_CHANNELS, channels.length, true);
  view.setUint32(SOUND_FIELD_FRAMES, frames, true);
  view.setUint32(SOUND_FIELD_LOOP, loop ? 0 : frames, true);
  let clipped = 0;
  let at = SOUND_HEADER;
  for (let frame = 0; frame < frames; frame++)
    for (const samples of channels) {
      const value = Math.round(must(samples[frame], 'sample') * 32_767);
      if (value > 32_767 || value < -32_768) clipped++;
      view.setInt16(at, Math.max(-32_768, Math.min(32_767, value)), true);
      at += 2;
    }
  return { bytes, frames, channels: channels.length, clipped };
}

function toMono({ rate, channels }: Clip): Clip {
  const [left, right] = channels;
  if (!left || !right) return { rate, channels };
  return { rate, channels: [left.map((sample, n) => (sample + must(right[n], 'sample')) / 2)] };
}

/** Reads a file that is not too large. @throws NearlightError NL_SOUND */
async function readBounded(path: string): Promise<Uint8Array> {
  const file = await open(path).catch((cause: NodeJS.ErrnoException) =>
    refuse(`${path} cannot be read: ${cause.code}`, cause),
  );
  try {
    const { size } = await file.stat();
    if (size > SOUND_LIMITS.fileBytes) refuse(`it is larger than ${SOUND_LIMITS.fileBytes / 2 ** 20} MiB`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}
