import { canSound, framesOfTicks } from '../base/sound.ts';
import type { Listening } from '../engine/engine.ts';
import type { PlayerConnection } from '../stream/player.ts';
import type { Broadcast } from './broadcast.ts';
import type { RoomOptions } from './options.ts';
import type { Seat } from './seat.ts';

/** The players of a game who hear it. Hands each of them the sound of every tick. */
export class Listeners {
  readonly #seats: readonly (Seat | undefined)[];
  readonly #tickRate: number;
  readonly #broadcast: Pick<Broadcast, 'sound' | 'isHeard'>;
  /** The seat whose sound the spectators hear. */
  #watched: number | undefined;
  readonly #listening = { seats: [] as number[], frames: 0 };
  /** For each seat that listens, whether its own player hears it. */
  readonly #heard: boolean[] = [];

  constructor(seats: readonly (Seat | undefined)[], tickRate: number, broadcast: Pick<Broadcast, 'sound' | 'isHeard'>) {
    this.#seats = seats;
    this.#broadcast = broadcast;
    this.#tickRate = tickRate;
  }

  /** Returns the seats that listen in a tick; undefined if none does. The object is valid until the next call. */
  of(tick: number): Listening | undefined {
    const { seats } = this.#listening;
    const frames = framesOfTicks(tick, 1, this.#tickRate);
    const { sound, isHeard } = this.#broadcast;
    seats.length = this.#heard.length = 0;
    this.#watched = sound && isHeard ? this.#seats.find((seat) => seat?.joined && !seat.closed)?.number : undefined;
    // The game's time goes on for those who hear nothing of the tick.
    if (this.#watched === undefined) sound?.skip(frames);
    for (const seat of this.#seats) {
      if (!seat?.joined || seat.closed) continue;
      const { isListening } = seat;
      if (!isListening) seat.sound?.skip(frames);
      if (!isListening && seat.number !== this.#watched) continue;
      seats.push(seat.number);
      this.#heard.push(isListening);
    }
    if (seats.length === 0) return undefined;
    this.#listening.frames = frames;
    return this.#listening;
  }

  /** Hands the sound of the tick that `of` was last called for to those who listen. */
  play(sound: Float32Array): void {
    const { seats } = this.#listening;
    const length = sound.length / seats.length;
    for (const [place, number] of seats.entries()) {
      const samples = sound.subarray(place * length, (place + 1) * length);
      if (this.#heard[place]) this.#seats[number]?.sound?.play(samples);
      if (number === this.#watched) this.#broadcast.sound?.play(samples);
    }
  }

  /** Leaves out the sound of `count` ticks that were not made, the first of which would have been `tick`. */
  skip(tick: number, count: number): void {
    if (count === 0) return;
    const frames = framesOfTicks(tick, count, this.#tickRate);
    for (const seat of this.#seats) seat?.sound?.skip(frames);
    this.#broadcast.sound?.skip(frames);
  }
}

/**
 * Opens a player's sound, if the page takes it. A player whose sound fails plays on without it.
 * @param isOver whether the room or the connection ends, so that the sound is not needed any more
 */
export function openSound(
  seat: Seat,
  connection: PlayerConnection,
  { name, config, createSound, log }: Pick<RoomOptions, 'name' | 'config' | 'createSound' | 'log'>,
  isOver: () => boolean,
): void {
  if (seat.soundRequested || !canSound(config.tickRate)) return;
  seat.soundRequested = true;
  const drop = (error: unknown): void => {
    const { sound } = seat;
    seat.sound = undefined;
    void sound?.close();
    log('error', `${name}: seat ${seat.number} hears nothing any more: ${error}`, { room: name, player: seat.number });
  };
  createSound?.(connection, drop)
    ?.then(async (sound) => {
      if (seat.closed || isOver()) await sound.close();
      else seat.sound = sound;
    })
    .catch(drop);
}
