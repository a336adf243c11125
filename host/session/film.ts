import {
  INPUT_CONNECTED,
  INPUT_FLAGS,
  INPUT_POINTER,
  INPUT_STRIDE,
  INPUT_VERSION,
} from '../../renderer/contract/abi.ts';
import type { Instance, Submission } from '../engine/engine.ts';
import type { Answers } from './answers.ts';
import type { Call } from './format.ts';
import { type Asked, call } from './replay.ts';

export interface FilmOptions {
  instance: Instance;
  /** What the module is given; its own pictures are left out. */
  calls: Iterable<Call>;
  /** Ticks a second. */
  tickRate: number;
  /** Pictures a second of the game's time. */
  fps: number;
  /** Pictures at most. */
  frames: number;
  /** Seconds of the game's time before the first one. */
  at: number;
  /** In pixels. */
  width: number;
  height: number;
  /** Whose view; without it that of whoever sits down first, and of another one when that one leaves. */
  seat?: number;
  /** What the GPU still owes the module. */
  answers: Answers;
  /** Executes what a call submitted; a picture is drawn for `render`. */
  run(submission: Submission, asked: Asked): void;
  /** A picture is drawn; the film goes on once this resolves. */
  onFrame(frame: number): Promise<void>;
  /** Ends the film early. */
  signal?: AbortSignal;
}

/**
 * Plays a module in simulated time and takes pictures of one player's view. Time stands still while that seat is free.
 * @returns pictures taken, fewer than asked for where the calls end or `signal` is aborted
 * @throws NearlightError what ends the module
 */
export async function film(options: FilmOptions): Promise<number> {
  const { instance, answers, frames, signal } = options;
  const view = new Watched(options.seat);
  let ticks = 0;
  let frame = 0;
  const run = async (asked: Asked, called: Promise<Submission> | Submission) => {
    const submission = await called;
    if (submission.commands.length === 0) return;
    answers.ask(submission);
    options.run(submission, asked);
  };
  const draw = async (seat: number) => {
    const { width, height } = options;
    const asked = { kind: 'render', seat, width, height } as const;
    await answers.settled();
    await run(asked, instance.render(seat, width, height));
    await options.onFrame(frame++);
  };

  await run({ kind: 'init' }, instance.initial);
  for (const asked of options.calls) {
    if (frame === frames || signal?.aborted) break;
    if (asked.kind === 'render') continue;
    // A module that was told that something is ready uses it at once.
    await answers.settled();
    const called = call(instance, asked);
    if (called) await run(asked, called);
    const seat = view.after(asked);
    if (seat === undefined) continue;
    ticks++;
    while (frame < frames && !signal?.aborted && ticks > due(frame, options)) await draw(seat);
  }
  return frame;
}

/** Pictures that a film of all these calls has. */
export function countFrames(
  calls: readonly Call[],
  options: Pick<FilmOptions, 'tickRate' | 'fps' | 'at' | 'seat'>,
): number {
  const view = new Watched(options.seat);
  const ticks = calls.filter((asked) => view.after(asked) !== undefined).length;
  let frames = 0;
  while (ticks > due(frames, options)) frames++;
  return frames;
}

/** The ticks after which a picture is taken are more than these. */
function due(frame: number, { tickRate, fps, at }: Pick<FilmOptions, 'tickRate' | 'fps' | 'at'>): number {
  return Math.floor((at + frame / fps) * tickRate + EPSILON);
}

/** Knows who sits, of the calls so far. */
class Watched {
  readonly #seat: number | undefined;
  readonly #taken = new Set<number>();

  constructor(seat: number | undefined) {
    this.#seat = seat;
  }

  /** The seat whose view time has moved with this call; undefined where none has. */
  after(asked: Call): number | undefined {
    if (asked.kind === 'join') this.#taken.add(asked.seat);
    if (asked.kind === 'leave') this.#taken.delete(asked.seat);
    if (asked.kind !== 'tick') return undefined;
    const seat = this.#seat ?? this.#taken.values().next().value;
    return seat !== undefined && this.#taken.has(seat) ? seat : undefined;
  }
}

/** Of a tick, so that 0.1 s at 120 ticks a second are 12 and not 11. */
const EPSILON = 1e-6;

/** What a module is given while one player looks on and touches nothing; without end. */
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
