import type { Clock } from '../base/clock.ts';
import { Samples } from '../base/samples.ts';
import type { Meters } from '../observe/meters.ts';
import type { Feedback, FrameInfo, PlayerConnection } from '../stream/player.ts';
import type { RateControl } from '../stream/rate.ts';
import type { AccessUnit, VideoEncoder } from '../video/encoder.ts';
import type { Picture, Readback } from '../video/readback.ts';

/** Frames between render and send: one is read back while the one before it is encoded. */
const IN_FLIGHT_MAX = 2;
const RTP_CLOCK_KHZ = 90;

export interface ViewOptions {
  readback: Readback;
  encoder: VideoEncoder;
  connection: PlayerConnection;
  rate: RateControl;
  clock: Clock;
  /** What the host counts beside the view's own figures. */
  meters?: Meters;
  /** Called once if the encoder or the readback fails; the view is of no use after it. */
  onError(error: unknown): void;
}

/** The times of a view's stages in milliseconds, and what became of its frames. */
export interface ViewStats {
  readonly frames: number;
  readonly dropped: number;
  readonly bytes: number;
  readonly readbackMs: Samples;
  readonly encodeMs: Samples;
  readonly sendMs: Samples;
  readonly inputToSendMs: Samples;
}

/** One player's picture on its way: texture, readback, encoder, connection. Frames are dropped, never queued. */
export class View {
  readonly surface: { texture: GPUTexture; view: GPUTextureView };
  readonly stats: ReturnType<typeof viewStats>;
  readonly #options: ViewOptions;
  #inFlight = 0;
  #keyframe = true;
  #closed = false;

  constructor(options: ViewOptions) {
    this.#options = options;
    this.stats = viewStats(options.meters);
    const { texture } = options.readback;
    this.surface = { texture, view: texture.createView() };
  }

  /** Whether a frame that is rendered now would be sent. */
  get ready(): boolean {
    return !this.#closed && this.#inFlight < IN_FLIGHT_MAX;
  }

  /** The next frame will be a keyframe. */
  requestKeyframe(): void {
    this.#keyframe = true;
  }

  /** Adapts the bitrate to what the player's receiver reports. */
  feedback(feedback: Readonly<Feedback>): void {
    const { encoder, rate } = this.#options;
    const before = rate.bitrate;
    if (rate.update(feedback) !== before) encoder.setBitrate(rate.bitrate);
  }

  /** Sends what was just rendered to the surface; `readAt` is when its newest input (`sequence`) was read. */
  present(sequence: number, readAt: number): void {
    const { readback, clock, onError } = this.#options;
    const begun = clock.now();
    const picture = readback.read();
    if (picture === undefined) {
      this.#drop();
      return;
    }
    this.#inFlight++;
    picture
      .then(async (ready) => {
        if (ready === undefined || this.#closed) return ready?.release();
        this.stats.readbackMs.add(clock.now() - begun);
        await this.#encodeAndSend(ready, sequence, readAt);
      })
      .catch((error: unknown) => {
        if (!this.#closed) onError(error);
      })
      .finally(() => this.#inFlight--);
  }

  async #encodeAndSend(picture: Picture, sequence: number, readAt: number): Promise<void> {
    const { encoder, clock, meters } = this.#options;
    const keyframe = this.#keyframe;
    this.#keyframe = false;
    const begun = clock.now();
    const encoding = encoder.encode(picture, { keyframe, timestampUs: Math.round(readAt * 1000) });
    picture.release();
    const unit = await encoding;
    if (this.#closed) return;
    if (unit === undefined) {
      this.#keyframe ||= keyframe;
      this.#drop();
      return;
    }
    const encoded = clock.now();
    this.stats.encodeMs.add(encoded - begun);
    if (meters) meters.encodedBytes += unit.data.byteLength;
    this.#send(unit, sequence, readAt, encoded);
  }

  #send(unit: AccessUnit, sequence: number, readAt: number, encoded: number): void {
    const info: FrameInfo = {
      rtpTimestamp: Math.round(readAt * RTP_CLOCK_KHZ) >>> 0,
      keyframe: unit.keyframe,
      inputSequence: sequence,
      inputToSendUs: Math.round((encoded - readAt) * 1000),
    };
    if (!this.#options.connection.sendFrame(unit.data, info)) {
      this.#drop();
      return;
    }
    const sent = this.#options.clock.now();
    this.stats.sendMs.add(sent - encoded);
    this.stats.inputToSendMs.add(sent - readAt);
    this.stats.frames++;
    this.stats.bytes += unit.data.byteLength;
  }

  #drop(): void {
    this.stats.dropped++;
    const { meters } = this.#options;
    if (meters) meters.framesDropped++;
  }

  /** Ends readback and encoder; what is in flight is dropped. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.readback.destroy();
    await this.#options.encoder.close();
  }
}

function viewStats(meters: Meters | undefined) {
  return {
    frames: 0,
    dropped: 0,
    bytes: 0,
    readbackMs: new Samples({ histogram: meters?.readback }),
    encodeMs: new Samples({ histogram: meters?.encode }),
    sendMs: new Samples({ histogram: meters?.send }),
    inputToSendMs: new Samples({ histogram: meters?.inputToSend }),
  } satisfies ViewStats;
}
