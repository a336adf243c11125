import { NearlightError } from '../../base/errors.ts';
import type { Saga } from '../store/sagas.ts';
import type { EdgeStore } from '../store/store.ts';
import type { MoveState } from './states.ts';

/** One move as a host keeps it. */
export interface Entry<Data> {
  readonly id: string;
  /** Id of the trace that all steps of the move on both hosts belong to (W3C Trace Context). */
  readonly trace: string;
  state: MoveState;
  /** Grows with each state. */
  version: number;
  data: Data;
}

export type JournalStore = Pick<EdgeStore, 'putSaga' | 'getSaga' | 'openSagas'>;

export interface JournalOptions<Data> {
  store: JournalStore;
  /** The host's part in the moves of the journal. */
  kind: 'departure' | 'arrival';
  /** Milliseconds since 1970. */
  now(): number;
  /** Reads what an earlier version of the program may have written. @throws Error if it cannot be read */
  read(data: unknown): Data;
}

/** Number of moves that are read at once after a start. */
const ROWS = 100;

/** Keeps the moves of one kind in the table of sagas. Each state is on the disk before the step that it allows. */
export class Journal<Data> {
  readonly #options: JournalOptions<Data>;

  constructor(options: JournalOptions<Data>) {
    this.#options = options;
  }

  /**
   * Writes a move's next state, which the entry has from then on.
   * @throws NearlightError as the store; the state is then not written, except after NL_STORE, where it may be
   */
  async advance(entry: Entry<Data>, state: MoveState, data: Data = entry.data): Promise<void> {
    const version = entry.version + 1;
    const { store, kind, now } = this.#options;
    const { id, trace } = entry;
    const row = { id: `${kind}/${id}`, kind, state, version, trace, data: JSON.stringify(data), updatedAt: now() };
    if (!(await store.putSaga(row)))
      throw new NearlightError('NL_STORE', `the move ${id} has version ${version} already`);
    Object.assign(entry, { state, version, data });
  }

  /** @throws NearlightError as the store, or NL_STORE if the move cannot be read */
  async get(id: string): Promise<Entry<Data> | undefined> {
    const row = await this.#options.store.getSaga({ id: `${this.#options.kind}/${id}` });
    return row && this.#read(row);
  }

  /** Returns the moves that are not finished. Those that cannot be read are passed to `onDamaged`. @throws as the store */
  async unfinished(onDamaged: (id: string) => void): Promise<Entry<Data>[]> {
    const { store, kind } = this.#options;
    const entries: Entry<Data>[] = [];
    for (let after = ''; ; ) {
      const rows = await store.openSagas({ kind, after, limit: ROWS });
      for (const row of rows) {
        try {
          entries.push(this.#read(row));
        } catch {
          onDamaged(row.id);
        }
      }
      after = rows.at(-1)?.id ?? '';
      if (rows.length < ROWS) return entries;
    }
  }

  #read({ id, trace, state, version, data }: Saga): Entry<Data> {
    const { kind, read } = this.#options;
    try {
      return { id: id.slice(kind.length + 1), trace, state, version, data: read(JSON.parse(data)) };
    } catch (cause) {
      throw new NearlightError('NL_STORE', `the move ${id} cannot be read`, { cause });
    }
  }
}
