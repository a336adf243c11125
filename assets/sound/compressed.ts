import type { FormatContext, Frame, Packet } from 'node-av/lib';
import { must } from '../../host/base/assert.ts';
import { type Clip, checkShape, refuse, SOUND_LIMITS } from './clip.ts';

/** The compressed formats: the name of FFmpeg's reader, and the names of the decoders that it may use. */
const FORMATS = {
  ogg: { name: 'Ogg Vorbis', codec: 'vorbis' },
  mp3: { name: 'MP3', codec: 'mp3float' },
} as const;

type Library = typeof import('node-av/lib') & typeof import('node-av/constants');

/** Reads an Ogg Vorbis or MP3 file by FFmpeg's decoders, which are loaded only now. @throws NearlightError NL_SOUND */
export async function readCompressed(path: string, kind: keyof typeof FORMATS): Promise<Clip> {
  const [lib, constants] = await Promise.all([import('node-av/lib'), import('node-av/constants')]);
  lib.Log.setLevel(constants.AV_LOG_FATAL);
  const av: Library = { ...lib, ...constants };
  const context = new av.FormatContext();
  const packet = new av.Packet();
  packet.alloc();
  const frame = new av.Frame();
  frame.alloc();
  try {
    return await decode({ av, context, packet, frame }, path, kind);
  } finally {
    packet.free();
    frame.free();
    await context.closeInput();
  }
}

interface Parts {
  av: Library;
  context: FormatContext;
  packet: Packet;
  frame: Frame;
}

async function decode({ av, context, packet, frame }: Parts, path: string, kind: keyof typeof FORMATS): Promise<Clip> {
  const { name, codec: decoderName } = FORMATS[kind];
  const check = (code: number): void => {
    if (code < 0) refuse(`it cannot be read as ${name}: ${av.FFmpegError.strerror(code)}`);
  };
  // Naming the format keeps FFmpeg from guessing: it has readers of many formats, and only these two are wanted.
  check(await context.openInput(path, av.InputFormat.findInputFormat(kind)));
  check(await context.findStreamInfo());
  const stream = context.streams.find(({ codecpar }) => codecpar.codecType === av.AVMEDIA_TYPE_AUDIO);
  if (!stream) return refuse(`it has no sound that is ${name}`);
  const codec = av.Codec.findDecoderByName(decoderName as never);
  if (!codec || codec.id !== stream.codecpar.codecId) return refuse(`its sound is not ${name}`);
  const decoder = new av.CodecContext();
  decoder.allocContext3(codec);
  const collected = new Collected(av);
  try {
    check(decoder.parametersToContext(stream.codecpar));
    check(await decoder.open2(codec, null));
    const drain = async (): Promise<void> => {
      for (;;) {
        const code = await decoder.receiveFrame(frame);
        if (code === av.AVERROR_EAGAIN || code === av.AVERROR_EOF) return;
        check(code);
        collected.add(frame);
        frame.unref();
      }
    };
    for (;;) {
      const code = await context.readFrame(packet);
      if (code === av.AVERROR_EOF) break;
      check(code);
      if (packet.streamIndex === stream.index) {
        check(await decoder.sendPacket(packet));
        await drain();
      }
      packet.unref();
    }
    check(await decoder.sendPacket(null));
    await drain();
  } finally {
    decoder.freeContext();
  }
  return collected.clip();
}

/** Collects the samples of decoded frames. */
class Collected {
  readonly #av: Library;
  readonly #parts: Float32Array[][] = [];
  #rate = 0;
  #frames = 0;

  constructor(av: Library) {
    this.#av = av;
  }

  /** @throws NearlightError NL_SOUND */
  add({ data, nbSamples, sampleRate, channelLayout, format }: Frame): void {
    const channels = channelLayout.nbChannels;
    if (format !== this.#av.AV_SAMPLE_FMT_FLTP) refuse(`its decoder returns samples of format ${format}`);
    if (this.#frames > 0 && (sampleRate !== this.#rate || channels !== this.#parts[0]?.length))
      refuse('its rate or its number of channels changes within the file');
    this.#rate = sampleRate;
    this.#frames += nbSamples;
    checkShape({ rate: sampleRate, channels, frames: this.#frames });
    if (this.#frames > SOUND_LIMITS.seconds * SOUND_LIMITS.rateMax) refuse('it is too long');
    this.#parts.push(
      Array.from({ length: channels }, (_, channel) => {
        const bytes = must(data?.[channel], 'samples of a channel');
        return new Float32Array(bytes.buffer, bytes.byteOffset, nbSamples).slice();
      }),
    );
  }

  clip(): Clip {
    const channels = this.#parts[0]?.length ?? 0;
    checkShape({ rate: this.#rate, channels: channels || 1, frames: this.#frames });
    return {
      rate: this.#rate,
      channels: Array.from({ length: channels }, (_, channel) => {
        const all = new Float32Array(this.#frames);
        let at = 0;
        for (const part of this.#parts) {
          const samples = must(part[channel], 'channel');
          all.set(samples, at);
          at += samples.length;
        }
        return all;
      }),
    };
  }
}
