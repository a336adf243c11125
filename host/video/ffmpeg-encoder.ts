import { availableParallelism } from 'node:os';
import type { FFEncoderCodec } from 'node-av/constants';
import type { CodecContext, Frame, Packet } from 'node-av/lib';
import { must } from '../base/assert.ts';
import { NearlightError } from '../base/errors.ts';
import { type Av, checkFfmpeg } from '../base/ffmpeg.ts';
import type { AccessUnit, EncodeOptions, VideoEncoder, VideoEncoderOptions } from './encoder.ts';
import type { Picture } from './readback.ts';

/** One of FFmpeg's video encoders, with its settings. */
export interface Preset {
  readonly name: 'h264_nvenc' | 'libx264' | 'libvpx';
  readonly options: Readonly<Record<string, string>>;
}

type Opened = { av: Av; context: CodecContext; width: number; height: number; fps: number };

const MICROSECONDS = 1_000_000;
/** Pictures of at least this many pixels are encoded as two slices on two cores, which takes a third less time. */
const SLICED_PIXELS_MIN = 900_000;
/** Size of the decoder's buffer (VBV), as the number of average pictures that fit into it. */
const VBV_PICTURES = 3;
/** FFmpeg's `gop_size` for a video stream that has keyframes only on request. */
const INFINITE = -1;

/** Opens one of FFmpeg's video encoders. @throws NearlightError NL_ENCODER */
export async function openEncoder(av: Av, preset: Preset, options: VideoEncoderOptions): Promise<VideoEncoder> {
  const codec = av.Codec.findEncoderByName(preset.name as FFEncoderCodec);
  if (!codec) throw new NearlightError('NL_ENCODER', `FFmpeg was built without ${preset.name}`);
  const width = options.width & ~1;
  const height = options.height & ~1;
  const context = new av.CodecContext();
  context.allocContext3(codec);
  try {
    configure(av, context, { ...options, width, height });
    // With zero latency, threads encode slices of one picture. Threads that each encode a whole picture would delay pictures.
    context.threadCount = width * height >= SLICED_PIXELS_MIN ? Math.min(2, availableParallelism()) : 1;
    checkFfmpeg(av, await context.open2(codec, av.Dictionary.fromObject(preset.options)), `opening ${preset.name}`);
    return new FfmpegEncoder({ av, context, width, height, fps: options.fps });
  } catch (error) {
    context.freeContext();
    throw error;
  }
}

function configure(av: Av, context: CodecContext, { width, height, fps, bitrate }: VideoEncoderOptions): void {
  context.width = width;
  context.height = height;
  context.pixelFormat = av.AV_PIX_FMT_YUV420P;
  context.timeBase = new av.Rational(1, MICROSECONDS);
  context.framerate = new av.Rational(fps, 1);
  context.gopSize = INFINITE;
  context.maxBFrames = 0;
  context.colorRange = av.AVCOL_RANGE_MPEG;
  context.colorPrimaries = av.AVCOL_PRI_BT709;
  context.colorTrc = av.AVCOL_TRC_BT709;
  context.colorSpace = av.AVCOL_SPC_BT709;
  limitRate(context, { bitrate, fps });
}

/**
 * Limits the bitrate by a decoder's buffer (VBV) of a few pictures. A change of scene or a fast camera turn may fill the buffer
 * before the picture gets coarse. A buffer of one picture makes all encoded pictures equally large, but left visible blocks for
 * a third of a second after a turn.
 */
function limitRate(context: CodecContext, { bitrate, fps }: { bitrate: number; fps: number }): void {
  context.bitRate = BigInt(bitrate);
  context.rcMaxRate = BigInt(bitrate);
  context.rcBufferSize = Math.ceil((VBV_PICTURES * bitrate) / fps);
}

class FfmpegEncoder implements VideoEncoder {
  readonly #av: Av;
  readonly #context: CodecContext;
  readonly #frame: Frame;
  readonly #packet: Packet;
  readonly #width: number;
  readonly #height: number;
  readonly #fps: number;
  #planes: Planes;
  #bitrate: number | undefined;
  #lastPts = -1n;
  #inFlight: Promise<AccessUnit | undefined> | undefined;
  #closing: Promise<void> | undefined;

  constructor({ av, context, width, height, fps }: Opened) {
    this.#av = av;
    this.#context = context;
    this.#width = width;
    this.#height = height;
    this.#fps = fps;
    this.#packet = new av.Packet();
    this.#packet.alloc();
    this.#frame = new av.Frame();
    this.#frame.alloc();
    this.#frame.width = width;
    this.#frame.height = height;
    this.#frame.format = av.AV_PIX_FMT_YUV420P;
    try {
      checkFfmpeg(av, this.#frame.allocBuffer(), 'allocating a frame');
      this.#planes = planesOf(this.#frame);
    } catch (error) {
      this.#packet.free();
      this.#frame.free();
      throw error;
    }
  }

  encode(picture: Picture, options: EncodeOptions): Promise<AccessUnit | undefined> {
    if (this.#closing || this.#inFlight) return Promise.resolve(undefined);
    const running = this.#start(picture, options).finally(() => {
      this.#inFlight = undefined;
    });
    this.#inFlight = running;
    return running;
  }

  setBitrate(bitsPerSecond: number): void {
    this.#bitrate = bitsPerSecond;
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

  async #start(picture: Picture, { keyframe, timestampUs }: EncodeOptions): Promise<AccessUnit | undefined> {
    const frame = this.#frame;
    if (picture.width < this.#width || picture.height < this.#height) {
      const size = `${picture.width}x${picture.height}`;
      throw new NearlightError(
        'NL_ENCODER',
        `a picture of ${size} is too small for a video encoder of ${this.#width}x${this.#height}`,
      );
    }
    if (this.#bitrate !== undefined) {
      // FFmpeg applies a new bitrate to the next picture. The bitrate must not change while a picture is being encoded.
      limitRate(this.#context, { bitrate: this.#bitrate, fps: this.#fps });
      this.#bitrate = undefined;
    }
    this.#fill(picture);
    const pts = BigInt(Math.round(timestampUs));
    this.#lastPts = pts > this.#lastPts ? pts : this.#lastPts + 1n;
    frame.pts = this.#lastPts;
    frame.pictType = keyframe ? this.#av.AV_PICTURE_TYPE_I : this.#av.AV_PICTURE_TYPE_NONE;
    checkFfmpeg(this.#av, await this.#context.sendFrame(frame), 'encoding a picture');
    // With zero latency the video encoder has finished the picture by now, so taking the packet does not block.
    const code = this.#context.receivePacketSync(this.#packet);
    if (code === this.#av.AVERROR_EAGAIN) return undefined;
    checkFfmpeg(this.#av, code, 'taking an encoded picture');
    const unit = {
      data: new Uint8Array(must(this.#packet.data, 'data in the packet')),
      keyframe: this.#packet.isKeyframe,
    };
    this.#packet.unref();
    return unit;
  }

  #fill(picture: Picture): void {
    const frame = this.#frame;
    if (!frame.isWritable) {
      // The video encoder still uses the last picture, so the next picture gets other memory.
      checkFfmpeg(this.#av, frame.makeWritable(), 'allocating a frame');
      this.#planes = planesOf(frame);
    }
    const { y, u, v } = this.#planes;
    const luma = { width: this.#width, height: this.#height };
    const chroma = { width: this.#width / 2, height: this.#height / 2 };
    copyPlane(luma, { bytes: picture.y, stride: picture.yStride }, y);
    copyPlane(chroma, { bytes: picture.u, stride: picture.uStride }, u);
    copyPlane(chroma, { bytes: picture.v, stride: picture.vStride }, v);
  }
}

interface Plane {
  bytes: Uint8Array;
  /** Bytes from one row of the plane to the next. */
  stride: number;
}

type Planes = { readonly [K in 'y' | 'u' | 'v']: Plane };

/** Returns views of the Y, U and V planes of a frame, valid until the frame's memory is replaced. */
function planesOf({ data, linesize }: Frame): Planes {
  const plane = (index: number): Plane => ({
    bytes: must(data?.[index], `plane ${index} of the frame`),
    stride: must(linesize[index], `stride of plane ${index}`),
  });
  return { y: plane(0), u: plane(1), v: plane(2) };
}

function copyPlane({ width, height }: { width: number; height: number }, from: Plane, to: Plane): void {
  if (from.stride === to.stride) {
    const length = from.stride * (height - 1) + width;
    to.bytes.set(from.bytes.length === length ? from.bytes : from.bytes.subarray(0, length));
    return;
  }
  for (let row = 0; row < height; row++) {
    const start = row * from.stride;
    to.bytes.set(from.bytes.subarray(start, start + width), row * to.stride);
  }
}
