import { createHash, randomUUID } from 'node:crypto';
import { readAssets } from '../../base/assets.ts';
import type { NearlightError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Engine, Imported, Instance, Listening, Submission } from '../../engine/engine.ts';
import type { EdgeStore } from '../store/store.ts';

/** Asset with the configuration of a game. A container has it as /config.json. */
const CONFIG_ASSET = 'config.json';

/** The store's calls about sessions. */
export type SessionStore = Pick<EdgeStore, 'startSession' | 'countPlayers' | 'endSession'>;

export interface SessionOptions {
  store: SessionStore;
  /** Name of the game. */
  game: string;
  log: Log;
  /** Milliseconds since 1970. */
  now?(): number;
}

/** Wraps a Wasm engine so that the store has a session for every module instance. The game never waits for the store. */
export function sessionEngine(engine: Engine, options: SessionOptions): Engine {
  return {
    name: engine.name,
    load: async (module, load) => new KeptInstance(await engine.load(module, load), configOf(load.assets), options),
  };
}

/** The SHA-256 of the asset with the game's configuration; undefined if there is none. */
function configOf(pack: Uint8Array): string | undefined {
  const asset = readAssets(pack).find(({ name }) => name === CONFIG_ASSET);
  if (!asset) return undefined;
  const { offset, bytes } = asset;
  return createHash('sha256')
    .update(pack.subarray(offset, offset + bytes))
    .digest('hex');
}

class KeptInstance implements Instance {
  readonly pid: number | undefined;
  readonly pids: readonly number[];
  readonly inputs: DataView;
  readonly pads: DataView;
  readonly ended: Promise<NearlightError | undefined>;
  readonly #instance: Instance;
  readonly #options: SessionOptions;
  readonly #id = randomUUID();
  readonly #noted: Promise<void>;
  #players = 0;

  constructor(instance: Instance, config: string | undefined, options: SessionOptions) {
    this.#instance = instance;
    this.#options = options;
    this.pid = instance.pid;
    this.pids = instance.pids;
    this.inputs = instance.inputs;
    this.pads = instance.pads;
    this.ended = instance.ended;
    const { store, game, now = Date.now } = options;
    const start = { id: this.#id, game, startedAt: now(), local: false };
    this.#keep(store.startSession(config === undefined ? start : { ...start, config }));
    this.#noted = instance.ended.then((error) => {
      const reason = error?.code ?? 'closed';
      this.#keep(store.endSession({ id: this.#id, endedAt: now(), players: this.#players, reason }));
    });
  }

  get hasSound(): boolean {
    return this.#instance.hasSound;
  }

  get initial(): Submission {
    return this.#instance.initial;
  }

  reply(record: ArrayLike<number>): void {
    this.#instance.reply(record);
  }

  write(address: number, bytes: Uint8Array): void {
    this.#instance.write(address, bytes);
  }

  save(): Promise<Uint8Array | undefined> {
    return this.#instance.save();
  }

  restore(state: Uint8Array): Promise<Submission> {
    return this.#instance.restore(state);
  }

  join(seat: number): Promise<Submission> {
    this.#players++;
    this.#keep(this.#options.store.countPlayers({ id: this.#id, players: this.#players }));
    return this.#instance.join(seat);
  }

  leave(seat: number): Promise<Submission> {
    return this.#instance.leave(seat);
  }

  tick(tick: number, listening?: Listening): Promise<Submission> {
    return this.#instance.tick(tick, listening);
  }

  render(seat: number, width: number, height: number): Promise<Submission> {
    return this.#instance.render(seat, width, height);
  }

  exportPlayer(seat: number): Promise<Uint8Array | undefined> {
    return this.#instance.exportPlayer(seat);
  }

  importPlayer(seat: number, state: Uint8Array): Promise<Imported> {
    return this.#instance.importPlayer(seat, state);
  }

  /** Ends the module, and resolves when the store has got the end of its session, which it may keep later. */
  async close(): Promise<void> {
    await this.#instance.close();
    await this.#noted;
  }

  /** A session that cannot be kept is said so, and the game goes on. */
  #keep(call: Promise<unknown>): void {
    const { log, game } = this.#options;
    call.catch((error: Error) => log('warn', `${game}: the session is not kept completely: ${error.message}`));
  }
}
