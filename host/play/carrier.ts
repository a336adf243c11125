import type { Clock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import type { Log } from '../base/log.ts';
import type { Account } from '../base/pass.ts';
import { milli } from '../base/time.ts';
import type { Room } from '../room/room.ts';
import { CARRY_MS, CarrySeal, readCarryKeys } from '../stream/carry-ticket.ts';
import type { Onward } from '../stream/leaving.ts';
import { createToken, digestOf, type KeptSeat } from '../stream/returns.ts';

/** A game that does not hand over the states of its players within this time keeps them. */
const EXPORT_MS_MAX = 1000;

export interface CarrierOptions {
  config: Pick<Config, 'carryKey' | 'carryUrl'>;
  clock: Clock;
  log: Log;
}

/** A seat whose player leaves. */
type Leaving = Pick<KeptSeat, 'game' | 'seat'>;

/** Sends the players of a host that ends to another server of the same game, with their states if the game hands them over. */
export class Carrier {
  readonly seal: CarrySeal;
  readonly #options: CarrierOptions;
  /** States of players by game and seat. */
  readonly #states = new Map<string, Uint8Array>();

  /** @throws NearlightError NL_SETTING */
  constructor(options: CarrierOptions) {
    this.#options = options;
    this.seal = new CarrySeal(readCarryKeys(options.config.carryKey));
  }

  /** Takes the states of players out of a room, which may end then. The players stay in the game. */
  async collect({ name, seats, moves }: Pick<Room, 'name' | 'seats' | 'moves'>): Promise<void> {
    if (this.#options.config.carryKey === '') return;
    const { clock, log } = this.#options;
    const numbers = Array.from({ length: seats }, (_, number) => number);
    const exported = Promise.all(
      numbers.map(async (number) => {
        const state = await moves.export(number);
        if (state) this.#states.set(keyOf({ game: name, seat: number }), state);
      }),
    );
    const late = clock.until(milli(clock.now() + EXPORT_MS_MAX)).then(() => true);
    if ((await Promise.race([exported, late])) === true)
      log('warn', `${name} has not handed over the states of all players in time`);
  }

  /** Forgets all states, because the players go on here. */
  clear(): void {
    this.#states.clear();
  }

  /** Returns what the page of a player needs to go on elsewhere. */
  onwardOf({ game, seat, origin, pass }: KeptSeat): Onward {
    const { carryUrl } = this.#options.config;
    const token = createToken();
    const ticket = this.seal.seal({
      game,
      digest: digestOf(token).toString('base64url'),
      origin: origin.toString('base64url'),
      account: accountOf(pass.account),
      state: this.#states.get(keyOf({ game, seat })),
    });
    const url = carryUrl === '' ? {} : { url: new URL('whep', `${carryUrl.replace(/\/$/, '')}/`).href };
    return { notice: { kind: 'moved', ...url, game, token, holdMs: CARRY_MS, why: 'update' }, ticket };
  }
}

/** Copies an account without anything else that its object may have. */
function accountOf(account: Account | undefined): Account | undefined {
  return account && { id: account.id, role: account.role };
}

function keyOf({ game, seat }: Leaving): string {
  return `${seat} ${game}`;
}
