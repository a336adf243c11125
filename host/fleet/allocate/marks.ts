import { type Clock, systemClock } from '../../base/clock.ts';
import { Bucket } from '../../base/limiter.ts';
import type { Log } from '../../base/log.ts';
import { type KubeClient, PATCH } from '../kube/client.ts';
import { PODS } from '../kube/object.ts';
import { COST_ANNOTATION, type FleetState, type GameServer, STATE_LABEL } from './server.ts';
import type { Servers } from './servers.ts';
import { Gone, type Writer } from './writer.ts';

/** Type of the condition, and of the readiness gate of pods that have one. */
export const PLAYABLE = 'nearlight/playable';
const PLAYABLE_STATES: readonly FleetState[] = ['ready', 'allocated', 'full'];
/** Patches per second that only mark pods. Reservations are not counted, and mark their pods at the same time. */
const PER_SECOND = 50;
const BURST = 100;
/** Marks that are on their way at a time. */
const RUNNING_MAX = 16;

export interface MarksOptions {
  client: Pick<KubeClient, 'patch'>;
  servers: Servers;
  writer: Pick<Writer, 'mark'>;
  log: Log;
  clock?: Pick<Clock, 'now'>;
  /** Milliseconds since 1970. */
  now?(): number;
}

/**
 * Shows the state of each server in its pod: as a label, as the cost of its deletion, by which a smaller Deployment ends empty servers first,
 * and as a condition for pods with that readiness gate. Servers that have never been reported are left alone.
 */
export class Marks {
  readonly #options: MarksOptions;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #now: () => number;
  readonly #bucket: Bucket;
  readonly #running = new Set<GameServer>();
  written = 0;

  constructor(options: MarksOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#now = options.now ?? Date.now;
    this.#bucket = new Bucket({ perSecond: PER_SECOND, burst: BURST, now: this.#clock.now() });
  }

  /** Begins to write what has changed, as far as the rate allows. Called again and again. Resolves when it is written; never throws. */
  async update(): Promise<void> {
    const work: Promise<void>[] = [];
    for (const server of this.#options.servers.all()) {
      if (this.#running.size >= RUNNING_MAX) break;
      if (server.report === undefined || this.#running.has(server)) continue;
      const jobs = this.#jobsFor(server);
      if (jobs.length === 0) continue;
      if (this.#bucket.take(this.#clock.now()) > 0) break;
      work.push(this.#write(server, jobs));
    }
    await Promise.all(work);
  }

  #jobsFor(server: GameServer): (() => Promise<unknown>)[] {
    const { servers, writer } = this.#options;
    const state = servers.stateOf(server);
    const { labels, annotations } = server.pod.metadata;
    const isMarked =
      labels?.[STATE_LABEL] === state && annotations?.[COST_ANNOTATION] === String(server.busy(this.#now()));
    const jobs: (() => Promise<unknown>)[] = [];
    if (!isMarked) jobs.push(() => writer.mark(server));
    if (hasGate(server) && !isShown(server, state)) jobs.push(() => this.#setCondition(server, state));
    return jobs;
  }

  async #write(server: GameServer, jobs: readonly (() => Promise<unknown>)[]): Promise<void> {
    this.#running.add(server);
    try {
      for (const job of jobs) await job();
      this.written++;
    } catch (error) {
      if (!(error instanceof Gone))
        this.#options.log('debug', `pod ${server.name} is marked later: ${(error as Error).message}`);
    } finally {
      this.#running.delete(server);
    }
  }

  async #setCondition(server: GameServer, state: FleetState): Promise<void> {
    const { client, servers } = this.#options;
    const { name, namespace, uid } = server.pod.metadata;
    const condition = {
      ...conditionOf(state),
      lastTransitionTime: new Date(this.#now()).toISOString().replace(/\.\d+Z$/, 'Z'),
    };
    const body = { metadata: { uid }, status: { conditions: [condition] } };
    servers.setPod(await client.patch(PODS, { namespace, name, subresource: 'status' }, body, PATCH.strategic));
  }
}

function hasGate({ pod }: GameServer): boolean {
  return pod.spec?.readinessGates?.some(({ conditionType }) => conditionType === PLAYABLE) ?? false;
}

/** The reason changes with the status alone while players can play, so that the condition is not written with each of them. */
function conditionOf(state: FleetState): { type: string; status: string; reason: string } {
  const isPlayable = PLAYABLE_STATES.includes(state);
  const reason = isPlayable ? 'Playable' : `${state[0]?.toUpperCase()}${state.slice(1)}`;
  return { type: PLAYABLE, status: isPlayable ? 'True' : 'False', reason };
}

function isShown({ pod }: GameServer, state: FleetState): boolean {
  const shown = pod.status?.conditions?.find(({ type }) => type === PLAYABLE);
  const { status, reason } = conditionOf(state);
  return shown?.status === status && shown.reason === reason;
}
