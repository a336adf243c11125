import type { FFEncoderCodec } from 'node-av/constants';
import type { CodecContext, Frame, Packet } from 'node-av/lib';
import { AUDIO_RATE } from '../../renderer/contract/abi.ts';
import { must } from '../base/assert.ts';
import { NearlightError } from '../base/errors.ts';
import { type Av, checkFfmpeg, loadFfmpeg } from '../base/ffmpeg.ts';
import { CHANNELS, PACKET_FRAMES } from '../base/sound.ts';
import type { AudioEncoder, AudioEncoderOptions } from './encoder.ts';

const SAMPLE_BYTES = 4;
/**
 * Settings of libopus. `lowdelay` leaves out Opus's speech mode, and with it 4 ms of delay. Opus can repair losses by itself in
 * that mode alone, so lost packets are repaired by redundant ones instead (host/stream/audio.ts).
 */
const OPTIONS: Readonly<Record<string, string>> = { application: 'lowdelay', frame_duration: '10', vbr: 'on' };

/**
 * Opens an Opus encoder for stereo sound at AUDIO_RATE. The first call loads FFmpeg's libraries, unless the video encoder has.
 * @throws NearlightError NL_ENCODER
 */
export async function createAudioEncoder(options: AudioEncoderOptions): Promise<AudioEncoder> {
  const av = await loadFfmpeg('audio encoder');
  const codec = av.Codec.findEncoderByName('libopus' as FFEncoderCodec);
  if (!codec) throw new NearlightError('NL_ENCODER', 'FFmpeg was built without libopus');
  const context = new av.CodecContext();
  context.allocContext3(codec);
  try {
    context.sampleRate = AUDIO_RATE;
    context.sampleFormat = av.AV_SAMPLE_FMT_FLT;
    context.channelLayout = av.AV_CHANNEL_LAYOUT_STEREO;
    context.timeBase = new av.Rational(1, AUDIO_RATE);
    context.bitRate = BigInt(options.bitrate);
    checkFfmpeg(av, await context.open2(codec, av.Dictionary.fromObject(OPTIONS)), 'opening libopus');
    return new OpusEncoder(av, context);
  } catch (error) {
    context.freeContext();
    throw error;
  }
}

class OpusEncoder implements AudioEncoder {
  readonly #av: Av;
  readonly #context: CodecContext;
  readonly #frame: Frame;
  readonly #packet: Packet;
  #samples: Float32Array;
  /** Number of frames encoded so far. */
  #position = 0n;
  #inFlight: Promise<Uint8Array | undefined> | undefined;
  #closing: Promise<void> | undefined;

  constructor(av: Av, context: CodecContext) {
    this.#av = av;
    this.#context = context;
    this.#packet = new av.Packet();
    this.#packet.alloc();
    this.#frame = new av.Frame();
    this.#frame.alloc();
    this.#frame.nbSamples = PACKET_FRAMES;
    this.#frame.format = av.AV_SAMPLE_FMT_FLT;
    this.#frame.sampleRate = AUDIO_RATE;
    this.#frame.channelLayout = av.AV_CHANNEL_LAYOUT_STEREO;
    try {
      checkFfmpeg(av, this.#frame.allocBuffer(), 'allocating sound');
      this.#samples = samplesOf(this.#frame);
    } catch (error) {
      this.#packet.free();
      this.#frame.free();
      throw error;
    }
  }

  encode(samples: Float32Array): Promise<Uint8Array | undefined> {
    if (this.#closing || this.#inFlight) return Promise.resolve(undefined);
    const running = this.#start(samples).finally(() => {
      this.#inFlight = undefined;
    });
    this.#inFlight = running;
    return running;
  }

  close(): Promise<void> {
    this.#closing ??= this.#free();
    return this.#closing;
  }

  async #free(): Promise<void> {
    await this.#inFlight?.catch(() => {});
    this.#packet.free();
    this.#frame.free();
    this.#context.freeContext();
  }

  async #start(samples: Float32Array): Promise<Uint8Array | undefined> {
    const frame = this.#frame;
    if (!frame.isWritable) {
      // The audio encoder still uses the last samples, so these get other memory.
      checkFfmpeg(this.#av, frame.makeWritable(), 'allocating sound');
      this.#samples = samplesOf(frame);
    }
    this.#samples.set(samples);
    frame.pts = this.#position;
    this.#position += BigInt(PACKET_FRAMES);
    checkFfmpeg(this.#av, await this.#context.sendFrame(frame), 'encoding sound');
    const code = this.#context.receivePacketSync(this.#packet);
    if (code === this.#av.AVERROR_EAGAIN) return undefined;
    checkFfmpeg(this.#av, code, 'taking encoded sound');
    const bytes = new Uint8Array(must(this.#packet.data, 'data in the packet'));
    this.#packet.unref();
    return bytes;
  }
}

/** Returns a view of a frame's samples, valid until the frame's memory is replaced. */
function samplesOf({ data }: Frame): Float32Array {
  const { buffer, byteOffset, byteLength } = must(data?.[0], 'samples of the frame');
  const length = PACKET_FRAMES * CHANNELS;
  if (byteLength < length * SAMPLE_BYTES) throw new NearlightError('NL_ENCODER', 'FFmpeg allocated too few samples');
  return new Float32Array(buffer, byteOffset, length);
}
