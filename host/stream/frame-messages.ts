import { type Milli, milli } from '../base/time.ts';
import { FrameMessage } from './messages.ts';
import type { FrameInfo } from './player.ts';

/** Number of frames that may wait for their packets to leave and still be described. */
const FRAMES = 16;

interface Waiting {
  readonly message: FrameMessage;
  /** The frame's RTP timestamp; undefined if the slot is free. */
  rtpTimestamp: number | undefined;
  addedAt: Milli;
}

export interface FrameMessagesOptions {
  /** Sends a message. The buffer is valid during the call only. */
  send(message: Buffer): void;
  /** Counts how long a frame's packets were spread in time, in milliseconds. */
  pace: { add(ms: number): void };
}

/** Keeps the messages about frames (MESSAGE_FRAME) until the last packets of the frames have left. */
export class FrameMessages {
  readonly #options: FrameMessagesOptions;
  readonly #waiting: readonly Waiting[];
  #next = 0;

  constructor(options: FrameMessagesOptions) {
    this.#options = options;
    this.#waiting = Array.from({ length: FRAMES }, () => ({
      message: new FrameMessage(),
      rtpTimestamp: undefined,
      addedAt: milli(0),
    }));
  }

  /** Notes that a frame is handed over now. If too many frames wait, the page gets no message about the oldest one. */
  add(info: FrameInfo, bytes: number, now: Milli): void {
    const slot = this.#waiting[this.#next++ % FRAMES];
    if (!slot) return;
    slot.message.write(info, bytes);
    slot.rtpTimestamp = info.rtpTimestamp >>> 0;
    slot.addedAt = now;
  }

  /** Notes that the last packet of a frame has left. */
  finish(rtpTimestamp: number, now: Milli): void {
    const slot = this.#waiting.find((each) => each.rtpTimestamp === rtpTimestamp);
    if (!slot) return;
    slot.rtpTimestamp = undefined;
    const sendMs = now - slot.addedAt;
    this.#options.pace.add(sendMs);
    this.#options.send(slot.message.finish(sendMs));
  }
}
