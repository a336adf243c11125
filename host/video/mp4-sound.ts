import type { FFEncoderCodec } from 'node-av/constants';
import type { CodecContext, FormatContext, Frame, Packet, Stream } from 'node-av/lib';
import { AUDIO_RATE } from '../../renderer/contract/abi.ts';
import { must } from '../base/assert.ts';
import { NearlightError } from '../base/errors.ts';
import { type Av, checkFfmpeg } from '../base/ffmpeg.ts';
import { CHANNELS } from '../base/sound.ts';

const BITRATE = 160_000n;

/** The track of sound in an MP4 file: AAC, which every player of MP4 files knows. */
export class Mp4Sound {
  readonly #av: Av;
  readonly #output: FormatContext;
  readonly #context: CodecContext;
  readonly #stream: Stream;
  readonly #packet: Packet;
  readonly #frame: Frame;
  /** Samples that wait for the file's header, or for the rest of a frame of AAC. */
  #waiting: Float32Array[] = [];
  #position = 0n;
  #hasHeader = false;

  private constructor(av: Av, parts: { output: FormatContext; context: CodecContext; stream: Stream }) {
    this.#av = av;
    this.#output = parts.output;
    this.#context = parts.context;
    this.#stream = parts.stream;
    this.#packet = new av.Packet();
    this.#packet.alloc();
    this.#frame = new av.Frame();
    this.#frame.alloc();
    this.#frame.nbSamples = parts.context.frameSize;
    this.#frame.format = av.AV_SAMPLE_FMT_FLTP;
    this.#frame.sampleRate = AUDIO_RATE;
    this.#frame.channelLayout = av.AV_CHANNEL_LAYOUT_STEREO;
  }

  /** Adds a track of sound to a file whose header is not written yet. @throws NearlightError NL_ENCODER */
  static async open(av: Av, output: FormatContext): Promise<Mp4Sound> {
    const codec = av.Codec.findEncoderByName('aac' as FFEncoderCodec);
    if (!codec) throw new NearlightError('NL_ENCODER', 'FFmpeg was built without an AAC encoder');
    const context = new av.CodecContext();
    context.allocContext3(codec);
    try {
      context.sampleRate = AUDIO_RATE;
      context.sampleFormat = av.AV_SAMPLE_FMT_FLTP;
      context.channelLayout = av.AV_CHANNEL_LAYOUT_STEREO;
      context.timeBase = new av.Rational(1, AUDIO_RATE);
      context.bitRate = BITRATE;
      // MP4 holds the parameters of AAC in the file's header, not in each packet.
      context.setFlags(av.AV_CODEC_FLAG_GLOBAL_HEADER);
      check(av, await context.open2(codec, null));
      const stream = output.newStream(null);
      stream.timeBase = new av.Rational(1, AUDIO_RATE);
      check(av, context.parametersFromContext(stream.codecpar));
      return new Mp4Sound(av, { output, context, stream });
    } catch (error) {
      context.freeContext();
      throw error;
    }
  }

  /** Writes the sound that has waited for the file's header. */
  async begin(): Promise<void> {
    this.#hasHeader = true;
    await this.#encode(false);
  }

  /** Appends samples, left and right of each frame in turn. Copies them before it returns. */
  async write(samples: Float32Array): Promise<void> {
    this.#waiting.push(samples.slice());
    if (this.#hasHeader) await this.#encode(false);
  }

  /** Writes all sound that waits, followed by silence to the end of a frame. */
  async finish(): Promise<void> {
    await this.#encode(true);
    check(this.#av, await this.#context.sendFrame(null));
    await this.#drain();
  }

  close(): void {
    this.#packet.free();
    this.#frame.free();
    this.#context.freeContext();
  }

  async #encode(toEnd: boolean): Promise<void> {
    const size = this.#context.frameSize * CHANNELS;
    let length = this.#waiting.reduce((sum, part) => sum + part.length, 0);
    if (length < size && !(toEnd && length > 0)) return;
    const all = new Float32Array(Math.ceil(length / size) * size);
    let at = 0;
    for (const part of this.#waiting) {
      all.set(part, at);
      at += part.length;
    }
    if (toEnd) length = all.length;
    at = 0;
    for (; at + size <= length; at += size) await this.#send(all.subarray(at, at + size));
    this.#waiting = at < length ? [all.slice(at, length)] : [];
  }

  async #send(samples: Float32Array): Promise<void> {
    const frame = this.#frame;
    if (this.#position === 0n) check(this.#av, frame.allocBuffer());
    else check(this.#av, frame.makeWritable());
    for (let channel = 0; channel < CHANNELS; channel++) {
      const { buffer, byteOffset } = must(frame.data?.[channel], 'samples of a channel');
      const plane = new Float32Array(buffer, byteOffset, frame.nbSamples);
      for (let n = 0; n < plane.length; n++) plane[n] = must(samples[n * CHANNELS + channel], 'sample');
    }
    frame.pts = this.#position;
    this.#position += BigInt(frame.nbSamples);
    check(this.#av, await this.#context.sendFrame(frame));
    await this.#drain();
  }

  async #drain(): Promise<void> {
    const packet = this.#packet;
    for (;;) {
      const code = await this.#context.receivePacket(packet);
      if (code === this.#av.AVERROR_EAGAIN || code === this.#av.AVERROR_EOF) return;
      check(this.#av, code);
      packet.streamIndex = this.#stream.index;
      packet.rescaleTs({ num: 1, den: AUDIO_RATE }, this.#stream.timeBase);
      check(this.#av, await this.#output.writeFrame(packet));
      packet.unref();
    }
  }
}

function check(av: Av, code: number): void {
  checkFfmpeg(av, code, 'writing the sound');
}
