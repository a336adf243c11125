/** Encodes what one player hears. Every packet of sound becomes one packet of Opus (RFC 6716), and none is held back. */
export interface AudioEncoder {
  /**
   * Encodes PACKET_FRAMES frames on another thread. Copies the samples before it returns.
   * Resolves with undefined if the frames are dropped: while others are being encoded, and after close().
   * Rejects with NearlightError NL_ENCODER if encoding fails. Then only close() may be called.
   * @param samples left and right of each frame in turn, from -1 to 1
   * @returns the encoded bytes, which the caller owns
   */
  encode(samples: Float32Array): Promise<Uint8Array | undefined>;
  /** Waits for the packet that is being encoded, then frees the audio encoder. Idempotent. */
  close(): Promise<void>;
}

export interface AudioEncoderOptions {
  /** Bitrate of the sound in bits per second. */
  bitrate: number;
}
