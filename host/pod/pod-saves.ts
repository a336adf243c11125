import { type Clock, systemClock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { milli } from '../base/time.ts';
import type { Save } from '../edge/store/saves.ts';
import type { EdgeStore } from '../edge/store/store.ts';

/** A pod runs one game at a time, which has two saved states. */
const SAVES_MAX = 4;
/** A state that was read this often, and never replaced by a later one, is not read again: its game may end each time because of it. */
export const READS_MAX = 3;

/** Pause before a service that has failed is asked again. */
const PAUSE_MS = 200;

/** The store's calls about saved states. */
export type SaveStore = Pick<EdgeStore, 'putSave' | 'getSave' | 'removeSave'>;

export interface PodSavesOptions {
  /** Id of the pod in Kubernetes, which stays the same when its sandbox is replaced. No other pod of the node has it. */
  podUid: string;
  /** The node's edge service; undefined if there is none. */
  store: SaveStore | undefined;
  log: Log;
  clock?: Clock;
}

interface Known {
  /** undefined if it was removed; the service may still have it. */
  readonly save: Save | undefined;
  reads: number;
}

/**
 * The saved states of a pod: in this process, for a container that starts again in its sandbox, and in the node's edge service, if there is
 * one, for a sandbox that is replaced. So a container goes on with its match while the service does not answer, too.
 */
export class PodSaves implements SaveStore {
  readonly #options: PodSavesOptions;
  readonly #known = new Map<string, Known>();
  /** Until when a service that fails is asked again. */
  #patientUntil = 0;
  /** Whether the service has failed the last time. Only the first failure in a row is logged. */
  #isFailing = false;

  constructor(options: PodSavesOptions) {
    this.#options = options;
  }

  /** Has a service that fails asked again and again for the next `ms`, because it is starting, too. */
  wait(ms: number): void {
    const { clock = systemClock } = this.#options;
    this.#patientUntil = clock.now() + ms;
  }

  async putSave(save: Save): Promise<void> {
    const { store } = this.#options;
    this.#remember(save.id, { save, reads: 0 });
    await this.#tell(() => store?.putSave({ ...save, id: this.#idOf(save.id) }));
  }

  /** @throws as the service, if this process does not have the state */
  async getSave({ id }: { id: string }): Promise<Save | undefined> {
    const known = this.#known.get(id) ?? (await this.#ask(id));
    return known.reads++ < READS_MAX ? known.save : undefined;
  }

  async removeSave({ id }: { id: string }): Promise<boolean> {
    const { store } = this.#options;
    const wasKnown = this.#known.get(id)?.save !== undefined;
    this.#remember(id, { save: undefined, reads: 0 });
    await this.#tell(() => store?.removeSave({ id: this.#idOf(id) }));
    return wasKnown;
  }

  async #ask(id: string): Promise<Known> {
    const save = await this.#askOften(id);
    // A later state may have been put meanwhile.
    const known = this.#known.get(id) ?? { save, reads: 0 };
    this.#remember(id, known);
    return known;
  }

  async #askOften(id: string): Promise<Save | undefined> {
    const { store, clock = systemClock } = this.#options;
    for (;;)
      try {
        return await store?.getSave({ id: this.#idOf(id) });
      } catch (error) {
        if (clock.now() >= this.#patientUntil) throw error;
        await clock.until(milli(clock.now() + PAUSE_MS));
      }
  }

  #idOf(id: string): string {
    return `pod/${this.#options.podUid}/${id}`;
  }

  /** The state is in this process, so a service that does not answer loses nothing yet. */
  async #tell(call: () => Promise<unknown> | undefined): Promise<void> {
    try {
      await call();
      this.#isFailing = false;
    } catch (error) {
      const { log } = this.#options;
      if (!this.#isFailing)
        log('warn', `the edge service does not keep the match for another sandbox: ${(error as Error).message}`);
      this.#isFailing = true;
    }
  }

  #remember(id: string, known: Known): void {
    this.#known.delete(id);
    this.#known.set(id, known);
    const [oldest] = this.#known.keys();
    if (this.#known.size > SAVES_MAX && oldest !== undefined) this.#known.delete(oldest);
  }
}
