import type { QueueProof } from './tickets.ts';

/** A place that no one has asked about for this long is given up. Callers ask each second. */
export const PLACE_MS_MAX = 5000;
export const ASK_MS = 1000;
/** Waits from which the next one is estimated. */
const SAMPLES = 32;

export interface Place<T> extends QueueProof {
  readonly line: string;
  readonly request: T;
}

interface Entry<T> extends Place<T> {
  askedAt: number;
}

interface Line<T> {
  readonly entries: Entry<T>[];
  /** When the last ones were served, by the monotonic clock. */
  readonly served: number[];
}

export interface Position {
  /** 1 for the next one. */
  readonly position: number;
  /** undefined until some were served. */
  readonly expectedWaitSeconds: number | undefined;
}

/**
 * Requests that wait for seats, in the order in which they came. Those that wait for the same servers form a line. Nothing here has to outlive the
 * process: the proof that each request holds says since when it waits, so the next process finds the same order within seconds.
 */
export class Queue<T> {
  readonly #placesMax: number;
  readonly #lines = new Map<string, Line<T>>();
  #size = 0;

  constructor(placesMax: number) {
    this.#placesMax = placesMax;
  }

  get size(): number {
    return this.#size;
  }

  /** Returns all requests that wait. */
  requests(): T[] {
    return [...this.#lines.values()].flatMap(({ entries }) => entries.map(({ request }) => request));
  }

  /**
   * Whether a place may wait, or does already.
   * @param isKnown whether an earlier process has let it wait, so that it keeps its place if new ones have come before it was back
   */
  hasRoomFor({ line, id }: Pick<Place<T>, 'line' | 'id'>, isKnown: boolean): boolean {
    if (this.#size < this.#placesMax * (isKnown ? 2 : 1)) return true;
    return this.#lines.get(line)?.entries.some((entry) => entry.id === id) ?? false;
  }

  /** Whether requests wait in a line, so that one that comes now must not be served before them. */
  isWaitedFor(line: string): boolean {
    return (this.#lines.get(line)?.entries.length ?? 0) > 0;
  }

  /** Adds a place, or notes that its holder still wants it. Returns its position. @param now by the monotonic clock */
  ask(place: Place<T>, now: number): Position {
    const line = this.#lines.get(place.line) ?? { entries: [], served: [] };
    this.#lines.set(place.line, line);
    const { entries } = line;
    let index = entries.findIndex(({ id }) => id === place.id);
    if (index < 0) {
      // Most come last. After a restart they come in any order.
      index = entries.length;
      while (index > 0 && isBefore(place, entries[index - 1])) index--;
      entries.splice(index, 0, { ...place, askedAt: now });
      this.#size++;
    }
    const entry = entries[index];
    if (entry) entry.askedAt = now;
    return { position: index + 1, expectedWaitSeconds: this.#expect(line, index + 1) };
  }

  /** Returns the place that is next in each line. */
  heads(): Place<T>[] {
    return [...this.#lines.values()].flatMap(({ entries }) => entries.slice(0, 1));
  }

  /** Removes a place that was served. */
  serve({ line: name, id }: Pick<Place<T>, 'line' | 'id'>, now: number): void {
    const line = this.#lines.get(name);
    if (!line || !this.#remove(line, id)) return;
    line.served.push(now);
    if (line.served.length > SAMPLES) line.served.shift();
  }

  /** Removes a place whose holder does not want it any more. */
  leave({ line: name, id }: Pick<Place<T>, 'line' | 'id'>): void {
    const line = this.#lines.get(name);
    if (line) this.#remove(line, id);
  }

  /** Forgets places that no one asks about, and lines without any. */
  expire(now: number): void {
    for (const [name, line] of this.#lines) {
      for (const { id, askedAt } of [...line.entries]) if (now - askedAt >= PLACE_MS_MAX) this.#remove(line, id);
      if (line.entries.length === 0) this.#lines.delete(name);
    }
  }

  #remove({ entries }: Line<T>, id: string): boolean {
    const index = entries.findIndex((entry) => entry.id === id);
    if (index < 0) return false;
    entries.splice(index, 1);
    this.#size--;
    return true;
  }

  #expect({ served }: Line<T>, position: number): number | undefined {
    const [first, last] = [served[0], served.at(-1)];
    if (first === undefined || last === undefined || served.length < 2) return undefined;
    return Math.ceil((position * (last - first)) / (served.length - 1) / 1000);
  }
}

function isBefore(place: QueueProof, other: QueueProof | undefined): boolean {
  if (!other) return false;
  return place.since === other.since ? place.id < other.id : place.since < other.since;
}
