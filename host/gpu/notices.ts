import type { BusRequest } from '../base/bus.ts';
import type { NearlightError } from '../base/errors.ts';
import type { RumbleEffect, TextRequest } from '../base/requests.ts';

/** Notified of what a room's commands ask of players, what they cost, and which errors they cause, even after their call has returned. */
export interface ReplayObserver {
  /** Reports that checking the commands of one render took `ms`. Only some renders are measured. */
  onCheck(ms: number): void;
  /**
   * Reports the GPU time of one render, and the number of renders since the last report. Never called on a device without
   * timestamp queries.
   */
  onGpu(ms: number, renders: number): void;
  /** Reports an error that was found only after the call that caused it. */
  onError(error: NearlightError): void;
  /** The module's GPU work or a compilation did not end, so the device is given up. The room may have ended before. */
  onHung(): void;
  /** The module asks a player's gamepad to rumble. */
  onRumble(seat: number, effect: RumbleEffect): void;
  /** The module asks a player for a text. The observer answers the module, even if the seat is free. */
  onText(seat: number, request: TextRequest): void;
  /** The module no longer wants the text that it asked a player for. */
  onTextEnd(seat: number): void;
  /** The module sends a message to other rooms, wants theirs, or says in which phase its match is. */
  onBus(request: BusRequest): void;
}

/** Most requests to the bus that wait for the first observer. */
const HELD_MAX = 1024;

/** Passes measurements and late errors of a room's commands on to the room's observer. */
export class Notices {
  #observer: Partial<ReplayObserver> = {};
  #closed = false;
  /** Requests to the bus that were made before there was an observer, as by `init`; undefined once there was one. */
  #held: BusRequest[] | undefined = [];

  /** Sets the observer that is notified from now on, in place of the previous one. */
  observe(observer: Partial<ReplayObserver>): void {
    this.#observer = observer;
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const request of held) this.bus(request);
  }

  /** Whether the observer takes errors. */
  get wantsErrors(): boolean {
    return this.#observer.onError !== undefined;
  }

  check(ms: number): void {
    this.#observer.onCheck?.(ms);
  }

  gpu(ms: number, renders: number): void {
    this.#observer.onGpu?.(ms, renders);
  }

  error(error: NearlightError): void {
    if (!this.#closed) this.#observer.onError?.(error);
  }

  hung(): void {
    this.#observer.onHung?.();
  }

  rumble(seat: number, effect: RumbleEffect): void {
    this.#observer.onRumble?.(seat, effect);
  }

  /** Passes the request for a text on. @returns false if the observer takes none */
  text(seat: number, request: TextRequest): boolean {
    this.#observer.onText?.(seat, request);
    return this.#observer.onText !== undefined;
  }

  endText(seat: number): void {
    this.#observer.onTextEnd?.(seat);
  }

  bus(request: BusRequest): void {
    if (this.#held === undefined) this.#observer.onBus?.(request);
    else if (this.#held.length < HELD_MAX) this.#held.push(request);
  }

  /** Stops passing errors on, because the room has ended. That the room hung the GPU is still reported. */
  close(): void {
    this.#closed = true;
  }
}
