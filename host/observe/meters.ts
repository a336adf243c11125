import type { ErrorCode } from '../base/errors.ts';
import { CLOSE_REASONS, type CloseReason } from '../base/protocol.ts';
import { Histogram } from './histogram.ts';

/** A host's counters over its whole life, across all rooms and players. The stages add to them, and metrics.ts reads them. */
export class Meters {
  // Durations are added in milliseconds.
  readonly tick = new Histogram();
  /** Delay from the time when a tick was due to its start. */
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
  /** GPU time of the players' pictures. Undefined if the GPU has no timestamps. */
  gpuMs: number | undefined;
  /** Pages that are connected now. */
  sessions = 0;
  /** Pages that have connected so far. */
  sessionsJoined = 0;
  /** Connections that ended, by reason. Includes those that were never established. */
  readonly sessionsEnded = Object.fromEntries(CLOSE_REASONS.map((reason) => [reason, 0])) as Record<
    CloseReason,
    number
  >;
  /** Games that ended without being closed, by error code. */
  readonly gamesEnded = new Map<ErrorCode, number>();

  countEndedGame(code: ErrorCode): void {
    this.gamesEnded.set(code, (this.gamesEnded.get(code) ?? 0) + 1);
  }
}
