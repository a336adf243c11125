import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type Clip, SOUND_LIMITS } from '../../assets/sound/clip.ts';
import { isSoundFile, packClip, packSound } from '../../assets/sound/packer.ts';
import { resample } from '../../assets/sound/resample.ts';
import { readWav } from '../../assets/sound/wav.ts';
import { must } from '../../host/base/assert.ts';
import { SOUND_HEADER, SOUND_MAGIC, SOUND_VERSION } from '../../renderer/contract/sound.ts';
import { compress, sine, wav } from './sounds.ts';

const folder = mkdtempSync(join(tmpdir(), 'nearlight-sound-'));
afterAll(() => rmSync(folder, { recursive: true }));

const PLAIN = { rate: 48_000, mono: false, loop: false } as const;

/** Reads a packed sound as ABI.md, "Packed sounds", describes it. */
function unpack(bytes: Uint8Array): { words: number[]; samples: number[] } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const words = Array.from({ length: 8 }, (_, n) => view.getUint32(4 * n, true));
  const count = (bytes.length - 32) / 2;
  return { words, samples: Array.from({ length: count }, (_, n) => view.getInt16(32 + 2 * n, true) / 32_767) };
}

/** Returns how loud a frequency is in some samples, 1 for a sine of full scale. */
function level(samples: ArrayLike<number>, hertz: number, rate: number): number {
  let [re, im] = [0, 0];
  for (let n = 0; n < samples.length; n++) {
    const angle = (2 * Math.PI * hertz * n) / rate;
    re += must(samples[n], 'sample') * Math.cos(angle);
    im += must(samples[n], 'sample') * Math.sin(angle);
  }
  return (2 * Math.hypot(re, im)) / samples.length;
}

const every = (samples: readonly number[], step: number, first: number) => samples.filter((_, n) => n % step === first);

describe('WAV', () => {
  test.each([
    [8, false, 0.01],
    [16, false, 1e-4],
    [24, false, 1e-6],
    [32, false, 1e-6],
    [32, true, 1e-6],
    [64, true, 1e-6],
  ] as const)('samples of %i bits (floating point: %s) are read', (bits, isFloat, error) => {
    for (const isExtensible of [false, true]) {
      const { rate, channels } = readWav(
        wav(
          [
            [0, 0.5, -1, 1],
            [1, -0.25, 0, 0],
          ],
          { rate: 44_100, bits, isFloat, isExtensible },
        ),
      );
      expect(rate).toBe(44_100);
      expect(channels).toHaveLength(2);
      for (const [n, wanted] of [0, 0.5, -1, 1].entries())
        expect(Math.abs(must(channels[0]?.[n], 'sample') - wanted)).toBeLessThan(error);
      for (const [n, wanted] of [1, -0.25, 0, 0].entries())
        expect(Math.abs(must(channels[1]?.[n], 'sample') - wanted)).toBeLessThan(error);
    }
  });

  test('other chunks are skipped, and a length that is too long ends with the file', () => {
    const file = wav([[0.5]], { rate: 8000, bits: 16, before: { LIST: Uint8Array.of(1, 2, 3) } });
    expect(readWav(file).channels[0]).toHaveLength(1);
    file.writeUInt32LE(0xffffffff, file.length - 6);
    expect(readWav(file).channels[0]).toHaveLength(1);
  });

  test('numbers that are not finite become silence', () => {
    const file = wav([[Number.NaN, Number.POSITIVE_INFINITY, 0.5]], { rate: 8000, bits: 32, isFloat: true });
    expect([...must(readWav(file).channels[0], 'channel')]).toEqual([0, 0, 0.5]);
  });

  const good = wav([[0.5, 0.5]], { rate: 8000, bits: 16 });
  const changed = (at: number, value: number) => {
    const file = Buffer.from(good);
    file.writeUInt16LE(value, at);
    return file;
  };
  test.each<[string, Buffer, RegExp]>([
    ['an empty file', Buffer.alloc(0), /not a WAV file/],
    ['eleven bytes', good.subarray(0, 11), /not a WAV file/],
    ['text', Buffer.from('a text without sound'), /not a WAV file/],
    ['no samples', good.subarray(0, 36), /no samples/],
    [
      'a format that is cut off',
      Buffer.concat([good.subarray(0, 16), Buffer.of(4, 0, 0, 0, 1, 0, 1, 0), good.subarray(36)]),
      /cut off/,
    ],
    ['samples before their format', Buffer.concat([good.subarray(0, 12), good.subarray(36)]), /before their format/],
    ['compressed samples', changed(20, 85), /compressed \(format 85\)/],
    ['three channels', changed(22, 3), /3 channels/],
    ['no channel', changed(22, 0), /0 channels/],
    ['twelve bits', changed(34, 12), /12 bits/],
    ['a rate of 999', changed(24, 999), /999 frames a second/],
    ['no frames', wav([[]], { rate: 8000, bits: 16 }), /no sound/],
    ['601 seconds', wav([new Array(601_000).fill(0)], { rate: 1000, bits: 8 }), /longer than 600 seconds/],
  ])('%s is refused', (_, file, message) => {
    expect(() => readWav(file)).toThrow(message);
    expect(() => readWav(file)).toThrow(/^NL_SOUND/);
  });

  test('600 seconds, and 1000 frames a second, are allowed', () => {
    const file = wav([new Array(SOUND_LIMITS.seconds * 1000).fill(0)], { rate: 1000, bits: 8 });
    expect(readWav(file).channels[0]).toHaveLength(600_000);
  });

  test('no cut of a file makes the reader fail in another way', () => {
    const file = wav([sine(440, { rate: 8000, seconds: 0.01 })], {
      rate: 8000,
      bits: 16,
      before: { LIST: new Uint8Array(9) },
    });
    for (let bytes = 0; bytes < file.length; bytes++)
      try {
        readWav(file.subarray(0, bytes));
      } catch (error) {
        if (!/^NL_SOUND/.test((error as Error).message)) throw error;
      }
  });
});

describe('another rate', () => {
  const tone = (hertz: number, rate: number): Clip => ({
    rate,
    channels: [Float32Array.from(sine(hertz, { rate, seconds: 0.5 }))],
  });

  test.each([
    [44_100, 48_000],
    [48_000, 24_000],
    [22_050, 48_000],
    [96_000, 48_000],
    [8000, 24_000],
  ])('a tone of %i frames a second keeps its pitch and loudness at %i', (from, to) => {
    const { rate, channels } = resample(tone(1000, from), to);
    expect(rate).toBe(to);
    const samples = must(channels[0], 'channel');
    expect(samples.length).toBe(to / 2);
    const middle = samples.subarray(to / 10, to / 10 + to / 4);
    expect(level(middle, 1000, to)).toBeCloseTo(0.5, 2);
  });

  test('frequencies that the lower rate cannot hold disappear instead of coming back as others', () => {
    const samples = must(resample(tone(18_000, 48_000), 24_000).channels[0], 'channel');
    const middle = samples.subarray(2400, 8400);
    expect(Math.max(...middle.map(Math.abs))).toBeLessThan(0.001);
  });

  test('the same rate changes nothing', () => {
    const clip = tone(440, 48_000);
    expect(resample(clip, 48_000).channels).toBe(clip.channels);
  });
});

describe('a packed sound', () => {
  test('has the header and the samples that the contract describes', () => {
    const { bytes, frames, channels, clipped } = packClip(
      { rate: 48_000, channels: [Float32Array.of(0, 0.5, 1), Float32Array.of(-1, 0, 2)] },
      PLAIN,
    );
    expect({ frames, channels, clipped, length: bytes.length }).toEqual({
      frames: 3,
      channels: 2,
      clipped: 1,
      length: SOUND_HEADER + 12,
    });
    const { words, samples } = unpack(bytes);
    expect(words).toEqual([SOUND_MAGIC, SOUND_VERSION, 48_000, 2, 3, 3, 0, 0]);
    expect(samples.map((sample) => Math.round(sample * 100) / 100)).toEqual([0, -1, 0.5, 0, 1, 1]);
  });

  test('can begin again at its end', () => {
    const { words } = unpack(
      packClip({ rate: 48_000, channels: [new Float32Array(5)] }, { rate: 48_000, loop: true }).bytes,
    );
    expect(words.slice(4, 6)).toEqual([5, 0]);
  });

  test('made of two channels can have one', async () => {
    const path = join(folder, 'both.wav');
    writeFileSync(
      path,
      wav(
        [
          [0.5, 0.5],
          [-0.5, 0.25],
        ],
        { rate: 48_000, bits: 16 },
      ),
    );
    const { words, samples } = unpack((await packSound(path, { ...PLAIN, mono: true })).bytes);
    expect(words[3]).toBe(1);
    expect(samples.map((sample) => Math.round(sample * 1000) / 1000)).toEqual([0, 0.375]);
  });
});

describe.each([
  ['ogg', 'libvorbis'],
  ['mp3', 'libmp3lame'],
])('%s', (format, encoder) => {
  const path = join(folder, `tone.${format}`);

  test('a file is decoded, each channel for itself', async () => {
    const rate = 44_100;
    await compress(path, {
      format,
      encoder,
      rate,
      channels: [sine(500, { rate, seconds: 1 }), sine(2000, { rate, seconds: 1 })],
    });
    const { bytes, frames, channels } = await packSound(path, PLAIN);
    expect(channels).toBe(2);
    expect(Math.abs(frames - 48_000)).toBeLessThan(2400);
    const { samples } = unpack(bytes);
    const middle = samples.slice(2 * 12_000, 2 * 36_000);
    const [left, right] = [every(middle, 2, 0), every(middle, 2, 1)];
    expect(level(left, 500, 48_000)).toBeCloseTo(0.5, 1);
    expect(level(right, 2000, 48_000)).toBeCloseTo(0.5, 1);
    expect(level(left, 2000, 48_000)).toBeLessThan(0.02);
  });

  test('a file that is cut off, or of another format, is refused or shorter, but nothing else', async () => {
    truncateSync(path, 4000);
    const cut = await packSound(path, PLAIN).then(
      ({ frames }) => frames,
      (error: Error) => error.message,
    );
    expect(typeof cut === 'number' ? cut < 48_000 : /^NL_SOUND/.test(cut)).toBe(true);
    const text = join(folder, `text.${format}`);
    writeFileSync(text, 'no sound at all, only text '.repeat(100));
    await expect(packSound(text, PLAIN)).rejects.toThrow(/^NL_SOUND/);
    writeFileSync(text, wav([sine(440, { rate: 8000, seconds: 0.1 })], { rate: 8000, bits: 16 }));
    await expect(packSound(text, PLAIN)).rejects.toThrow(/^NL_SOUND/);
  });
});

test('files that are missing or have another ending are refused', async () => {
  await expect(packSound(join(folder, 'none.wav'), PLAIN)).rejects.toThrow(
    /^NL_SOUND: .*none\.wav cannot be read: ENOENT/,
  );
  await expect(packSound(join(folder, 'none.flac'), PLAIN)).rejects.toThrow(/^NL_SOUND: .*no \.wav, \.ogg or \.mp3/);
  expect(['a.wav', 'a.OGG', 'a.mp3', 'a.glb', 'wav'].map(isSoundFile)).toEqual([true, true, true, false, false]);
});
