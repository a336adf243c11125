import type { ErrorCode } from '../base/errors.ts';
import type { CloseReason } from '../stream/player.ts';
import { Histogram } from './histogram.ts';

const reasons = ['page', 'deleted', 'host', 'shutdown', 'timeout', 'idle', 'input', 'failed'] as const;

/**
 * What a host counts over its whole life, whichever rooms and players come and go; the stages add, metrics.ts tells it.
 * Durations are in milliseconds where they are added.
 */
export class Meters {
  readonly tick = new Histogram();
  readonly tickLate = new Histogram();
  readonly render = new Histogram();
  readonly replay = new Histogram();
  readonly readback = new Histogram();
  readonly encode = new Histogram();
  readonly send = new Histogram();
  readonly inputToSend = new Histogram();
  ticksSkipped = 0;
  framesDropped = 0;
  encodedBytes = 0;
  /** Undefined where the GPU has no timestamps. */
  gpuMs: number | undefined;
  /** Pages that are connected. */
  sessions = 0;
  sessionsJoined = 0;
  /** Connections that ended, by why, also those that were never made. */
  readonly sessionsEnded = Object.fromEntries(reasons.map((reason) => [reason, 0])) as Record<CloseReason, number>;
  /** Games that ended by themselves, by the code of their error. */
  readonly gamesEnded = new Map<ErrorCode, number>();

  gameEnded(code: ErrorCode): void {
    this.gamesEnded.set(code, (this.gamesEnded.get(code) ?? 0) + 1);
  }
}
