import { NearlightError } from '../base/errors.ts';
import type { Broadcast } from './broadcast.ts';
import type { RoomBus } from './bus.ts';
import { isGpuLoss } from './failure.ts';
import type { GameLoop } from './loop.ts';
import type { Loaded, RoomOptions } from './options.ts';
import { Recoveries } from './recoveries.ts';
import type { Seating } from './seating.ts';

export interface RecoveryOptions extends Pick<RoomOptions, 'name' | 'clock' | 'reload' | 'log'> {
  seating: Seating;
  broadcast: Pick<Broadcast, 'open' | 'close'>;
  bus: Pick<RoomBus, 'drop'>;
  loop(): Pick<GameLoop, 'tasks' | 'replay'>;
  /** Returns the running module. */
  game(): Loaded;
  /** Makes a module the running one. */
  replace(game: Loaded): void;
  /** Whether the room has ended or is ending. */
  isClosed(): boolean;
}

/** Lets a game survive the loss of the GPU: loads its module again with the saved state, while the players stay. */
export class Recovery {
  readonly #options: RecoveryOptions;
  readonly #recoveries = new Recoveries();
  #isPending = false;
  /** Whether a recovery waits among the loop's tasks. */
  #isQueued = false;
  /** The game's state, from its being saved for a recovery until it is restored. The GPU may be lost again in between. */
  #saved: Uint8Array | undefined;
  /** Whether the game cannot recover from the loss of the GPU. */
  #isLost = false;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  /** True from the loss of the GPU until the game has recovered. Meanwhile a player whose video fails is not disconnected. */
  get isPending(): boolean {
    return this.#isPending;
  }

  /**
   * Queues a recovery from the loss of the GPU. Resolves when it has ended, well or not. If it fails, the game's loop throws the error.
   * @param causedElsewhere another room is known to have lost the GPU, so the recovery does not count against the limit
   */
  begin(reason: string, causedElsewhere: boolean): Promise<void> {
    this.#isPending = true;
    this.#isQueued = true;
    const done = Promise.withResolvers<void>();
    // All other tasks need the GPU, so the recovery comes first.
    this.#options.loop().tasks.addFirst(() => this.#recover(reason, causedElsewhere).finally(done.resolve));
    return done.promise;
  }

  /** If the game's loop failed because the GPU was lost, waits until `begin` is called. @throws every other error again */
  async wait(error: unknown): Promise<void> {
    const { reload, loop, isClosed } = this.#options;
    if (!isGpuLoss(error) || !reload || this.#isLost) throw error;
    while (!this.#isQueued && !isClosed()) await loop().tasks.nextWake();
  }

  async #recover(reason: string, causedElsewhere: boolean): Promise<void> {
    this.#isQueued = false;
    const { name, clock, reload, log, seating, broadcast, bus, loop, game, replace } = this.#options;
    const { instance, replay } = game();
    const isAllowed = causedElsewhere || this.#recoveries.allow(clock.now());
    if (reload && isAllowed) this.#saved ??= await instance.save();
    const state = isAllowed ? this.#saved : undefined;
    this.#isLost = !reload || !state;
    if (!reload || !state) throw new NearlightError('NL_GPU_LOST', reason);
    const seats = seating.seats.filter((seat) => seat !== undefined);
    await Promise.allSettled([...seats.map((seat) => seat.view?.close()), broadcast.close()]);
    for (const seat of seats) seat.requests.drop();
    bus.drop();
    replace(await reload());
    replay.destroy();
    await instance.close();
    await loop().replay(await game().instance.restore(state));
    this.#saved = undefined;
    this.#isPending = false;
    for (const seat of seats) await seating.enterAgain(seat);
    void broadcast.open();
    log('warn', `${name} has recovered from the loss of the GPU: ${reason}`, { room: name });
  }
}
