import type { Micro } from '../base/time.ts';
import type { Picture } from './readback.ts';

/**
 * One encoded picture: H.264 in Annex B byte-stream format (ITU-T H.264, annex B), whose keyframes carry SPS and PPS, or a frame of VP8
 * (RFC 6386).
 */
export interface AccessUnit {
  /** The encoded bytes, which the receiver of the access unit owns. */
  readonly data: Uint8Array;
  /** Whether decoding can start here. */
  readonly keyframe: boolean;
}

export interface EncodeOptions {
  /** If true, the picture becomes a keyframe. The first picture of a stream always is one. */
  keyframe: boolean;
  /** When the picture was taken, on any clock. Each picture must be later than the one before. */
  timestampUs: Micro;
}

/** Encodes one player's pictures. Every picture becomes one access unit, and none is held back. */
export interface VideoEncoder {
  /**
   * Encodes a picture on another thread. Copies the picture before it returns, so the caller may release it at once.
   * Resolves with undefined if the picture is dropped: while another one is being encoded, and after close().
   * Rejects with NearlightError NL_ENCODER if encoding fails. Then only close() may be called.
   */
  encode(picture: Picture, options: EncodeOptions): Promise<AccessUnit | undefined>;
  /** Sets the bitrate of the video in bits per second, from the next picture on. */
  setBitrate(bitsPerSecond: number): void;
  /** Waits for the picture that is being encoded, then frees the video encoder. Idempotent. */
  close(): Promise<void>;
}

export interface VideoEncoderOptions {
  /** Size of the pictures in pixels. An odd size is rounded down, which leaves out the last column or row. */
  width: number;
  height: number;
  /** Pictures per second to expect. The rate control needs this number; more or fewer pictures are allowed. */
  fps: number;
  /** Bitrate of the video in bits per second. */
  bitrate: number;
  /** If true, the GPU's video encoder is tried first, and the CPU's only if that fails. */
  hardware: boolean;
  log(level: 'error' | 'warn' | 'info', message: string): void;
}
