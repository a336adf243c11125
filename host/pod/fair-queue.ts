/** Who asks for work: a pod, and the namespace that it shares with other pods of the same owner. */
export interface Tenant {
  namespace: string;
  pod: string;
}

/** The number of pieces of work that may wait or run at a time, for one pod, one namespace and all together. */
export interface QueueBounds {
  pod: number;
  namespace: number;
  all: number;
}

export interface FairQueueOptions {
  /** How many pieces of work run at a time. If it is more than one, a namespace gets at most all but one of them. */
  slots: number;
  bounds: QueueBounds;
}

/** A piece of work that waits for its turn. */
export interface Ticket {
  /** Takes the work out of the queue. Does nothing once it has started. */
  withdraw(): void;
}

/** A bound of the queue is exceeded, and the caller may try again later. */
export class QueueFull extends Error {}

/** A namespace, or a pod in one: what it has used, and what of it waits and runs. */
interface Share {
  /** CPU time used, in milliseconds. Starts at `floorMs` of the share above, so that no tenant saves up time while idle. */
  usedMs: number;
  /** The highest `usedMs` with which a share below this one has been served. */
  floorMs: number;
  waiting: number;
  running: number;
  below: Map<string, Share>;
}

interface Entry {
  tenant: Tenant;
  /** Resolves with the CPU time in milliseconds that the work has taken. Must not reject. */
  work(): Promise<number>;
}

/**
 * Runs pieces of work, each of which costs CPU time. The next turn goes to the namespace that has used the least, and in it to
 * the pod that has used the least; what one pod asks for runs in order (start-time fair queueing: Goyal, Vin and Cheng, 1996).
 * So a newcomer waits at most for the work that is running, however much others have queued.
 */
export class FairQueue {
  readonly #options: FairQueueOptions;
  readonly #root = newShare(0);
  readonly #entries: Entry[] = [];

  constructor(options: FairQueueOptions) {
    this.#options = options;
  }

  /** Number of pieces of work that wait for their turn. */
  get waiting(): number {
    return this.#root.waiting;
  }

  get running(): number {
    return this.#root.running;
  }

  /** Queues a piece of work, or starts it at once. @throws QueueFull */
  add(tenant: Tenant, work: Entry['work']): Ticket {
    this.#expectRoom(tenant);
    const entry = { tenant, work };
    for (const share of this.#path(tenant)) share.waiting++;
    this.#entries.push(entry);
    this.#fill();
    return {
      withdraw: () => {
        const at = this.#entries.indexOf(entry);
        if (at < 0) return;
        this.#entries.splice(at, 1);
        for (const share of this.#path(tenant)) share.waiting--;
        this.#forgetIfIdle();
      },
    };
  }

  #expectRoom({ namespace, pod }: Tenant): void {
    const { bounds } = this.#options;
    const count = (share: Share | undefined) => (share ? share.waiting + share.running : 0);
    const shares = this.#root.below.get(namespace);
    if (count(shares?.below.get(pod)) >= bounds.pod)
      throw new QueueFull(`${bounds.pod} modules of this pod wait already`);
    if (count(shares) >= bounds.namespace)
      throw new QueueFull(`${bounds.namespace} modules of this pod's namespace wait already`);
    if (count(this.#root) >= bounds.all) throw new QueueFull(`${bounds.all} modules wait already`);
  }

  /** Returns the shares to which a tenant's work belongs, from the root to the pod. Creates those that do not exist. */
  #path({ namespace, pod }: Tenant): [Share, Share, Share] {
    const shares = shareIn(this.#root, namespace);
    return [this.#root, shares, shareIn(shares, pod)];
  }

  #fill(): void {
    while (this.#root.running < this.#options.slots) {
      const entry = this.#next();
      if (!entry) return;
      this.#start(entry);
    }
  }

  /** Takes the entry whose turn it is out of the queue; undefined if none may start now. */
  #next(): Entry | undefined {
    const { slots } = this.#options;
    const most = Math.max(1, slots - 1);
    const namespaceOf = ({ tenant }: Entry) => this.#path(tenant)[1];
    const podOf = ({ tenant }: Entry) => this.#path(tenant)[2];
    const mayStart = this.#entries.filter((entry) => namespaceOf(entry).running < most);
    const namespace = least(mayStart.map(namespaceOf));
    const inNamespace = mayStart.filter((entry) => namespaceOf(entry) === namespace);
    const pod = least(inNamespace.map(podOf));
    const entry = inNamespace.find((candidate) => podOf(candidate) === pod);
    if (entry) this.#entries.splice(this.#entries.indexOf(entry), 1);
    return entry;
  }

  #start({ tenant, work }: Entry): void {
    const path = this.#path(tenant);
    const [root, namespace, pod] = path;
    for (const share of path) {
      share.waiting--;
      share.running++;
    }
    root.floorMs = Math.max(root.floorMs, namespace.usedMs);
    namespace.floorMs = Math.max(namespace.floorMs, pod.usedMs);
    void work().then((cpuMs) => {
      for (const share of path) {
        share.running--;
        share.usedMs += cpuMs;
      }
      this.#forgetIfIdle();
      this.#fill();
    });
  }

  /** Forgets what everyone has used when there is no work at all. Otherwise the table would grow without bound. */
  #forgetIfIdle(): void {
    if (this.#root.waiting + this.#root.running > 0) return;
    this.#root.below.clear();
    this.#root.floorMs = 0;
  }
}

function newShare(usedMs: number): Share {
  return { usedMs, floorMs: 0, waiting: 0, running: 0, below: new Map() };
}

function shareIn(above: Share, name: string): Share {
  let share = above.below.get(name);
  if (!share) {
    share = newShare(above.floorMs);
    above.below.set(name, share);
  } else if (share.waiting + share.running === 0) {
    share.usedMs = Math.max(share.usedMs, above.floorMs);
  }
  return share;
}

/** Returns the share that has used the least; the first of several, which arrived first. */
function least(shares: readonly Share[]): Share | undefined {
  return shares.reduce<Share | undefined>(
    (best, share) => (best && best.usedMs <= share.usedMs ? best : share),
    undefined,
  );
}
