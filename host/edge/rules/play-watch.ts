import type { ErrorCode } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { PlayStatistics } from '../../room/input-statistics.ts';
import type { PersonFacts } from './facts.ts';
import type { RiskRules } from './rules.ts';

/** A player who is connected to a game. */
export interface WatchedPlayer {
  /** An object that is the same as long as the player plays. */
  readonly session: object;
  /** Name of the player for the operator's log, such as the game and the number of the seat. */
  readonly name: string;
  readonly person: PersonFacts;
  /** Returns the summary of the player's input since the last call. */
  take(): PlayStatistics;
  /** Ends the player's session; the page may not return to it. */
  end(code: ErrorCode, message: string): void;
}

export interface PlayWatchOptions {
  rules: Pick<RiskRules, 'duringPlay'>;
  /** Returns the players who are connected now. */
  players(): readonly WatchedPlayer[];
  /** Pause between two rounds. */
  intervalMs: number;
  log: Log;
}

/** Lets rules look at each player's input every few seconds, against cheating. */
export class PlayWatch {
  readonly #options: PlayWatchOptions;
  /** How often each session was flagged. An entry goes with its session. */
  readonly #flags = new WeakMap<object, number>();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #closed = false;

  constructor(options: PlayWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.check(), this.#options.intervalMs).unref();
  }

  /** Asks the rules about every player, one after another, so that joins need not wait for them. Skipped while a round is on its way. */
  check(): Promise<void> {
    this.#round ??= this.#checkAll().finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#round;
  }

  async #checkAll(): Promise<void> {
    for (const player of this.#options.players()) if (!this.#closed) await this.#checkOne(player);
  }

  async #checkOne(player: WatchedPlayer): Promise<void> {
    const { rules, log } = this.#options;
    const { session, name, person } = player;
    const flags = this.#flags.get(session) ?? 0;
    const result = await rules.duringPlay({ ...person, statistics: player.take(), flags });
    const why = `${result.code}, score ${result.score.toFixed(2)}`;
    if (!result.allow) {
      log('warn', `${name}: a risk rule ends the session: ${why}`);
      player.end('NL_RISK', `the host does not accept this way of playing (${result.code})`);
    } else if (result.flags.length > 0) {
      this.#flags.set(session, flags + 1);
      log('warn', `${name}: flagged by a risk rule: ${why}`);
    }
  }
}
