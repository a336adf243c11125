import { Scene, TAKEN_PER_SECOND } from './scene.ts';

export interface SourceOptions {
  width: number;
  height: number;
  fps: number;
  /** Bits per second. */
  bitrateMax: number;
}

/** A track whose pictures a program writes (Chromium only). */
declare class MediaStreamTrackGenerator extends MediaStreamTrack {
  constructor(options: { kind: 'video' });
  readonly writable: WritableStream<VideoFrame>;
}

/** Sends the scene to another page. It runs inside a page. */
export class ChromiumSource {
  readonly peer = new RTCPeerConnection();
  readonly #options: SourceOptions;
  readonly #track = new MediaStreamTrackGenerator({ kind: 'video' });

  constructor(options: SourceOptions) {
    this.#options = options;
  }

  async answer(offer: string): Promise<string> {
    const { peer } = this;
    const { bitrateMax, fps } = this.#options;
    await peer.setRemoteDescription({ type: 'offer', sdp: offer });
    this.#track.contentHint = 'motion';
    const sender = peer.addTrack(this.#track);
    const codecs = RTCRtpSender.getCapabilities('video')?.codecs ?? [];
    const h264 = codecs.filter(({ mimeType }) => mimeType === 'video/H264');
    if (h264.length > 0) peer.getTransceivers()[0]?.setCodecPreferences(h264);
    await peer.setLocalDescription();
    const parameters = sender.getParameters();
    for (const encoding of parameters.encodings) Object.assign(encoding, { maxBitrate: bitrateMax, maxFramerate: fps });
    // The pictures keep their size, so that they can be compared.
    parameters.degradationPreference = 'maintain-resolution';
    await sender.setParameters(parameters);
    while (peer.iceGatheringState !== 'complete') await new Promise((resolve) => setTimeout(resolve, 5));
    return peer.localDescription?.sdp ?? '';
  }

  /** Sends pictures. Returns when each was taken, by its number, in milliseconds since `origin`, which counts from 1970. */
  async send(origin: number, seconds: number): Promise<number[]> {
    const { width, height } = this.#options;
    const scene = new Scene(width, height);
    const writer = this.#track.writable.getWriter();
    const now = (): number => performance.timeOrigin + performance.now() - origin;
    const takenMs: number[] = [];
    const picture = new Uint8Array((width * height * 3) / 2);
    for (let number = 1, next = now(); now() < seconds * 1000; next += 1000 / TAKEN_PER_SECOND) {
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - now())));
      const { y, u, v } = scene.picture(number);
      picture.set(y);
      picture.set(u, y.length);
      picture.set(v, y.length + u.length);
      takenMs[number++] = now();
      const timestamp = Math.round(performance.now() * 1000);
      await writer.write(
        new VideoFrame(picture, { format: 'I420', codedWidth: width, codedHeight: height, timestamp }),
      );
    }
    return takenMs;
  }
}
