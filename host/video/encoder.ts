import type { Picture } from './capture.ts';

/** One encoded picture: H.264 in Annex B byte-stream format (ITU-T H.264, annex B); a keyframe carries SPS and PPS. */
export interface AccessUnit {
  /** Owned by the receiver. */
  readonly data: Uint8Array;
  /** An IDR picture: decoding can start here. */
  readonly keyframe: boolean;
}

export interface EncodeOptions {
  /** True: make this one an IDR picture. The first picture always is one. */
  keyframe: boolean;
  /** When the picture was taken, in microseconds on any clock; each later than the one before. */
  timestampUs: number;
}

/** Encodes the pictures of one view, one access unit a picture, none held back. */
export interface Encoder {
  /**
   * Copies the picture before it returns, so that the caller may release it at once, and encodes it off this thread.
   * Pictures are dropped, never queued: while one is being encoded, and after close(), the promise is undefined.
   * Rejects with NearlightError NL_ENCODER; the encoder is then of no further use but to be closed.
   */
  encode(picture: Picture, options: EncodeOptions): Promise<AccessUnit | undefined>;
  /** Bits per second, from the next picture on. */
  setBitrate(bitsPerSecond: number): void;
  /** Waits for the picture in flight and frees everything; idempotent. */
  close(): Promise<void>;
}

export interface EncoderOptions {
  /** Of the pictures, in pixels; an odd one is rounded down, which leaves out the last column or row. */
  width: number;
  height: number;
  /** Pictures per second that are meant to come; the rate control's unit, not a limit. */
  fps: number;
  /** Bits per second. */
  bitrate: number;
  /** True: try the GPU's encoder first. */
  hardware: boolean;
  log(level: 'error' | 'warn' | 'info', message: string): void;
}
