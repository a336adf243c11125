import { type Av, loadFfmpeg } from '../base/ffmpeg.ts';
import type { AccessUnit, EncodeOptions, VideoEncoder, VideoEncoderOptions } from './encoder.ts';
import { openEncoder, type Preset } from './ffmpeg-encoder.ts';
import type { Picture } from './readback.ts';

/** Settings of libvpx for pictures that are shown at once. */
const OPTIONS = {
  deadline: 'realtime',
  // A negative number fixes the speed, which libvpx otherwise chooses by the time that pictures take on this machine.
  'cpu-used': '-10',
  'lag-in-frames': '0',
  // With the same number as the least and greatest distance of keyframes, libvpx makes them on request only.
  g: '1000000',
  keyint_min: '1000000',
  'static-thresh': '1',
  // A keyframe has at most this many percent of an average picture's bytes.
  'max-intra-rate': '900',
};
/**
 * FFmpeg opens libvpx for one bitrate, so another one needs another encoder, whose first picture is a keyframe. Changes below these
 * factors are left out, and a higher rate waits until the last change is this long ago.
 */
const FALL = 0.85;
const RISE = 1.4;
const RISE_PICTURES_MIN = 60;

/**
 * Opens a VP8 encoder (RFC 6386), for browsers that play no H.264. It needs two to three times the processor time of x264.
 * @throws NearlightError NL_ENCODER
 */
export async function createVp8Encoder(options: VideoEncoderOptions): Promise<VideoEncoder> {
  const av = await loadFfmpeg('video encoder');
  return new Vp8Encoder(av, options, await open(av, options));
}

function open(av: Av, options: VideoEncoderOptions): Promise<VideoEncoder> {
  // With the same rate as least and most, libvpx keeps to it.
  const preset: Preset = { name: 'libvpx', options: { ...OPTIONS, minrate: String(options.bitrate) } };
  return openEncoder(av, preset, options);
}

class Vp8Encoder implements VideoEncoder {
  readonly #av: Av;
  readonly #options: VideoEncoderOptions;
  #encoder: VideoEncoder;
  /** Encoder of another bitrate, which takes the next picture. */
  #next: VideoEncoder | undefined;
  #error: unknown;
  /** Bitrate of the newest encoder, and the one that is wanted. */
  #opened: number;
  #wanted: number;
  #isOpening = false;
  #isClosed = false;
  /** Number of pictures since the last change of the bitrate. */
  #pictures = 0;

  constructor(av: Av, options: VideoEncoderOptions, encoder: VideoEncoder) {
    this.#av = av;
    this.#options = options;
    this.#encoder = encoder;
    this.#opened = this.#wanted = options.bitrate;
  }

  async encode(picture: Picture, options: EncodeOptions): Promise<AccessUnit | undefined> {
    if (this.#error !== undefined) throw this.#error;
    this.#pictures++;
    if (this.#next) {
      void this.#encoder.close();
      this.#encoder = this.#next;
      this.#next = undefined;
    }
    const encoding = this.#encoder.encode(picture, options);
    this.#adapt();
    return encoding;
  }

  setBitrate(bitsPerSecond: number): void {
    this.#wanted = bitsPerSecond;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([this.#encoder.close(), this.#next?.close()]);
  }

  #adapt(): void {
    const change = this.#wanted / this.#opened;
    const isDue = change < FALL || (change > RISE && this.#pictures >= RISE_PICTURES_MIN);
    if (!isDue || this.#isOpening || this.#isClosed) return;
    this.#isOpening = true;
    const bitrate = this.#wanted;
    open(this.#av, { ...this.#options, bitrate })
      .then((encoder) => {
        if (this.#isClosed) return encoder.close();
        this.#next = encoder;
        this.#opened = bitrate;
        this.#pictures = 0;
        return undefined;
      })
      .catch((error: unknown) => {
        this.#error = error;
      })
      .finally(() => {
        this.#isOpening = false;
      });
  }
}
