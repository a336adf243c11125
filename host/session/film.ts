import {
  INPUT_CONNECTED,
  INPUT_FLAGS,
  INPUT_POINTER,
  INPUT_STRIDE,
  INPUT_VERSION,
} from '../../renderer/contract/abi.ts';
import { canSound, framesOfTicks } from '../base/sound.ts';
import type { Instance, Listening, Submission } from '../engine/engine.ts';
import type { Call } from './format.ts';
import type { PendingReplies } from './pending.ts';
import { type Cause, makeCall } from './replay.ts';

/** When the pictures of a film of a game are taken. All times are in seconds of the game's own time. */
export interface FilmTimes {
  /** Simulation ticks per second. */
  tickRate: number;
  /** Pictures of the film per second of the game's time. */
  fps: number;
  /** When the first picture of the film is taken. */
  at: number;
  /** The player's seat whose view is filmed. By default it is the seat that has been taken for the longest time. */
  seat?: number;
}

export interface FilmOptions extends FilmTimes {
  instance: Instance;
  /** The calls to make to the module. Calls of `render` among them are left out. */
  calls: Iterable<Call>;
  /** Largest number of pictures to take. */
  frames: number;
  /** Size of a picture in pixels. */
  width: number;
  height: number;
  pending: PendingReplies;
  /** Executes the commands that the module submitted in one call. Those of a `render` call draw a picture. */
  run(submission: Submission, cause: Cause): void;
  /** Called when a picture is drawn. The film waits until the promise resolves. */
  onFrame(frame: number): Promise<void>;
  /** Takes the sound of each tick of the film. The samples are valid until the promise resolves. Without it, none is mixed. */
  onSound?(samples: Float32Array): Promise<void>;
  /** Ends the film early when it is aborted. */
  signal?: AbortSignal;
}

/**
 * Plays a module in simulated time and takes pictures of one seat's view. The film's time stands still while that seat is
 * free.
 * @returns the number of pictures, less than `frames` if the calls end or `signal` is aborted
 * @throws NearlightError the error that ends the module
 */
export async function film(options: FilmOptions): Promise<number> {
  const { instance, pending, frames, signal } = options;
  const watched = new WatchedSeat(options.seat);
  let ticks = 0;
  let frame = 0;
  /** Lets the watched seat listen in every tick from the first picture on. */
  const listening = (call: Call): Listening | undefined => {
    const { tickRate, onSound } = options;
    if (call.kind !== 'tick' || !onSound || !canSound(tickRate) || ticks + 1 <= ticksBefore(0, options))
      return undefined;
    const { seat } = watched;
    return seat === undefined ? undefined : { seats: [seat], frames: framesOfTicks(call.tick, 1, tickRate) };
  };
  const run = async (cause: Cause, called: Promise<Submission> | Submission) => {
    const submission = await called;
    if (submission.sound) await options.onSound?.(submission.sound);
    if (submission.commands.length === 0) return;
    pending.expect(submission);
    options.run(submission, cause);
  };
  const draw = async (seat: number) => {
    const { width, height } = options;
    await pending.settled();
    await run({ kind: 'render', seat, width, height }, instance.render(seat, width, height));
    await options.onFrame(frame++);
  };

  await run({ kind: 'init' }, instance.initial);
  for (const call of options.calls) {
    if (frame === frames || signal?.aborted) break;
    if (call.kind === 'render') continue;
    // A module handles a reply of the GPU in its next call. Waiting here makes that the same call in every run.
    await pending.settled();
    const called = makeCall(instance, call, listening(call));
    if (called) await run(call, called);
    const seat = watched.after(call);
    if (seat === undefined) continue;
    ticks++;
    while (frame < frames && !signal?.aborted && ticks > ticksBefore(frame, options)) await draw(seat);
  }
  return frame;
}

/** Counts the pictures that a film of recorded calls has, if their number is not limited otherwise. */
export function countFrames(calls: readonly Call[], times: FilmTimes): number {
  const watched = new WatchedSeat(times.seat);
  const ticks = calls.filter((call) => watched.after(call) !== undefined).length;
  let frames = 0;
  while (ticks > ticksBefore(frames, times)) frames++;
  return frames;
}

/** Returns the number of simulation ticks that must be exceeded before the picture with the number `frame` is taken. */
function ticksBefore(frame: number, { tickRate, fps, at }: FilmTimes): number {
  return Math.floor((at + frame / fps) * tickRate + EPSILON);
}

/** Follows which players' seats are taken, and chooses the seat to film. */
class WatchedSeat {
  readonly #seat: number | undefined;
  readonly #taken = new Set<number>();

  constructor(seat: number | undefined) {
    this.#seat = seat;
  }

  /** Takes note of a call. Returns the seat to film if the call was a tick and that seat is taken; otherwise undefined. */
  after(call: Call): number | undefined {
    if (call.kind === 'join') this.#taken.add(call.seat);
    if (call.kind === 'leave') this.#taken.delete(call.seat);
    return call.kind === 'tick' ? this.seat : undefined;
  }

  /** The seat to film; undefined while it is free. */
  get seat(): number | undefined {
    const seat = this.#seat ?? this.#taken.values().next().value;
    return seat !== undefined && this.#taken.has(seat) ? seat : undefined;
  }
}

/** A fraction of a tick that absorbs rounding errors, so that 0.1 s at 120 ticks per second are 12 ticks and not 11. */
const EPSILON = 1e-6;

/** Yields the endless calls of a session in which one player watches and touches nothing. */
export function* idle(): Generator<Call> {
  const record = new Uint8Array(INPUT_STRIDE);
  const view = new DataView(record.buffer);
  view.setUint32(INPUT_VERSION, 1, true);
  view.setUint32(INPUT_FLAGS, INPUT_CONNECTED, true);
  view.setFloat32(INPUT_POINTER, 0.5, true);
  view.setFloat32(INPUT_POINTER + 4, 0.5, true);
  yield { kind: 'join', seat: 0 };
  yield { kind: 'input', seat: 0, record };
  for (let tick = 0; ; tick++) yield { kind: 'tick', tick: tick >>> 0 };
}
