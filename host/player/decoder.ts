import { CODECS, RTP_CLOCK_KHZ, rtpTimestampOf, type SocketCodec } from './codecs.ts';

const AUDIO_RATE = 48_000;
/** A decoder with this many frames waiting is too slow: nothing is decoded until a keyframe comes. */
const WAITING_MAX = 8;

/** A track that scripts write frames to. Not all browsers have it, and TypeScript does not know it yet. */
type TrackGenerator<T> = MediaStreamTrack & { readonly writable: WritableStream<T> };
declare const MediaStreamTrackGenerator:
  | (new <T>(options: {
      kind: 'audio' | 'video';
    }) => TrackGenerator<T>)
  | undefined;

/** Decodes access units and shows the pictures in a media stream as soon as they are decoded. */
export class PictureDecoder {
  readonly stream: MediaStream;
  readonly #decoder: VideoDecoder;
  readonly #show: (frame: VideoFrame) => void;
  #needsKeyframe = true;
  /** RTP timestamp of the newest frame, and the same without wrapping. */
  #newest: number | undefined;
  #unwrapped = 0;
  framesDropped = 0;

  /**
   * @param options.onDecoded called with the RTP timestamp of each decoded picture
   * @param options.onError called once, if a picture cannot be decoded
   */
  constructor({
    codec,
    onDecoded,
    onError,
  }: {
    codec: SocketCodec;
    onDecoded(rtpTimestamp: number): void;
    onError(error: DOMException): void;
  }) {
    const { stream, show } = openScreen();
    this.stream = stream;
    this.#show = show;
    const output = (frame: VideoFrame): void => {
      onDecoded(rtpTimestampOf(frame.timestamp));
      this.#show(frame);
    };
    this.#decoder = new VideoDecoder({ output, error: onError });
    this.#decoder.configure({ codec: CODECS[codec], optimizeForLatency: true });
  }

  /** Decodes an access unit: H.264 in Annex B byte-stream format, or a frame of VP8. */
  decode(data: Uint8Array, { isKeyframe, rtpTimestamp }: { isKeyframe: boolean; rtpTimestamp: number }): void {
    if (this.#decoder.decodeQueueSize > WAITING_MAX) this.#needsKeyframe = true;
    if (this.#decoder.state !== 'configured' || (this.#needsKeyframe && !isKeyframe)) {
      this.framesDropped++;
      return;
    }
    this.#needsKeyframe = false;
    const type = isKeyframe ? 'key' : 'delta';
    this.#decoder.decode(new EncodedVideoChunk({ type, timestamp: this.#microsecondsOf(rtpTimestamp), data }));
  }

  close(): void {
    if (this.#decoder.state !== 'closed') this.#decoder.close();
    for (const track of this.stream.getTracks()) track.stop();
  }

  #microsecondsOf(rtpTimestamp: number): number {
    this.#unwrapped += this.#newest === undefined ? rtpTimestamp : (rtpTimestamp - this.#newest) | 0;
    this.#newest = rtpTimestamp;
    return Math.round((this.#unwrapped * 1000) / RTP_CLOCK_KHZ);
  }
}

/** Decodes Opus, and plays it in a media stream. */
export class SoundDecoder {
  readonly stream: MediaStream;
  readonly #decoder: AudioDecoder;

  /** Returns a decoder, or undefined if this browser cannot play sound that comes over a WebSocket. */
  static open(): SoundDecoder | undefined {
    if (typeof AudioDecoder === 'undefined' || typeof MediaStreamTrackGenerator === 'undefined') return undefined;
    return new SoundDecoder(new MediaStreamTrackGenerator<AudioData>({ kind: 'audio' }));
  }

  private constructor(track: TrackGenerator<AudioData>) {
    this.stream = new MediaStream([track]);
    const writer = track.writable.getWriter();
    const output = (data: AudioData): void => {
      if ((writer.desiredSize ?? 0) > 0) writer.write(data).catch(() => data.close());
      else data.close();
    };
    // A fault costs the sound alone.
    this.#decoder = new AudioDecoder({ output, error: () => {} });
    this.#decoder.configure({ codec: 'opus', sampleRate: AUDIO_RATE, numberOfChannels: 2 });
  }

  /** Decodes a packet of Opus. @param position frames of sound before the packet */
  decode(data: Uint8Array, position: number): void {
    if (this.#decoder.state !== 'configured') return;
    const timestamp = Math.round((position * 1_000_000) / AUDIO_RATE);
    this.#decoder.decode(new EncodedAudioChunk({ type: 'key', timestamp, data }));
  }

  close(): void {
    if (this.#decoder.state !== 'closed') this.#decoder.close();
    for (const track of this.stream.getTracks()) track.stop();
  }
}

/** Opens a media stream that shows pictures: written to a track where the browser can do that, else drawn on a canvas. */
function openScreen(): { stream: MediaStream; show(frame: VideoFrame): void } {
  if (typeof MediaStreamTrackGenerator !== 'undefined') {
    const track = new MediaStreamTrackGenerator<VideoFrame>({ kind: 'video' });
    const writer = track.writable.getWriter();
    const show = (frame: VideoFrame): void => {
      if ((writer.desiredSize ?? 0) > 0) writer.write(frame).catch(() => frame.close());
      else frame.close();
    };
    return { stream: new MediaStream([track]), show };
  }
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d', { alpha: false, desynchronized: true });
  const show = (frame: VideoFrame): void => {
    if (canvas.width !== frame.displayWidth) canvas.width = frame.displayWidth;
    if (canvas.height !== frame.displayHeight) canvas.height = frame.displayHeight;
    context?.drawImage(frame, 0, 0);
    frame.close();
  };
  return { stream: canvas.captureStream(), show };
}
