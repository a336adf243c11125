import { once } from 'node:events';
import { join } from 'node:path';
import { type HostProcess, startHostProcess } from '../../e2e/host.ts';
import { freePort } from '../../e2e/line.ts';
import { numbersIn, SEATS } from './game.ts';

export const CHECKPOINT_SECONDS = 1;
export const NAMES = ['east', 'west'] as const;
export type Name = (typeof NAMES)[number];

export const otherOf = (name: Name): Name => (name === 'east' ? 'west' : 'east');

/** A host that is killed and started again, at the same ports and with the same store. */
export class MortalHost {
  readonly name: Name;
  readonly url: string;
  readonly #module: string;
  readonly #environment: Record<string, string>;
  #process: HostProcess | undefined;
  /** Outputs of the processes that were killed. */
  readonly #former: string[] = [];

  constructor(name: Name, module: string, environment: Record<string, string>) {
    this.name = name;
    this.#module = module;
    this.#environment = environment;
    this.url = `http://127.0.0.1:${environment.PORT}/`;
  }

  get output(): string {
    return this.#process?.output() ?? '';
  }

  get numbers(): Map<number, string> {
    return numbersIn(this.output);
  }

  /** The outputs of all processes that this host has had. */
  get history(): string {
    return [...this.#former, this.output].map((output, n) => `process ${n} of ${this.name}\n${output}`).join('\n');
  }

  async start(): Promise<void> {
    this.#process = await startHostProcess([this.#module], this.#environment);
  }

  async kill(): Promise<void> {
    if (!this.#process) return;
    const exited = once(this.#process.process, 'exit');
    this.#process.process.kill('SIGKILL');
    await exited;
    this.#former.push(this.output);
    this.#process = undefined;
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
  }

  /** Moves a player to the other host. @returns how that ended; `unknown` if the host was killed meanwhile */
  async move(seat: number, game: string): Promise<'committed' | 'compensated' | 'refused' | 'unknown'> {
    const order = { game, seat, host: otherOf(this.name) };
    const headers = { 'content-type': 'application/json' };
    try {
      const url = new URL('moves', this.#process?.operatorUrl);
      const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(order) });
      if (response.status !== 200) return 'refused';
      return ((await response.json()) as { outcome: 'committed' | 'compensated' }).outcome;
    } catch {
      return 'unknown';
    }
  }

  /** Returns the number of moves that are not finished here. */
  async openMoves(): Promise<number> {
    const text = await (await fetch(new URL('metrics', this.#process?.operatorUrl))).text();
    return [...text.matchAll(/^nearlight_moves_open\{[^}]*\} (\d+)$/gm)].reduce(
      (sum, [, count]) => sum + Number(count),
      0,
    );
  }
}

/** Starts two hosts that know each other. Their ports must be known before, because each gets the other's. */
export async function startPair(folder: string, module: string): Promise<Record<Name, MortalHost>> {
  const ports = await Promise.all([1, 2, 3, 4].map(() => freePort('tcp')));
  const open = (name: Name, [page, moves, otherPage, otherMoves]: readonly (number | undefined)[]) =>
    new MortalHost(name, module, {
      PORT: String(page),
      STORE_DIR: join(folder, name),
      CHECKPOINT_SECONDS: String(CHECKPOINT_SECONDS),
      MAX_PLAYERS: String(SEATS),
      MOVE_NAME: name,
      MOVE_PORT: String(moves),
      MOVE_KEY: 'k'.repeat(32),
      MOVE_PEERS: `${otherOf(name)}=http://127.0.0.1:${otherMoves}/|http://127.0.0.1:${otherPage}/`,
      // Kills are measured here, and not how fast a busy machine is.
      MOVE_STEP_MS_MAX: '2000',
      LOG_LEVEL: 'debug',
    });
  const [a, b, c, d] = ports;
  const hosts = { east: open('east', [a, b, c, d]), west: open('west', [c, d, a, b]) };
  await Promise.all(NAMES.map((name) => hosts[name].start()));
  return hosts;
}
