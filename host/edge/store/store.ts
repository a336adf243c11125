import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { NearlightError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { SOURCE_ENDING } from '../../base/self.ts';
import type { FromThread, Reply, Request, ThreadFigures, ThreadOptions, ToThread } from './messages.ts';
import { OPERATIONS, type OperationName, operationNamed, type StoreCalls } from './operations.ts';

/** Name of the store's file in its folder. */
export const STORE_FILE = 'edge.db';
/** Limits on the calls that wait for the disk, and on their size. */
export const CALLS_MAX = 65_536;
export const CALL_BYTES_MAX = 64 * 1024 * 1024;
/** Room that is kept free for match results on a full disk, and for removing other data. */
const RESERVE_BYTES = 8 * 1024 * 1024;

export interface StoreOptions {
  /** Folder of the store's file; undefined to keep the store in memory, so that it ends with the process. */
  folder: string | undefined;
  /** Largest size of the file. */
  bytesMax: number;
  log: Log;
  /** Room that is kept free for match results. */
  reserveBytes?: number;
  /** Gets the time that each transaction took, in milliseconds. */
  onCommit?(ms: number): void;
}

/** The data that a node keeps. Calls that resolve are on the disk; see Operation for what a full disk does to the others. */
export interface EdgeStore extends StoreCalls {
  readonly figures: ThreadFigures;
  /** Looks whether a full disk has room again. */
  tend(): Promise<void>;
  /** Makes the store take the disk for full, or no longer. */
  pretendFull(isFull: boolean): void;
  /** See Committer.isStrict. */
  setStrict(isStrict: boolean): void;
  /** Finishes all calls, then closes the file. */
  close(): Promise<void>;
}

/**
 * Opens the store in a thread of its own. A damaged file is set aside, and what can be read of it is kept.
 * @throws NearlightError NL_STORE if the file cannot be used
 */
export async function openStore({ folder, log, onCommit, ...sizes }: StoreOptions): Promise<EdgeStore> {
  if (folder !== undefined) makeFolder(folder);
  const { bytesMax, reserveBytes = RESERVE_BYTES } = sizes;
  const path = folder === undefined ? undefined : join(folder, STORE_FILE);
  const thread = new StoreThread({ path, bytesMax, reserveBytes }, { log, ...(onCommit ? { onCommit } : {}) });
  await thread.ready;
  const names = Object.keys(OPERATIONS) as OperationName[];
  const calls = Object.fromEntries(
    names.map((name) => [name, (input: object) => thread.call(name, input)]),
  ) as unknown as StoreCalls;
  return {
    ...calls,
    get figures() {
      return thread.figures;
    },
    tend: () => thread.tend(),
    pretendFull: (isFull) => thread.change({ kind: 'full', isFull }),
    setStrict: (isStrict) => thread.change({ kind: 'strict', isStrict }),
    close: () => thread.close(),
  };
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    const { message } = error as Error;
    throw new NearlightError('NL_STORE', `STORE_DIR=${folder} cannot be made: ${message}`, { cause: error });
  }
}

interface Pending {
  bytes: number;
  resolve(output: unknown): void;
  reject(error: NearlightError): void;
}

/** The other end of thread.ts: sends it calls, and settles their promises. */
class StoreThread {
  readonly ready: Promise<void>;
  figures: ThreadFigures = { commits: 0, givenUp: 0, held: 0, damaged: 0, salvaged: 0 };
  readonly #worker: Worker;
  readonly #log: Log;
  readonly #onCommit: ((ms: number) => void) | undefined;
  readonly #pending = new Map<number, Pending>();
  readonly #exited: Promise<unknown>;
  #tended: PromiseWithResolvers<void> | undefined;
  /** Calls of this turn of the event loop, which are sent together. */
  #outgoing: Request[] = [];
  #pendingBytes = 0;
  #lastId = 0;
  #end: NearlightError | undefined;
  #isClosing = false;

  constructor(workerData: ThreadOptions, { log, onCommit }: Pick<StoreOptions, 'log' | 'onCommit'>) {
    this.#log = log;
    this.#onCommit = onCommit;
    this.#worker = new Worker(new URL(`./thread.${SOURCE_ENDING}`, import.meta.url), {
      workerData,
      // Node calls its SQLite module experimental, which is of no use to an operator.
      execArgv: ['--disable-warning=ExperimentalWarning'],
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#exited = new Promise((done) => this.#worker.once('exit', done));
    this.#worker.on('message', (message: FromThread) => {
      if (message.kind === 'ready') {
        this.figures = message.figures;
        resolve();
      } else if (message.kind === 'failed') {
        this.#end = new NearlightError(message.code, message.detail);
        reject(this.#end);
      } else this.#take(message);
    });
    this.#worker.on('error', (error) => this.#fail(new NearlightError('NL_STORE', error.message, { cause: error })));
    void this.#exited.then(() => {
      this.#fail(new NearlightError('NL_STORE', 'the store is closed'));
      reject(this.#end);
    });
  }

  call(name: OperationName, input: object): Promise<unknown> {
    if (this.#end) return Promise.reject(this.#end);
    if (this.#isClosing) return Promise.reject(new NearlightError('NL_STORE', 'the store is closed'));
    return new Promise((resolve, reject) => {
      // An error that check() throws rejects the promise.
      const bytes = operationNamed(name).check(input);
      if (this.#pending.size >= CALLS_MAX || this.#pendingBytes + bytes > CALL_BYTES_MAX)
        throw new NearlightError('NL_STORE_BUSY', 'too many calls wait for the disk; try again later');
      const id = ++this.#lastId;
      this.#pending.set(id, { bytes, resolve, reject });
      this.#pendingBytes += bytes;
      if (this.#outgoing.length === 0) queueMicrotask(() => this.#flush());
      this.#outgoing.push({ id, name, input });
    });
  }

  tend(): Promise<void> {
    if (this.#end || this.#isClosing) return Promise.resolve();
    this.#flush();
    if (!this.#tended) {
      this.#tended = Promise.withResolvers();
      this.#send({ kind: 'tend' });
    }
    return this.#tended.promise;
  }

  /** Sends a change of how the thread works, which counts for later calls. */
  change(message: Extract<ToThread, { kind: 'full' | 'strict' }>): void {
    if (this.#end || this.#isClosing) return;
    this.#flush();
    this.#send(message);
  }

  async close(): Promise<void> {
    this.#flush();
    if (!this.#isClosing) this.#send({ kind: 'close' });
    this.#isClosing = true;
    await this.#exited;
  }

  #flush(): void {
    const calls = this.#outgoing;
    this.#outgoing = [];
    if (calls.length > 0) this.#send({ kind: 'calls', calls });
  }

  #send(message: ToThread): void {
    this.#worker.postMessage(message);
  }

  #take(message: Exclude<FromThread, { kind: 'ready' | 'failed' }>): void {
    if (message.kind === 'log') {
      this.#log(message.level, message.message);
      return;
    }
    for (const reply of message.replies) this.#settle(reply);
    if (message.kind === 'closed') return;
    this.figures = message.figures;
    for (const ms of message.commitMs) this.#onCommit?.(ms);
    if (message.to !== 'tend') return;
    this.#tended?.resolve();
    this.#tended = undefined;
  }

  #settle(reply: Reply): void {
    const pending = this.#pending.get(reply.id);
    if (!pending) return;
    this.#pending.delete(reply.id);
    this.#pendingBytes -= pending.bytes;
    if ('code' in reply) pending.reject(new NearlightError(reply.code, reply.detail));
    else pending.resolve(reply.output);
  }

  /** Ends all calls when the thread is gone. */
  #fail(error: NearlightError): void {
    if (!this.#end && !this.#isClosing)
      this.#log('error', `the store ended, and matches go on without it: ${error.message}`);
    this.#end ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#end);
    this.#pending.clear();
    this.#pendingBytes = 0;
    this.#tended?.resolve();
  }
}
