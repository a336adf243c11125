import type { Clock } from '../base/clock.ts';
import { Samples } from '../base/samples.ts';
import { type Milli, micro, toMicro } from '../base/time.ts';
import type { Surface } from '../gpu/replay.ts';
import type { Meters } from '../observe/meters.ts';
import type { Feedback, FrameInfo, PlayerConnection } from '../stream/player.ts';
import type { RateControl } from '../stream/rate.ts';
import type { AccessUnit, VideoEncoder } from '../video/encoder.ts';
import type { Picture, Readback } from '../video/readback.ts';
import type { PictureSize, SizeLadder } from './ladder.ts';
import type { PlayerView } from './view.ts';

/** Largest number of a player's frames between rendering and sending. While one is being encoded, the next is read back. */
const IN_FLIGHT_MAX = 2;
const RTP_CLOCK_KHZ = 90;
/**
 * The connection looks for a path that carries this multiple of the bitrate that the video can use. With twice as much, even a large
 * frame leaves at once.
 */
const PATH_SHARE = 2;

/** The parts that make pictures of one size into video. */
export interface VideoPipeline {
  readback: Readback;
  encoder: VideoEncoder;
}

export interface VideoViewOptions extends VideoPipeline {
  /** Makes pictures smaller where the bitrate is too low for their size. Without it, they keep their size. */
  resizing?: {
    ladder: SizeLadder;
    open(size: PictureSize, bitrate: number): Promise<VideoPipeline>;
  };
  connection: PlayerConnection;
  rate: RateControl;
  clock: Clock;
  /** The counters of the whole host process. Each player's frames also have statistics of their own. */
  meters?: Meters;
  /** Called once, when the video encoder or the readback from the GPU fails. The player's video is useless from then on. */
  onError(error: unknown): void;
}

/** Reads a player's frames back from the GPU, encodes them as video and sends them. Late frames are dropped, never queued. */
export class VideoView implements PlayerView {
  readonly stats: ReturnType<typeof createStats>;
  readonly #options: VideoViewOptions;
  #pipeline: VideoPipeline;
  #surface: Surface;
  /** Pipeline of another size, which replaces the current one before a frame is drawn, when no other is in flight. */
  #next: VideoPipeline | undefined;
  #isResizing = false;
  #inFlight = 0;
  #keyframe = true;
  #closed = false;
  #failed = false;

  constructor(options: VideoViewOptions) {
    this.#options = options;
    this.stats = createStats(options.meters);
    options.connection.limitBitrate(options.rate.max * PATH_SHARE);
    this.#pipeline = { readback: options.readback, encoder: options.encoder };
    this.#surface = surfaceOf(options.readback);
  }

  /** The texture for the next frame. No frame is being drawn when the game's loop asks for it. */
  get surface(): Surface {
    if (this.#inFlight === 0) this.#exchange();
    return this.#surface;
  }

  get ready(): boolean {
    const hasRoom = this.#next === undefined ? this.#inFlight < IN_FLIGHT_MAX : this.#inFlight === 0;
    return !this.#closed && !this.#failed && hasRoom && this.#options.connection.ready;
  }

  requestKeyframe(): void {
    this.#keyframe = true;
  }

  /** Adapts the video's bitrate to what the path to the page carries. */
  feedback(feedback: Readonly<Feedback>): void {
    const { rate, resizing, clock } = this.#options;
    const { stats } = this;
    stats.lossFraction = feedback.lossFraction;
    stats.queueMs = feedback.queueMs;
    const before = rate.bitrate;
    if (rate.update(feedback) !== before) this.#pipeline.encoder.setBitrate(rate.bitrate);
    stats.bitrate = rate.bitrate;
    if (resizing?.ladder.update(rate.bitrate, clock.now())) this.#resize().catch((error) => this.#fail(error));
  }

  /** Opens a pipeline for the ladder's size beside the current one. */
  async #resize(): Promise<void> {
    const { rate, resizing } = this.#options;
    if (!resizing || this.#isResizing) return;
    const { ladder, open } = resizing;
    this.#isResizing = true;
    const { size } = ladder;
    const next = await open(size, rate.bitrate).finally(() => {
      this.#isResizing = false;
    });
    if (this.#closed || this.#failed) return closePipeline(next);
    next.encoder.setBitrate(rate.bitrate);
    await (this.#next && closePipeline(this.#next));
    this.#next = next;
    // The ladder may have moved on meanwhile.
    if (ladder.size.width !== size.width) await this.#resize();
  }

  /** Replaces the pipeline if another is ready. Its first picture is a keyframe, because its video encoder is new. */
  #exchange(): void {
    const next = this.#next;
    if (!next) return;
    this.#next = undefined;
    const last = this.#pipeline;
    this.#pipeline = next;
    this.#surface = surfaceOf(next.readback);
    closePipeline(last).catch((error) => this.#fail(error));
  }

  #fail(error: unknown): void {
    if (this.#closed || this.#failed) return;
    this.#failed = true;
    this.#options.onError(error);
  }

  present(sequence: number, readAt: Milli): void {
    const { clock } = this.#options;
    const { readback } = this.#pipeline;
    const begun = clock.now();
    const picture = readback.read();
    if (picture === undefined) {
      this.#drop();
      return;
    }
    this.#inFlight++;
    picture
      .then(async (ready) => {
        if (ready === undefined || this.#closed || this.#failed) return ready?.release();
        this.stats.readbackMs.add(clock.now() - begun);
        await this.#encodeAndSend(ready, sequence, readAt);
      })
      .catch((error: unknown) => this.#fail(error))
      .finally(() => this.#inFlight--);
  }

  async #encodeAndSend(picture: Picture, sequence: number, readAt: Milli): Promise<void> {
    const { clock, meters } = this.#options;
    const { encoder } = this.#pipeline;
    const keyframe = this.#keyframe;
    this.#keyframe = false;
    const begun = clock.now();
    const encoding = encoder.encode(picture, { keyframe, timestampUs: toMicro(readAt) });
    picture.release();
    const unit = await encoding;
    if (this.#closed) return;
    if (unit === undefined) {
      this.#keyframe ||= keyframe;
      this.#drop();
      return;
    }
    const encodedAt = clock.now();
    this.stats.encodeMs.add(encodedAt - begun);
    if (meters) meters.encodedBytes += unit.data.byteLength;
    this.#send(unit, { sequence, readAt, encodedAt });
  }

  #send(
    unit: AccessUnit,
    { sequence, readAt, encodedAt }: { sequence: number; readAt: Milli; encodedAt: Milli },
  ): void {
    const info: FrameInfo = {
      rtpTimestamp: Math.round(readAt * RTP_CLOCK_KHZ) >>> 0,
      keyframe: unit.keyframe,
      inputSequence: sequence,
      inputToSendUs: micro(Math.round((encodedAt - readAt) * 1000)),
    };
    if (!this.#options.connection.sendFrame(unit.data, info)) {
      this.#drop();
      return;
    }
    const sent = this.#options.clock.now();
    this.stats.sendMs.add(sent - encodedAt);
    this.stats.inputToSendMs.add(sent - readAt);
    this.stats.frames++;
    this.stats.bytes += unit.data.byteLength;
  }

  #drop(): void {
    this.stats.dropped++;
    const { meters } = this.#options;
    if (meters) meters.framesDropped++;
  }

  /** Closes the video encoder and the readback from the GPU. Frames that are not sent yet are dropped. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const next = this.#next;
    this.#next = undefined;
    await Promise.all([closePipeline(this.#pipeline), next && closePipeline(next)]);
  }
}

function surfaceOf({ texture }: Readback): Surface {
  return { texture, view: texture.createView() };
}

async function closePipeline({ readback, encoder }: VideoPipeline): Promise<void> {
  readback.destroy();
  await encoder.close();
}

function createStats(meters: Meters | undefined) {
  return {
    /** Frames that were sent. */
    frames: 0,
    dropped: 0,
    /** Encoded bytes that were sent. */
    bytes: 0,
    /** Bits per second that the video encoder may use now. */
    bitrate: 0,
    /** Fraction of packets that the path to the page lost lately, and the time that packets wait in its queues. */
    lossFraction: 0,
    queueMs: 0,
    readbackMs: new Samples({ histogram: meters?.readback }),
    encodeMs: new Samples({ histogram: meters?.encode }),
    sendMs: new Samples({ histogram: meters?.send }),
    inputToSendMs: new Samples({ histogram: meters?.inputToSend }),
  };
}
