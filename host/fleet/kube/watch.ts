import { type Clock, systemClock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { milli } from '../../base/time.ts';
import { type KubeClient, KubeError } from './client.ts';
import type { Kind, KubeObject } from './object.ts';

/** Objects in one page of a list. */
const PAGE_SIZE = 500;
/** The API ends a watch after this time, and it is resumed. One that hangs is known by then. */
const WATCH_SECONDS = 290;
/** A connection on which nothing has come for this long, not even the end of the watch, is dead. */
const SILENCE_MS_MAX = (WATCH_SECONDS + 10) * 1000;
/** First pause after a failure; each further failure doubles it. Half of it is random. */
const PAUSE_MS = 250;
const PAUSE_MS_MAX = 15_000;
const GONE = 410;

export interface WatchOptions<T extends KubeObject> {
  client: Pick<KubeClient, 'list' | 'watch'>;
  kind: Kind<T>;
  /** undefined for all namespaces. */
  namespace?: string | undefined;
  labelSelector?: string;
  /** Most objects that are kept. Those beyond are left out, and the log says so. */
  objectsMax: number;
  /** Takes the objects of a list, which replace all that were known before. */
  onList(objects: readonly T[]): void;
  /** Takes an object that is new or has changed. */
  onChange(object: T): void;
  onRemoved(object: T): void;
  log: Log;
  clock?: Clock;
  /** Returns numbers from 0 to 1. */
  random?(): number;
}

interface WatchEvent<T> {
  readonly type?: unknown;
  readonly object?: T & { readonly code?: unknown; readonly message?: unknown };
}

/**
 * Follows the objects of one kind: a list, then a watch that begins with its version. There is never more than one request. A watch that
 * ends is resumed after the last version that it has named, and only if the API has forgotten that version (410) a list is made again.
 */
export class Watch<T extends KubeObject> {
  readonly #options: WatchOptions<T>;
  readonly #closing = new AbortController();
  readonly #closed = Promise.withResolvers<void>();
  readonly #synced = Promise.withResolvers<void>();
  readonly #known = new Set<string>();
  #version: string | undefined;
  #failures = 0;
  #left = 0;
  #running: Promise<void> = Promise.resolve();
  /** Number of lists and of watches that were begun, for the metrics. */
  lists = 0;
  watches = 0;

  constructor(options: WatchOptions<T>) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Resolves when the first list has arrived. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#closed.resolve();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted)
      try {
        if (this.#version === undefined) await this.#list();
        await this.#follow();
        this.#failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof KubeError && error.status === GONE) this.#version = undefined;
        await this.#pause(error as Error);
      }
  }

  async #list(): Promise<void> {
    const { client, kind, namespace, labelSelector = '', objectsMax, onList, log } = this.#options;
    this.lists++;
    const objects: T[] = [];
    let next = '';
    let version: string | undefined;
    do {
      const page = await client.list(kind, namespace, { labelSelector, limit: PAGE_SIZE, continue: next });
      for (const object of page.items) if (objects.length < objectsMax) objects.push(object);
      version ??= page.metadata.resourceVersion;
      next = page.metadata.continue ?? '';
    } while (next !== '' && objects.length < objectsMax);
    if (next !== '') log('error', `there are more than ${objectsMax} ${kind.plural}; those beyond are left out`);
    this.#known.clear();
    for (const { metadata } of objects) this.#known.add(keyOf(metadata));
    onList(objects);
    this.#version = version ?? '0';
    this.#synced.resolve();
  }

  async #follow(): Promise<void> {
    const { client, kind, namespace, labelSelector = '' } = this.#options;
    this.watches++;
    const silence = AbortSignal.timeout(SILENCE_MS_MAX);
    await client.watch(kind, namespace, {
      query: {
        labelSelector,
        resourceVersion: this.#version,
        allowWatchBookmarks: true,
        timeoutSeconds: WATCH_SECONDS,
      },
      onEvent: (event) => this.#take(event as WatchEvent<T>),
      signal: AbortSignal.any([this.#closing.signal, silence]),
    });
  }

  #take({ type, object }: WatchEvent<T>): void {
    if (!object) throw new KubeError(0, 'an event of a watch has no object');
    if (type === 'ERROR') throw new KubeError(Number(object.code ?? 0), `a watch ends: ${String(object.message)}`);
    const version = object.metadata?.resourceVersion;
    if (version === undefined) throw new KubeError(0, 'an event of a watch has no version');
    if (type === 'DELETED') {
      this.#known.delete(keyOf(object.metadata));
      this.#options.onRemoved(object);
    } else if (type !== 'BOOKMARK') this.#change(object);
    this.#version = version;
    this.#failures = 0;
  }

  #change(object: T): void {
    const { objectsMax, onChange, kind, log } = this.#options;
    const key = keyOf(object.metadata);
    if (!this.#known.has(key) && this.#known.size >= objectsMax) {
      if (this.#left++ === 0)
        log('error', `there are more than ${objectsMax} ${kind.plural}; those beyond are left out`);
      return;
    }
    this.#known.add(key);
    onChange(object);
  }

  async #pause(error: Error): Promise<void> {
    const { clock = systemClock, random = Math.random, log, kind } = this.#options;
    const ms = Math.min(PAUSE_MS * 2 ** this.#failures++, PAUSE_MS_MAX);
    if (this.#failures === 2) log('warn', `the ${kind.plural} cannot be watched: ${error.message}`);
    await Promise.race([clock.until(milli(clock.now() + (ms / 2) * (1 + random()))), this.#closed.promise]);
  }
}

function keyOf({ namespace = '', name }: KubeObject['metadata']): string {
  return `${namespace}/${name}`;
}
