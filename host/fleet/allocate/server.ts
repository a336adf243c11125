import type { Pod } from '../kube/object.ts';
import type { ServerReport } from '../nodes/report.ts';
import { ANNOTATION, RESERVATIONS_MAX, type Reservation, readReservations } from './reservations.ts';

/** Annotations and labels of pods that the fleet reads or writes. */
export const STATE_LABEL = 'nearlight/state';
export const ADDRESS_ANNOTATION = 'nearlight/address';
/** An operator closes a server with this: it gets no further players. */
export const CLOSED_ANNOTATION = 'nearlight/closed';
export const VERSION_LABEL = 'app.kubernetes.io/version';
export const COST_ANNOTATION = 'controller.kubernetes.io/pod-deletion-cost';

/** The state of a server as the fleet sees it, which knows reservations that the server does not know. */
export type FleetState = ServerReport['state'] | 'lost';

/**
 * A game server: a pod as the API has it, and the last report about it. Its free seats are those that neither the host nor a reservation has
 * given to someone.
 */
export class GameServer {
  readonly uid: string;
  #pod: Pod;
  #reservations: readonly Reservation[] = [];
  /** Reservations that are being written, by their id. They count already. */
  readonly #pending = new Map<string, Reservation>();
  #report: ServerReport | undefined;
  /** Until when the report counts, by the monotonic clock. */
  #reportUntil = 0;
  /** Free seats when the shelf was arranged last. */
  shelf: { game: string; region: string; free: number; isEmpty: boolean } | undefined;

  constructor(pod: Pod) {
    this.uid = pod.metadata.uid ?? '';
    this.#pod = pod;
    this.setPod(pod);
  }

  get pod(): Pod {
    return this.#pod;
  }

  get name(): string {
    return this.#pod.metadata.name;
  }

  get node(): string {
    return this.#pod.spec?.nodeName ?? '';
  }

  get version(): string {
    return this.#pod.metadata.resourceVersion ?? '';
  }

  get report(): ServerReport | undefined {
    return this.#report;
  }

  /** Reservations that are in the pod's annotation, as far as is known. */
  get reservations(): readonly Reservation[] {
    return this.#reservations;
  }

  /** Those, and those that are being written. */
  get allReservations(): Reservation[] {
    const written = this.#reservations.filter(({ id }) => !this.#pending.has(id));
    return [...written, ...this.#pending.values()];
  }

  /**
   * Takes the pod as the API has it now. A watch may bring an older version than the answer to a patch has brought; that one is left out. An
   * older version would not sell a seat twice, because a patch that relies on it fails, but it would cost that patch.
   */
  setPod(pod: Pod): void {
    if (isOlder(pod.metadata.resourceVersion, this.#pod.metadata.resourceVersion)) return;
    this.#pod = pod;
    this.#reservations = readReservations(pod.metadata.annotations?.[ANNOTATION]).reservations;
  }

  setReport(report: ServerReport, until: number): void {
    this.#report = report;
    this.#reportUntil = until;
  }

  /** Whether the node has reported this server lately. */
  isHeard(now: number): boolean {
    return this.#report !== undefined && now < this.#reportUntil;
  }

  hold(reservation: Reservation): void {
    this.#pending.set(reservation.id, reservation);
  }

  drop(id: string): void {
    this.#pending.delete(id);
  }

  find(id: string): Reservation | undefined {
    return this.#pending.get(id) ?? this.#reservations.find((each) => each.id === id);
  }

  /** Whether the server takes players at all. @param now by the monotonic clock */
  isOpen(now: number): boolean {
    const { metadata } = this.#pod;
    const takes = this.#report?.state === 'ready' || this.#report?.state === 'allocated';
    return (
      takes &&
      this.isHeard(now) &&
      metadata.deletionTimestamp === undefined &&
      metadata.annotations?.[CLOSED_ANNOTATION] !== 'true'
    );
  }

  /** Seats that reservations keep and whose players have not come. @param at milliseconds since 1970 */
  expected(at: number): number {
    const arrived = this.#report?.arrived ?? {};
    let seats = 0;
    for (const { id, seats: all, until } of this.allReservations)
      if (until > at) seats += Math.max(0, all - (arrived[id] ?? 0));
    return seats;
  }

  /** Seats that can be given to new players. @param at milliseconds since 1970 */
  free(at: number): number {
    if (!this.#report || this.allReservations.length >= RESERVATIONS_MAX) return 0;
    const { all, taken } = this.#report.seats;
    return Math.max(0, all - taken - this.expected(at));
  }

  /** Seats with someone in them, or for someone. @param at milliseconds since 1970 */
  busy(at: number): number {
    return (this.#report?.seats.taken ?? 0) + this.expected(at);
  }

  state({ now, at }: { now: number; at: number }): FleetState {
    if (!this.#report || !this.isHeard(now)) return 'lost';
    const { state } = this.#report;
    if (state !== 'ready' && state !== 'allocated') return state;
    if (this.free(at) === 0) return 'full';
    return this.busy(at) > 0 ? 'allocated' : 'ready';
  }
}

/** Whether a version is older than another, as far as that can be seen: versions of the API are growing numbers. */
function isOlder(version = '', than = ''): boolean {
  if (!/^\d+$/.test(version) || !/^\d+$/.test(than)) return false;
  return version.length === than.length ? version < than : version.length < than.length;
}
