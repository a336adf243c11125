import type { FormatContext, Stream } from 'node-av/lib';
import { NearlightError } from '../base/errors.ts';
import type { AccessUnit } from './encoder.ts';
import { Mp4Sound } from './mp4-sound.ts';

export interface Mp4Options {
  /** Path of the MP4 file, which is created or overwritten. */
  path: string;
  /** Size of the pictures in pixels. */
  width: number;
  height: number;
  /** Pictures per second. */
  fps: number;
  /** Whether the file has sound. */
  hasSound?: boolean;
}

/** Writes an MP4 file (ISO/IEC 14496-14). */
export interface Mp4 {
  /** Appends an access unit, which is one encoded picture. The first must be a keyframe. @throws NearlightError NL_ENCODER */
  write(unit: AccessUnit): Promise<void>;
  /** Appends sound, left and right of each frame in turn, as the file was opened for. @throws NearlightError NL_ENCODER */
  writeSound(samples: Float32Array): Promise<void>;
  /** Completes the MP4 file, which cannot be played before. Idempotent. @throws NearlightError NL_ENCODER */
  close(): Promise<void>;
}

/** Number of units per second in which the MP4 file counts time: a multiple of all common frame rates. */
const TIME_SCALE = 90_000;
const NAL_TYPE = 0x1f;
const NAL_SPS = 7;
const NAL_PPS = 8;

/** Opens an MP4 file for writing. @throws NearlightError NL_ENCODER if the file cannot be opened */
export async function createMp4({ path, width, height, fps, hasSound = false }: Mp4Options): Promise<Mp4> {
  const [lib, constants] = await Promise.all([import('node-av/lib'), import('node-av/constants')]);
  const check = (code: number, action: string): void => {
    if (code < 0) throw new NearlightError('NL_ENCODER', `${action} ${path}: ${lib.FFmpegError.strerror(code)}`);
  };
  const open = async (context: FormatContext): Promise<Stream> => {
    check(context.allocOutputContext2(null, 'mp4', path), 'creating');
    const stream = context.newStream(null);
    stream.timeBase = new lib.Rational(1, TIME_SCALE);
    stream.avgFrameRate = new lib.Rational(fps, 1);
    const { codecpar } = stream;
    codecpar.codecType = constants.AVMEDIA_TYPE_VIDEO;
    codecpar.codecId = constants.AV_CODEC_ID_H264;
    codecpar.format = constants.AV_PIX_FMT_YUV420P;
    codecpar.width = width;
    codecpar.height = height;
    codecpar.colorRange = constants.AVCOL_RANGE_MPEG;
    codecpar.colorPrimaries = constants.AVCOL_PRI_BT709;
    codecpar.colorTrc = constants.AVCOL_TRC_BT709;
    codecpar.colorSpace = constants.AVCOL_SPC_BT709;
    check(await context.openOutput(), 'opening');
    return stream;
  };
  const context = new lib.FormatContext();
  const stream = await open(context).catch((error: unknown) => {
    context.freeContext();
    throw error;
  });
  const sound = hasSound ? await Mp4Sound.open({ ...lib, ...constants }, context) : undefined;
  const packet = new lib.Packet();
  packet.alloc();
  let pictures = 0;
  let closed = false;
  return {
    async write(unit) {
      if (pictures === 0) {
        stream.codecpar.extradata = parameterSets(unit.data);
        // `+faststart` puts the index at the start of the file, so that a video player can begin before it has the whole file.
        check(await context.writeHeader(lib.Dictionary.fromObject({ movflags: '+faststart' })), 'writing');
      }
      packet.data = Buffer.from(unit.data);
      packet.streamIndex = stream.index;
      packet.pts = BigInt(Math.round((pictures * TIME_SCALE) / fps));
      packet.dts = packet.pts;
      packet.duration = BigInt(Math.round(TIME_SCALE / fps));
      packet.isKeyframe = unit.keyframe;
      // Writing the header may have changed the stream's time base.
      packet.rescaleTs({ num: 1, den: TIME_SCALE }, stream.timeBase);
      pictures++;
      check(await context.writeFrame(packet), 'writing');
      if (pictures === 1) await sound?.begin();
    },
    async writeSound(samples) {
      await sound?.write(samples);
    },
    async close() {
      if (closed) return;
      closed = true;
      try {
        if (pictures > 0) await sound?.finish();
        if (pictures > 0) check(await context.writeTrailer(), 'completing');
      } finally {
        sound?.close();
        packet.free();
        await context.closeOutput();
        context.freeContext();
      }
    },
  };
}

/** Returns the SPS and PPS of an access unit in Annex B format. FFmpeg's muxer converts them to the format of MP4. */
function parameterSets(unit: Uint8Array): Buffer {
  // An Annex B start code is the bytes 0, 0, 1.
  const starts: number[] = [];
  for (let at = 0; at + 3 < unit.length; at++)
    if (unit[at] === 0 && unit[at + 1] === 0 && unit[at + 2] === 1) starts.push(at + 3);
  const sets = starts.flatMap((start, index) => {
    const type = (unit[start] ?? 0) & NAL_TYPE;
    const next = starts[index + 1];
    const nal = unit.subarray(start, next === undefined ? unit.length : next - 3);
    return type === NAL_SPS || type === NAL_PPS ? [Buffer.from([0, 0, 0, 1]), nal] : [];
  });
  return Buffer.concat(sets);
}
