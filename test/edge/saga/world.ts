import { createHash, randomBytes } from 'node:crypto';
import { must } from '../../../host/base/assert.ts';
import { NearlightError } from '../../../host/base/errors.ts';
import type { Holder } from '../../../host/edge/saga/message.ts';
import type { Destination, Place, Reservation } from '../../../host/edge/saga/seats.ts';
import { Hosts, type RoomsFate, type TestSeats } from './hosts.ts';

export const GAME = 'relay';
export const SEATS = 4;

export function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

/** A seat in a room that takes the place of a real one. */
interface FakeSeat {
  digest: string;
  /** The player's state while the player is in the game. */
  player?: Uint8Array | undefined;
  departed?: { id: string; state: Uint8Array } | undefined;
  restored?: string;
  sentTo?: Destination;
  /** The move that has reserved the seat. */
  reservedBy?: string;
  isTaken?: boolean;
}

/** Takes the place of a host's rooms. */
export class FakeSeats implements TestSeats {
  seats: (FakeSeat | undefined)[] = new Array(SEATS).fill(undefined);
  /** Whether the host makes checkpoints. */
  keepsMatches = false;
  /** The seats as of the last checkpoint. */
  #kept: (FakeSeat | undefined)[] = [];
  /** Whether the game can use the states that come. */
  isWilling = true;

  holderOf({ seat }: Place): Holder | undefined {
    const found = this.seats[seat];
    return found && !found.sentTo ? { digest: found.digest } : undefined;
  }

  async depart(id: string, { seat }: Place): Promise<Uint8Array | undefined> {
    const found = this.seats[seat];
    if (found?.departed) return found.departed.id === id ? found.departed.state : undefined;
    if (!found?.player) return undefined;
    found.departed = { id, state: found.player };
    found.player = undefined;
    return found.departed.state;
  }

  async restore(id: string, _place: Place, lost?: { holder: Holder; player: Uint8Array }): Promise<void> {
    const found = this.seats.find((seat) => seat?.departed?.id === id);
    if (found?.departed) Object.assign(found, { player: found.departed.state, departed: undefined, restored: id });
    else if (lost && !this.seats.some((seat) => seat?.restored === id))
      Object.assign(this.#adopt(lost.holder), { player: lost.player, restored: id });
  }

  async release(id: string, _place: Place, to: Destination, lost?: Holder): Promise<void> {
    const found = this.seats.find((seat) => seat?.departed?.id === id);
    if (found) found.sentTo = to;
    else if (lost) {
      const departed = { id, state: new Uint8Array() };
      Object.assign(this.#adopt(lost), { player: undefined, departed, sentTo: to });
    }
  }

  hasLeft(id: string): boolean {
    return !this.seats.some((seat) => seat?.departed?.id === id);
  }

  async reserve(id: string, _game: string, holder: Holder): Promise<number> {
    const known = this.seats.findIndex((seat) => seat?.reservedBy === id);
    return known >= 0 ? known : this.#add({ digest: holder.digest, reservedBy: id });
  }

  async arrive(id: string, player: Uint8Array): Promise<boolean> {
    const found = this.seats.find((seat) => seat?.reservedBy === id);
    if (!found || !this.isWilling) return false;
    found.player ??= player;
    return true;
  }

  isKept(id: string): boolean {
    const has = (seats: readonly (FakeSeat | undefined)[]) =>
      seats.some((seat) => seat?.player && (seat.reservedBy === id || seat.restored === id));
    return !this.keepsMatches || !has(this.seats) || has(this.#kept);
  }

  async vacate(id: string, lost?: { holder: Holder }): Promise<void> {
    const isOwn = (seat: FakeSeat) => seat.reservedBy === id || seat.digest === lost?.holder.digest;
    const at = this.seats.findIndex((seat) => seat && isOwn(seat) && !seat.isTaken);
    if (at >= 0) this.seats[at] = undefined;
  }

  forget(): void {}

  reservation(id: string): Reservation {
    const found = this.seats.find((seat) => seat?.reservedBy === id);
    if (!found) return 'gone';
    return found.isTaken ? 'taken' : 'waiting';
  }

  checkpoint(): void {
    if (this.seats.some((seat) => seat?.departed && !seat.sentTo)) return;
    this.#kept = this.seats.map((seat) => (seat?.player ? { ...seat } : undefined));
  }

  /** Loses the rooms. If they go on, it is with those players of the last checkpoint whose pages have not left since. */
  lose(fate: RoomsFate): void {
    if (fate === 'live on') return;
    const present = new Set(this.seats.map((seat) => seat?.digest));
    const kept = fate === 'go on' ? this.#kept : [];
    this.seats = Array.from({ length: SEATS }, (_, at) => {
      const seat = kept[at];
      return seat && present.has(seat.digest) ? { ...seat, isTaken: false } : undefined;
    });
    this.checkpoint();
  }

  /** Lets a player join who has this state. Returns the seat. */
  join(player: Uint8Array): { seat: number; token: string } {
    const token = randomBytes(16).toString('base64url');
    return { seat: this.#add({ digest: digestOf(token), player }), token };
  }

  /** The states of the players who are in the game. */
  get players(): Uint8Array[] {
    return this.seats.flatMap((seat) => seat?.player ?? []);
  }

  /** Returns the seat that a player has or gets after a restart. */
  #adopt({ digest }: Holder): FakeSeat {
    const found = this.seats.find((seat) => seat?.digest === digest);
    return found ?? must(this.seats[this.#add({ digest })], 'seat');
  }

  #add(seat: FakeSeat): number {
    const at = this.seats.indexOf(undefined);
    if (at < 0) throw new NearlightError('NL_ROOM_FULL', 'all seats are taken');
    this.seats[at] = seat;
    return at;
  }
}

/** Two hosts with stand-ins for their rooms. */
export class World extends Hosts<FakeSeats> {
  /** Digests of the tokens of pages that have followed their players. */
  #followers = new Set<string>();

  static open(): Promise<World> {
    return new World().open(() => new FakeSeats());
  }

  /** Lets pages that were sent on take their seats in the other game. */
  follow(): void {
    for (const node of this.nodes.values())
      for (const [at, seat] of node.seats.seats.entries()) {
        const there = seat?.sentTo && this.nodes.get(seat.sentTo.host)?.seats.seats;
        const found = there?.find((other) => other?.digest === digestOf(seat?.sentTo?.token ?? ''));
        if (!found) continue;
        this.#followers.add(found.digest);
        node.seats.seats[at] = undefined;
      }
    // A page also comes back to a seat that its host has lost in a crash.
    for (const { seats } of this.nodes.values())
      for (const seat of seats.seats) if (seat?.reservedBy && this.#followers.has(seat.digest)) seat.isTaken = true;
  }

  /** Frees all seats, for the next walk. */
  clear(): void {
    for (const node of this.nodes.values()) {
      node.seats.seats.fill(undefined);
      node.seats.checkpoint();
      node.seats.isWilling = true;
      node.written = [];
    }
    this.fate = () => 'arrives';
    this.onPoint = () => {};
  }
}
