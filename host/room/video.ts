import type { Clock } from '../base/clock.ts';
import { Samples } from '../base/samples.ts';
import { type Milli, micro, toMicro } from '../base/time.ts';
import { type FrameTap, NO_TAP } from '../base/trace.ts';
import type { Surface } from '../gpu/replay.ts';
import type { Meters } from '../observe/meters.ts';
import type { Feedback, FrameInfo, FrameTimes, InputTimes, PlayerConnection } from '../stream/player.ts';
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
const NO_TIMES: InputTimes = { waitMs: 0, tickMs: 0, turnMs: 0 };

/** A picture on its way from the GPU to the connection. */
interface Frame {
  readonly sequence: number;
  readonly readAt: Milli;
  readonly times: FrameTimes;
}

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
  /** The rate for which the video encoders are opened. Without it, it is the rate of the pictures. */
  fps?: number;
  clock: Clock;
  /** The counters of the whole host process. Each player's frames also have statistics of their own. */
  meters?: Meters;
  /** Takes the times of pictures that an operator wants to have traced. */
  tap?: FrameTap;
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
  /** The rate of the pictures, if it is known. */
  #fps: number | undefined;
  #inFlight = 0;
  #keyframe = true;
  #closed = false;
  #failed = false;
  /** Sequence number of the newest input that a picture has shown. */
  #newestShown = 0;

  constructor(options: VideoViewOptions) {
    this.#options = options;
    this.#fps = options.fps;
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

  fit(picture: PictureSize & { fps: number }): void {
    const { rate, resizing, connection } = this.#options;
    this.#fps = picture.fps;
    rate.fit(picture);
    connection.limitBitrate(rate.max * PATH_SHARE);
    this.#pipeline.encoder.setBitrate(this.#encoderBitrate);
    if (resizing?.ladder.fit(picture)) this.#resize().catch((error) => this.#fail(error));
  }

  /** The bitrate for the video encoder, which expects more pictures than it gets while the rate is low. */
  get #encoderBitrate(): number {
    const { rate, fps } = this.#options;
    return fps === undefined || this.#fps === undefined ? rate.bitrate : Math.round((rate.bitrate * fps) / this.#fps);
  }

  /** Adapts the video's bitrate to what the path to the page carries. */
  feedback(feedback: Readonly<Feedback>): void {
    const { rate, resizing, clock } = this.#options;
    const { stats } = this;
    stats.lossFraction = feedback.lossFraction;
    stats.queueMs = feedback.queueMs;
    const before = rate.bitrate;
    if (rate.update(feedback) !== before) this.#pipeline.encoder.setBitrate(this.#encoderBitrate);
    stats.bitrate = rate.bitrate;
    if (resizing?.ladder.update(rate.bitrate, clock.now())) this.#resize().catch((error) => this.#fail(error));
  }

  /** Opens a pipeline for the ladder's size beside the current one. */
  async #resize(): Promise<void> {
    const { resizing } = this.#options;
    if (!resizing || this.#isResizing) return;
    const { ladder, open } = resizing;
    this.#isResizing = true;
    const { size } = ladder;
    const next = await open(size, this.#encoderBitrate).finally(() => {
      this.#isResizing = false;
    });
    if (this.#closed || this.#failed) return closePipeline(next);
    next.encoder.setBitrate(this.#encoderBitrate);
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

  present(sequence: number, readAt: Milli, input: Readonly<InputTimes> = NO_TIMES): void {
    const { clock } = this.#options;
    const { readback } = this.#pipeline;
    const begun = clock.now();
    const picture = readback.read();
    if (picture === undefined) {
      this.#drop();
      return;
    }
    this.#inFlight++;
    const frame = { sequence, readAt, times: { ...input, drawMs: begun - readAt, readbackMs: 0 } };
    picture
      .then(async (ready) => {
        if (ready === undefined || this.#closed || this.#failed) return ready?.release();
        const mappedAt = clock.now();
        frame.times.readbackMs = mappedAt - begun;
        this.stats.readbackMs.add(mappedAt - begun);
        await this.#encodeAndSend(ready, frame, mappedAt);
      })
      .catch((error: unknown) => this.#fail(error))
      .finally(() => this.#inFlight--);
  }

  async #encodeAndSend(picture: Picture, frame: Frame, mappedAt: Milli): Promise<void> {
    const { clock, meters } = this.#options;
    const { encoder } = this.#pipeline;
    const keyframe = this.#keyframe;
    this.#keyframe = false;
    const encoding = encoder.encode(picture, { keyframe, timestampUs: toMicro(frame.readAt) });
    picture.release();
    const unit = await encoding;
    if (this.#closed) return;
    if (unit === undefined) {
      this.#keyframe ||= keyframe;
      this.#drop();
      return;
    }
    const encodedAt = clock.now();
    this.stats.encodeMs.add(encodedAt - mappedAt);
    if (meters) meters.encodedBytes += unit.data.byteLength;
    this.#send(unit, frame, encodedAt);
  }

  #send(unit: AccessUnit, { sequence, readAt, times }: Frame, encodedAt: Milli): void {
    const info: FrameInfo = {
      rtpTimestamp: rtpTimestampOf(readAt),
      keyframe: unit.keyframe,
      inputSequence: sequence,
      inputToSendUs: micro(Math.round((encodedAt - readAt) * 1000)),
      times,
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
    this.#countInput(sequence, times);
    const { tap = NO_TAP } = this.#options;
    if (tap.isOpen) this.#trace(tap, unit, { readAt, times, encodedAt, sent });
  }

  #trace(
    tap: FrameTap,
    unit: AccessUnit,
    at: Pick<Frame, 'readAt' | 'times'> & { encodedAt: Milli; sent: Milli },
  ): void {
    const { waitMs, tickMs, turnMs, drawMs, readbackMs } = at.times;
    tap.add({
      endedAt: at.sent,
      stages: {
        wait: waitMs,
        tick: tickMs,
        turn: turnMs,
        draw: drawMs,
        readback: readbackMs,
        encode: at.encodedAt - at.readAt - drawMs - readbackMs,
        send: at.sent - at.encodedAt,
      },
      attributes: { 'nearlight.bytes': unit.data.byteLength, 'nearlight.keyframe': unit.keyframe },
    });
  }

  /** Adds the times of an input to the histograms of the host, but only for the first picture that shows it. */
  #countInput(sequence: number, { waitMs, tickMs, turnMs }: Readonly<InputTimes>): void {
    const { meters } = this.#options;
    if (!meters || sequence === this.#newestShown) return;
    this.#newestShown = sequence;
    meters.inputWait.add(waitMs);
    meters.inputTick.add(tickMs);
    meters.inputTurn.add(turnMs);
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

/**
 * Returns the RTP timestamp of a picture: when its newest input was read, which is the picture's place in the game's time. The RTCP
 * sender reports use the same clock (sender-report.ts), so a recorder of the stream puts the picture where it belongs, next to sound that
 * counts the game's time too. The time of sending would carry the jitter of drawing and encoding into that. A receiver may take this jitter
 * for the network's, but it delays no picture for it: the playout delay is 0, and the rate follows times of packets, not of pictures.
 */
function rtpTimestampOf(readAt: Milli): number {
  return Math.round(readAt * RTP_CLOCK_KHZ) >>> 0;
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
