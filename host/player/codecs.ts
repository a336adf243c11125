/**
 * Formats of video that a host can send over a WebSocket, the best first, as browsers name them. The H.264 is constrained
 * baseline in level 4.2, which covers every picture that a host offers (ITU-T H.264, annex A).
 */
export const CODECS = { h264: 'avc1.42e02a', vp8: 'vp8' } as const;
export type SocketCodec = keyof typeof CODECS;
export const RTP_CLOCK_KHZ = 90;

/** Returns the best format of pictures that this browser can decode itself; undefined if there is none. */
export async function decodableCodec(): Promise<SocketCodec | undefined> {
  if (typeof VideoDecoder === 'undefined') return undefined;
  for (const [name, codec] of Object.entries(CODECS)) {
    const { supported } = await VideoDecoder.isConfigSupported({ codec }).catch(() => ({ supported: false }));
    if (supported === true) return name as SocketCodec;
  }
  return undefined;
}

/** Returns the RTP timestamp of a frame that the page has decoded itself. */
export function rtpTimestampOf(microseconds: number): number {
  return Math.round((microseconds * RTP_CLOCK_KHZ) / 1000) >>> 0;
}
