import { must } from '../../host/base/assert.ts';
import { type Clip, checkShape, refuse } from './clip.ts';

const FORMAT_PCM = 1;
const FORMAT_FLOAT = 3;
/** A format whose number follows in the first two bytes of a GUID (WAVEFORMATEXTENSIBLE). */
const FORMAT_EXTENSIBLE = 0xfffe;
const EXTENSIBLE_BYTES = 40;
const FORMAT_BYTES = 16;

interface Format {
  isFloat: boolean;
  channels: number;
  rate: number;
  bits: number;
}

/** Functions that read one sample of a WAV file, from -1 to 1, by its kind and its number of bits. */
const READERS: Readonly<Record<string, (view: DataView, at: number) => number>> = {
  // Samples of 8 bits have no sign (Multimedia Programming Interface and Data Specifications 1.0, 1991).
  'pcm 8': (view, at) => (view.getUint8(at) - 128) / 128,
  'pcm 16': (view, at) => view.getInt16(at, true) / 32_768,
  'pcm 24': (view, at) => (view.getUint16(at, true) + view.getInt8(at + 2) * 65_536) / 8_388_608,
  'pcm 32': (view, at) => view.getInt32(at, true) / 2_147_483_648,
  'float 32': (view, at) => view.getFloat32(at, true),
  'float 64': (view, at) => view.getFloat64(at, true),
};

/** Reads a WAV file: PCM of 8, 16, 24 or 32 bits, or floating-point numbers of 32 or 64. @throws NearlightError NL_SOUND */
export function readWav(bytes: Uint8Array): Clip {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || tag(view, 0) !== 'RIFF' || tag(view, 8) !== 'WAVE')
    refuse('it is not a WAV file, which begins with "RIFF" and "WAVE"');
  let format: Format | undefined;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const name = tag(view, at);
    const length = view.getUint32(at + 4, true);
    const start = at + 8;
    // Programs that write to a pipe do not know the length, and give the greatest. The sound then ends with the file.
    const end = Math.min(start + length, bytes.length);
    if (name === 'fmt ') format = readFormat(view, start, end);
    if (name === 'data') return readSamples(view, start, end, format ?? refuse('its samples come before their format'));
    at = start + length + (length % 2);
  }
  return refuse('it has no samples (a chunk "data")');
}

function tag(view: DataView, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((n) => view.getUint8(at + n)));
}

function readFormat(view: DataView, start: number, end: number): Format {
  if (end - start < FORMAT_BYTES) refuse('its format is cut off');
  let kind = view.getUint16(start, true);
  if (kind === FORMAT_EXTENSIBLE && end - start >= EXTENSIBLE_BYTES) kind = view.getUint16(start + 24, true);
  if (kind !== FORMAT_PCM && kind !== FORMAT_FLOAT)
    refuse(`its samples are compressed (format ${kind}); save it as PCM, or as Ogg Vorbis or MP3`);
  return {
    isFloat: kind === FORMAT_FLOAT,
    channels: view.getUint16(start + 2, true),
    rate: view.getUint32(start + 4, true),
    bits: view.getUint16(start + 14, true),
  };
}

function readSamples(view: DataView, start: number, end: number, { isFloat, channels, rate, bits }: Format): Clip {
  const read = READERS[`${isFloat ? 'float' : 'pcm'} ${bits}`];
  if (!read) return refuse(`its samples have ${bits} bits; save it with 16 or 24`);
  const step = (channels * bits) / 8;
  const frames = step > 0 ? Math.floor((end - start) / step) : 0;
  checkShape({ rate, channels, frames });
  const samples = Array.from({ length: channels }, () => new Float32Array(frames));
  for (let frame = 0; frame < frames; frame++)
    for (let channel = 0; channel < channels; channel++) {
      const sample = read(view, start + frame * step + (channel * bits) / 8);
      must(samples[channel], 'channel')[frame] = Number.isFinite(sample) ? sample : 0;
    }
  return { rate, channels: samples };
}
