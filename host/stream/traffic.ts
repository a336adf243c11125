import { systemClock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import type { Notice } from '../base/protocol.ts';
import type { Meters } from '../observe/meters.ts';
import { DropReport, InputGovernor } from './governor.ts';
import { InputReader, type InputReaderOptions } from './input.ts';
import { Overload } from './overload.ts';
import type { ConnectionStats, Player } from './player.ts';

export interface PageTrafficOptions extends Pick<InputReaderOptions, 'pong' | 'onHidden'> {
  config: Config;
  meters: Meters;
  /** The statistics of the connection, to which the counts of the page's input go. */
  stats: ConnectionStats;
  /** Tells the player something. */
  notify(notice: Notice): void;
  /** Ends the connection because of what the page sends. Called once. */
  dismiss(code: 'NL_INPUT' | 'NL_INPUT_RATE', message: string): void;
}

/** Takes the messages of one page, and dismisses a page that sends too many, or too many that cannot be read. */
export class PageTraffic {
  readonly #options: PageTrafficOptions;
  readonly #governor: InputGovernor;
  readonly #drops: DropReport;
  readonly #overload: Overload;
  /** Undefined until the page has connected. */
  #input: InputReader | undefined;
  #player: Player | undefined;
  /** Number of faults of the page other than unreadable messages. */
  #faults = 0;
  #isDismissed = false;

  constructor(options: PageTrafficOptions) {
    const { config, meters } = options;
    this.#options = options;
    this.#drops = new DropReport(systemClock, (count) => this.#reportDrops(count));
    this.#overload = new Overload(systemClock, meters.inputOutage);
    this.#governor = new InputGovernor({
      limits: config,
      clock: systemClock,
      situation: () => this.#player?.situation,
      onDrop: () => {
        meters.countDroppedInput('NL_INPUT_RATE');
        this.#drops.note();
      },
      onCoalesced: () => {
        meters.inputsCoalesced++;
      },
    });
  }

  /** Reads the input of a player from now on. @param times see InputReaderOptions */
  begin(player: Player, times: (message: Buffer) => boolean): void {
    const { config, pong, onHidden } = this.#options;
    this.#player = player;
    this.#input = new InputReader({
      sink: player.input,
      config,
      governor: this.#governor,
      pong,
      times,
      onHidden: (isHidden) => {
        this.#governor.setWarm(isHidden);
        onHidden?.(isHidden);
      },
      clock: systemClock,
    });
  }

  /** Reads a message of input from the channel with this label. */
  read(label: string, message: string | Buffer | ArrayBuffer): void {
    if (!this.#input) return;
    const { dropped } = this.#governor;
    if (!this.#input.read(label, message)) this.#countFault();
    this.#noteDrops(dropped);
    this.#checkRate();
  }

  /** Reads a message that is not input, unless the page sends too many messages. */
  readOther(read?: () => void): void {
    const { dropped } = this.#governor;
    if (this.#governor.takeMessage()) read?.();
    this.#noteDrops(dropped);
    this.#checkRate();
  }

  /** Counts something that a page of this version does not do, like a message that cannot be read. */
  noteFault(): void {
    this.#faults++;
    this.#countFault();
  }

  /** See InputReader. */
  wake(): void {
    this.#input?.wake();
  }

  close(): void {
    this.#input?.close();
    this.#drops.close();
    this.#overload.close();
  }

  #countFault(): void {
    const { stats, config, meters } = this.#options;
    const errors = this.#faults + (this.#input?.errors ?? 0);
    stats.inputErrors = errors;
    meters.countDroppedInput('NL_INPUT');
    if (errors < config.inputErrorsMax) return;
    this.#dismiss(
      'NL_INPUT',
      `the host could not read ${errors} messages of this page; reload it to get the current version`,
    );
  }

  /** @param before how many inputs had been dropped before a message */
  #noteDrops(before: number): void {
    if (this.#governor.dropped > before) this.#overload.drop();
    else this.#overload.pass();
  }

  #checkRate(): void {
    const { stats } = this.#options;
    const { coalesced, dropped, isExcessive } = this.#governor;
    stats.inputsCoalesced = coalesced;
    stats.inputsDropped = dropped;
    if (!isExcessive) return;
    const why = `the host has dropped ${dropped} inputs of this page, because it sends more than a player can`;
    this.#dismiss('NL_INPUT_RATE', `${why}; end the program that presses keys by itself, and join again`);
  }

  #dismiss(code: 'NL_INPUT' | 'NL_INPUT_RATE', message: string): void {
    if (this.#isDismissed) return;
    this.#isDismissed = true;
    this.#drops.close();
    this.#options.meters.countDismissedPage(code);
    this.#options.dismiss(code, message);
  }

  #reportDrops(count: number): void {
    const message = 'you press more than this game takes, so the host has left out a part';
    this.#options.notify({ kind: 'dropped', code: 'NL_INPUT_RATE', message, count });
  }
}
