import { NearlightError } from '../../base/errors.ts';
import { HOST_STAGES } from '../../base/stages.ts';
import { milli } from '../../base/time.ts';
import { type FrameTap, NO_TAP, type TracedFrame, type Tracer } from '../../base/trace.ts';

/** Largest number of pictures of a room that an operator can have traced at once. */
export const FRAMES_MAX = 1000;
/** Largest number of rooms whose pictures can be traced; a host has few. */
const ROOMS_MAX = 256;

/** The operator's question for traces of the next pictures of a room. */
export interface FrameRequest {
  /** Name of the game; undefined for the first room. */
  readonly room: string | undefined;
  readonly frames: number;
}

/** Traces pictures of rooms on demand. Otherwise a picture costs the look at one field. */
export class FrameTaps {
  readonly #tracer: Tracer | undefined;
  readonly #taps = new Map<string, Tap>();

  /** @param tracer undefined if nothing is traced */
  constructor(tracer: Tracer | undefined) {
    this.#tracer = tracer;
  }

  /** Returns the tap of a room, which it keeps if the room is opened again. */
  of(room: string): FrameTap {
    if (!this.#tracer || this.#taps.size >= ROOMS_MAX) return this.#taps.get(room) ?? NO_TAP;
    const tap = this.#taps.get(room) ?? new Tap(room, this.#tracer);
    this.#taps.set(room, tap);
    return tap;
  }

  /**
   * Has the next pictures of a room traced, of all its players together.
   * @throws NearlightError NL_REQUEST if nothing is traced, for an unknown room, or for a number out of its bounds
   */
  ask({ room, frames }: FrameRequest): { room: string; frames: number } {
    if (!this.#tracer)
      throw new NearlightError('NL_REQUEST', 'this host traces nothing; start it with OTEL_EXPORTER_OTLP_ENDPOINT');
    const tap = room === undefined ? [...this.#taps.values()][0] : this.#taps.get(room);
    if (!tap)
      throw new NearlightError('NL_REQUEST', `there is no such room; there is ${[...this.#taps.keys()].join(', ')}`);
    if (!Number.isInteger(frames) || frames < 1 || frames > FRAMES_MAX)
      throw new NearlightError('NL_REQUEST', `frames must be a whole number from 1 to ${FRAMES_MAX}`);
    tap.left = frames;
    return { room: tap.room, frames };
  }
}

class Tap implements FrameTap {
  readonly room: string;
  /** Number of pictures that are still wanted. */
  left = 0;
  readonly #tracer: Tracer;

  constructor(room: string, tracer: Tracer) {
    this.room = room;
    this.#tracer = tracer;
  }

  get isOpen(): boolean {
    return this.left > 0;
  }

  /** Writes a trace of the picture: one span for each stage, one after the other. */
  add({ endedAt, stages, attributes }: TracedFrame): void {
    if (this.left === 0) return;
    this.left--;
    let at: number = endedAt - HOST_STAGES.reduce((sum, stage) => sum + stages[stage], 0);
    const span = this.#tracer.begin('frame', {
      at: milli(at),
      isKept: true,
      attributes: { ...attributes, 'nearlight.game': this.room },
    });
    for (const stage of HOST_STAGES) {
      const part = span.child(stage, { at: milli(at) });
      at += stages[stage];
      part.end(milli(at));
    }
    span.end(endedAt);
  }
}
