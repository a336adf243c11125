import type { DatabaseSync } from 'node:sqlite';
import { NearlightError, textOf } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { IN_MEMORY, inTransaction, openDatabase, PAGE_BYTES, readPragma, shrink } from './database.ts';
import type { Reply, Request, ThreadFigures, ThreadOptions } from './messages.ts';
import { GIVEN_UP, type Kind } from './operation.ts';
import { OPERATIONS, type OperationName, operationNamed } from './operations.ts';
import { Reserve } from './reserve.ts';
import { salvage, setAside } from './salvage.ts';
import { isCorrupt, isFull } from './sqlite-error.ts';

/** Limit on the calls that share a transaction, and so one write to the disk. */
const GROUP_MAX = 1024;
/** The level at which everything is given up that can be. Only match results and events are taken then. */
const REFUSING = GIVEN_UP.length + 1;
/** Share of its largest size below which a file counts as having room again. */
const ROOM = 0.9;
const BUSY_WITH_RESULTS = new NearlightError(
  'NL_STORE_BUSY',
  'many match results come in, so the store takes no traces and logs now',
);

type Runner = (input: object) => unknown;

/** Executes calls of the store, many in one transaction, and deals with a full disk and a damaged file. */
export class Committer {
  readonly #options: ThreadOptions;
  readonly #log: Log;
  readonly #reserve: Reserve;
  #db: DatabaseSync;
  #runners = new Map<OperationName, Runner>();
  /**
   * Whether match results and events come first, in transactions that they share with nothing else, and traces and logs are refused. The
   * protection against many results at once sets this.
   */
  isStrict = false;
  #pretendsFull = false;
  /** Number of kinds given up. At REFUSING, other state is refused too. */
  #level = 0;
  /** Calls that must not fail, in order. They wait for room on the disk. */
  #held: Request[] = [];
  #commits = 0;
  #damaged = 0;
  #salvaged = 0;
  /** Times of the commits since the last look at them, in milliseconds. */
  #commitMs: number[] = [];

  /** @throws NearlightError as openDatabase; a damaged file is set aside instead */
  constructor(options: ThreadOptions, log: Log) {
    this.#options = options;
    this.#log = log;
    this.#reserve = new Reserve(options.path && `${options.path}.reserve`, options.reserveBytes);
    this.#db = this.#open();
    this.#prepare();
    if (!this.#reserve.take()) this.#makeRoom();
  }

  get figures(): ThreadFigures {
    return {
      commits: this.#commits,
      givenUp: this.#level,
      held: this.#held.length,
      damaged: this.#damaged,
      salvaged: this.#salvaged,
    };
  }

  takeCommitMs(): number[] {
    return this.#commitMs.splice(0);
  }

  /** Executes calls. Those that must wait for room have their replies in a later result. */
  commit(requests: readonly Request[]): Reply[] {
    const queue = [...this.#held.splice(0), ...requests];
    if (this.isStrict) return this.#commitStrictly(queue);
    return this.#commitAll(queue);
  }

  /** Makes the store take the disk for full, or no longer: the file may not grow meanwhile. */
  pretendFull(isFull: boolean): void {
    this.#pretendsFull = isFull;
    this.#limitSize();
  }

  #limitSize(): void {
    const most = Math.floor(this.#options.bytesMax / PAGE_BYTES);
    this.#db.exec(`PRAGMA max_page_count = ${this.#pretendsFull ? readPragma(this.#db, 'page_count') : most}`);
  }

  #commitStrictly(queue: readonly Request[]): Reply[] {
    const isResult = ({ name }: Request) => OPERATIONS[name].kind === 'result';
    const isObservation = ({ name }: Request) => ['trace', 'log'].includes(OPERATIONS[name].kind);
    const refused = queue.filter(isObservation).map(({ id }) => failure(id, BUSY_WITH_RESULTS));
    const results = this.#commitAll(queue.filter(isResult));
    const others = this.#commitAll(queue.filter((request) => !isResult(request) && !isObservation(request)));
    return [...refused, ...results, ...others];
  }

  #commitAll(queue: readonly Request[]): Reply[] {
    const replies: Reply[] = [];
    for (let next = 0; next < queue.length; ) {
      // When room is short, a small transaction may fit where a large one does not.
      const group = queue.slice(next, next + (this.#level > 0 ? 1 : GROUP_MAX));
      next += group.length;
      replies.push(...this.#commitGroup(group));
    }
    return replies;
  }

  /** Tries to return to normal after the disk was full. Returns the replies of calls that have waited for that. */
  tend(): Reply[] {
    if (this.#level === 0) return [];
    const replies = this.commit([]);
    if (this.#held.length > 0) return replies;
    if (this.#hasRoom()) {
      this.#level = 0;
      this.#log('info', 'the store has room again and keeps everything');
    }
    return replies;
  }

  /** Closes the file. Calls that still wait for room fail. */
  close(): Reply[] {
    const replies = this.commit([]);
    const lost = this.#held.splice(0).map(({ id }) => failure(id, full('the program ends')));
    this.#db.close();
    return [...replies, ...lost];
  }

  #commitGroup(group: readonly Request[]): Reply[] {
    for (let isRepaired = false; ; ) {
      const refused = group.filter(({ name }) => this.#isRefused(OPERATIONS[name].kind));
      const allowed = group.filter((request) => !refused.includes(request));
      const refusals = refused.map(({ id }) => failure(id, full('the disk is full; free space on it')));
      try {
        return [...refusals, ...this.#execute(allowed)];
      } catch (error) {
        if (isFull(error)) {
          if (this.#makeRoom()) continue;
          return [...refusals, ...this.#hold(allowed)];
        }
        if (isCorrupt(error) && !isRepaired) {
          isRepaired = true;
          this.#replace(error as Error);
        } else if (allowed.length > 1) {
          // One call that fails must not spoil the others.
          return [...refusals, ...allowed.flatMap((request) => this.#commitGroup([request]))];
        } else return [...refusals, ...allowed.map(({ id }) => failure(id, asStoreError(error)))];
      }
    }
  }

  #execute(group: readonly Request[]): Reply[] {
    if (group.length === 0) return [];
    const begun = performance.now();
    const replies = inTransaction(this.#db, () =>
      group.map(({ id, name, input }) => ({ id, output: this.#runners.get(name)?.(input) })),
    );
    this.#commits++;
    this.#commitMs.push(performance.now() - begun);
    if (this.#level > 0) this.#emptyLog();
    return replies;
  }

  /** Moves the pages of the log into the file, so that the log does not grow on a disk without room. */
  #emptyLog(): void {
    try {
      this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch (error) {
      // The file cannot grow. Everything that was committed is safe in the log.
      if (!isFull(error)) throw error;
    }
  }

  #isRefused(kind: Kind): boolean {
    if (kind === 'state') return this.#level >= REFUSING;
    return GIVEN_UP.slice(0, this.#level).some((given) => given.kind === kind);
  }

  /** Gives up the next kind of data, and further ones until there is room. Returns whether trying again makes sense. */
  #makeRoom(): boolean {
    if (this.#level >= REFUSING) return false;
    this.#reserve.release();
    while (this.#level < GIVEN_UP.length) {
      const given = GIVEN_UP[this.#level++];
      if (given === undefined) break;
      this.#log('warn', `the disk is full: the store gives up its ${given.table} and takes no more`);
      this.#empty(given.table);
      if (this.#reserve.take()) return true;
    }
    this.#level = REFUSING;
    this.#log('error', 'the disk is full: the store takes only match results and events; free space on the disk');
    return true;
  }

  #empty(table: string): void {
    try {
      this.#db.exec(`DELETE FROM ${table}`);
      shrink(this.#db);
    } catch (error) {
      if (!isFull(error)) throw error;
    }
  }

  #hasRoom(): boolean {
    if (this.#pretendsFull) return false;
    const most = Math.floor(this.#options.bytesMax / PAGE_BYTES);
    const used = readPragma(this.#db, 'page_count') - readPragma(this.#db, 'freelist_count');
    return used < ROOM * most && this.#reserve.takeAmply();
  }

  #hold(group: readonly Request[]): Reply[] {
    return group.flatMap((request) => {
      if (OPERATIONS[request.name].kind !== 'result')
        return failure(request.id, full('the disk is full; free space on it'));
      this.#held.push(request);
      return [];
    });
  }

  #open(): DatabaseSync {
    const { path = IN_MEMORY } = this.#options;
    const options = { path, ...this.#sizes() };
    try {
      return openDatabase(options);
    } catch (error) {
      if (isCorrupt(error)) return this.#startAgain(error as Error);
      if (!isFull(error)) throw error;
      this.#reserve.release();
      return openDatabase(options);
    }
  }

  /** Half of the reserved room is for moving the pages of the log into the file, and half for the log of what is removed. */
  #sizes(): { bytesMax: number; logBytesMax: number } {
    const { bytesMax, reserveBytes } = this.#options;
    return { bytesMax, logBytesMax: reserveBytes / 2 };
  }

  /** Exchanges a file that turns out to be damaged while it is in use. */
  #replace(error: Error): void {
    this.#db.close();
    this.#db = this.#startAgain(error);
    this.#limitSize();
    this.#prepare();
  }

  /** Sets the damaged file aside and fills a new one with what can be read. */
  #startAgain(error: Error): DatabaseSync {
    const { path } = this.#options;
    if (path === undefined) throw error;
    this.#damaged++;
    const aside = setAside(path, new Date());
    const db = openDatabase({ path, ...this.#sizes() });
    const rows = salvage(aside, db);
    const saved = Object.values(rows).reduce((sum, count) => sum + count, 0);
    this.#salvaged += saved;
    const counts = Object.entries(rows).flatMap(([table, count]) => (count > 0 ? `${table} ${count}` : []));
    this.#log(
      'error',
      `the store ${path} was damaged (${error.message}) and is kept as ${aside}; rows saved from it: ${counts.join(', ') || 'none'}`,
    );
    return db;
  }

  #prepare(): void {
    const names = Object.keys(OPERATIONS) as OperationName[];
    this.#runners = new Map(names.map((name) => [name, operationNamed(name).prepare(this.#db)]));
  }
}

function full(detail: string): NearlightError {
  return new NearlightError('NL_STORE_FULL', detail);
}

function asStoreError(error: unknown): NearlightError {
  if (error instanceof NearlightError) return error;
  return new NearlightError('NL_STORE', textOf(error), { cause: error });
}

function failure(id: number, { code, detail }: NearlightError): Reply {
  return { id, code, detail };
}
