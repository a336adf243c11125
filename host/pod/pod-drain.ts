import { systemClock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import type { Log } from '../base/log.ts';
import { Carrier } from '../play/carrier.ts';
import { Drain } from '../play/drain.ts';
import type { Room } from '../room/room.ts';
import type { StreamServer } from '../stream/server.ts';

export interface PodDrainOptions {
  config: Pick<Config, 'carryKey' | 'carryUrl'>;
  log: Log;
  /** The room of the game that runs, as a list. */
  rooms(): readonly Room[];
  /** The server of the pod's players; undefined before the first game runs. */
  players(): StreamServer | undefined;
}

/**
 * Lets the players of a pod's containers play on when these are to end. Whether the whole pod ends, so that the players go to another one,
 * or only a container, which the next one follows, is known only after the container has ended.
 */
export class PodDrain {
  readonly carrier: Carrier;
  readonly #options: PodDrainOptions;
  /** The drain of the newest container. */
  #drain: Drain | undefined;

  /** @throws NearlightError NL_SETTING */
  constructor(options: PodDrainOptions) {
    this.#options = options;
    this.carrier = new Carrier({ ...options, clock: systemClock });
  }

  /** Takes no new players, and lets those who play go on. Resolves when the container should end. */
  begin(secondsMax: number): Promise<unknown> {
    const { log, rooms } = this.#options;
    const onBegin = () => this.#setDraining(true);
    this.#drain = new Drain({ clock: systemClock, log, secondsMax, rooms, onBegin });
    return this.#drain.begin();
  }

  /** Keeps the states of the players of a room, which ends now. */
  async keep(room: Room): Promise<void> {
    this.#drain?.end();
    await this.carrier.collect(room);
  }

  /** Lets players go on in the next container's game, and takes new ones. */
  resume(): void {
    this.carrier.clear();
    this.#setDraining(false);
  }

  /** Sends the pages of all players to another pod, because this one ends. Resolves when they have left. */
  async sendOn(): Promise<void> {
    const { rooms, players } = this.#options;
    this.#drain?.end();
    this.#setDraining(true);
    for (const room of rooms()) await this.carrier.collect(room);
    await players()?.sendOn((seat) => this.carrier.onwardOf(seat));
  }

  #setDraining(isDraining: boolean): void {
    const players = this.#options.players();
    if (players) players.isDraining = isDraining;
  }
}
