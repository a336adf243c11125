import { type Clock, systemClock } from '../../base/clock.ts';
import type { HostReport } from '../../base/host-report.ts';
import type { Log } from '../../base/log.ts';
import { milli } from '../../base/time.ts';
import { fetchJson } from '../fetch-json.ts';

/** The fleet takes a node for lost after four of these. */
const REPORT_MS = 1000;
const ANSWER_MS_MAX = 2000;
const ANSWER_BYTES_MAX = 65_536;

export interface FleetReporterOptions {
  /** URL of the fleet. */
  url: string;
  token: string;
  node: string;
  /** Returns what the hosts of the node have said about themselves lately. */
  servers(): readonly HostReport[];
  log: Log;
  clock?: Clock;
  fetch?: typeof globalThis.fetch;
}

/** Tells the fleet each second which game servers this node has. A report that fails is not sent again; the next one says more. */
export class FleetReporter {
  readonly #options: FleetReporterOptions;
  readonly #closing = Promise.withResolvers<void>();
  #isClosed = false;
  #isDown = false;
  #running: Promise<void> = Promise.resolve();
  sent = 0;
  failed = 0;

  constructor(options: FleetReporterOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#closing.resolve();
    await this.#running;
  }

  /** Sends one report. Never throws. */
  async report(): Promise<void> {
    const { url, token, node, servers, log, fetch = globalThis.fetch } = this.#options;
    const target = new URL(`v1/nodes/${encodeURIComponent(node)}`, url.endsWith('/') ? url : `${url}/`).href;
    const authorized: typeof globalThis.fetch = (input, init) =>
      fetch(input, { ...init, headers: { ...init?.headers, authorization: `Bearer ${token}` } });
    try {
      await fetchJson(target, {
        bytesMax: ANSWER_BYTES_MAX,
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
        body: { node, pods: servers() },
        fetch: authorized,
      });
      this.sent++;
      if (this.#isDown) log('info', 'the fleet takes reports of this node again');
      this.#isDown = false;
    } catch (error) {
      this.failed++;
      if (!this.#isDown)
        log(
          'warn',
          `the fleet does not take reports of this node, and sends it no players: ${(error as Error).message}`,
        );
      this.#isDown = true;
    }
  }

  async #run(): Promise<void> {
    const { clock = systemClock } = this.#options;
    while (!this.#isClosed) {
      const from = clock.now();
      await this.report();
      await Promise.race([clock.until(milli(from + REPORT_MS)), this.#closing.promise]);
    }
  }
}
