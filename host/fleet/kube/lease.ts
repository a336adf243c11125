import { type Clock, systemClock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { type Milli, milli } from '../../base/time.ts';
import { type KubeClient, KubeError } from './client.ts';
import { LEASES, type Lease } from './object.ts';

/** A Lease that is not renewed for this long is free for another. */
const LEASE_MS = 5000;
const RENEW_MS = 1000;
/** The holder itself stops this long before others may take the Lease, so that two never lead at a time. */
const MARGIN_MS = 1500;
const NOT_FOUND = 404;
const CONFLICT = 409;

export interface ElectionOptions {
  client: Pick<KubeClient, 'get' | 'create' | 'replace'>;
  namespace: string;
  name: string;
  /** Names this process, and tells the others where it is. */
  identity: string;
  /** Called when this process begins to lead, and when it has ended to. */
  onChange(leads: boolean): void;
  log: Log;
  clock?: Clock;
  /** Milliseconds since 1970, which appear in the Lease but decide nothing. */
  now?(): number;
}

/**
 * Elects one of several processes by a Lease. No process compares its wall clock with another's: a Lease is free if it has not changed for
 * LEASE_MS by the clock of the process that looks at it. Each change has the version of the Lease as its precondition.
 */
export class Election {
  readonly #options: ElectionOptions;
  readonly #clock: Clock;
  /** The Lease as it was seen last, and since when it has been like that. */
  #seen: Lease | undefined;
  #seenAt: Milli = milli(0);
  /** Until when this process leads. */
  #until: Milli = milli(Number.NEGATIVE_INFINITY);
  #leads = false;
  #isClosed = false;
  #closing = Promise.withResolvers<void>();
  #running: Promise<void> = Promise.resolve();

  constructor(options: ElectionOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Whether this process leads now. */
  get leads(): boolean {
    return this.#clock.now() < this.#until;
  }

  /** Who leads, as far as this process knows; undefined if that is no one. */
  get leader(): string | undefined {
    if (this.leads) return this.#options.identity;
    const isFresh = this.#clock.now() - this.#seenAt < LEASE_MS;
    return (isFresh && this.#seen?.spec?.holderIdentity) || undefined;
  }

  /** Gives the Lease back, so that another process need not wait for its end. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#closing.resolve();
    await this.#running;
    const wasLeader = this.leads;
    this.#until = milli(Number.NEGATIVE_INFINITY);
    this.#notice();
    if (wasLeader && this.#seen) await this.#write({ ...this.#seen.spec, holderIdentity: '' }).catch(() => {});
  }

  /** Looks at the Lease, and takes or renews it if that is possible. Never throws. */
  async step(): Promise<void> {
    try {
      await this.#step();
    } catch (error) {
      const { log } = this.#options;
      const isRace = error instanceof KubeError && error.status === CONFLICT;
      if (!isRace) log('warn', `the Lease of the leader cannot be used: ${(error as Error).message}`);
    }
    this.#notice();
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      const from = this.#clock.now();
      await this.step();
      await Promise.race([this.#clock.until(milli(from + RENEW_MS)), this.#closing.promise]);
    }
  }

  async #step(): Promise<void> {
    const { client, namespace, name, identity, now = Date.now } = this.#options;
    const lease = await client.get(LEASES, { namespace, name }).catch((error: unknown) => {
      if (error instanceof KubeError && error.status === NOT_FOUND) return undefined;
      throw error;
    });
    this.#see(lease);
    const { holderIdentity: holder = '', leaseTransitions = 0, acquireTime } = lease?.spec ?? {};
    const isFree = holder === '' || this.#clock.now() - this.#seenAt >= LEASE_MS;
    if (holder !== identity && !isFree) return;
    const at = new Date(now()).toISOString().replace('Z', '000Z');
    const isNew = holder !== identity;
    await this.#write({
      holderIdentity: identity,
      leaseDurationSeconds: LEASE_MS / 1000,
      acquireTime: isNew || acquireTime === undefined ? at : acquireTime,
      renewTime: at,
      leaseTransitions: leaseTransitions + Number(isNew && lease !== undefined),
    });
  }

  async #write(spec: NonNullable<Lease['spec']>): Promise<void> {
    const { client, namespace, name, identity } = this.#options;
    // The Lease counts from the time before the request, because the others may see it from then on.
    const from = this.#clock.now();
    const metadata = { ...this.#seen?.metadata, namespace, name };
    const lease = this.#seen
      ? await client.replace(LEASES, { metadata, spec })
      : await client.create(LEASES, { metadata, spec });
    this.#see(lease);
    if (spec.holderIdentity === identity) this.#until = milli(from + LEASE_MS - MARGIN_MS);
  }

  #see(lease: Lease | undefined): void {
    const isSame = lease?.metadata.resourceVersion === this.#seen?.metadata.resourceVersion && this.#seen !== undefined;
    if (!isSame) this.#seenAt = this.#clock.now();
    this.#seen = lease;
    // Another process has taken the Lease, or it was removed.
    if (lease?.spec?.holderIdentity !== this.#options.identity) this.#until = milli(Number.NEGATIVE_INFINITY);
  }

  #notice(): void {
    const { leads } = this;
    if (leads === this.#leads) return;
    this.#leads = leads;
    this.#options.onChange(leads);
  }
}
