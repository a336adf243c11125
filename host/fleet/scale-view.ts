import { type Measures, readMeasures } from '../base/measures.ts';
import type { Allocator } from './allocate/allocator.ts';
import type { FleetState, GameServer } from './allocate/server.ts';
import type { Servers } from './allocate/servers.ts';
import type { ObservedServer } from './scale/load.ts';
import type { FleetView } from './scale/scaler.ts';
import type { GameName } from './scale/source.ts';

/** The label of a pod with the name of its game. */
const GAME_LABEL = 'app.kubernetes.io/name';

export interface ScaleViewOptions {
  servers: Pick<Servers, 'all'>;
  allocator: Pick<Allocator, 'waitingFor'>;
  leads(): boolean;
  /** The monotonic clock, by which reports count. */
  clock: { now(): number };
  /** Milliseconds since 1970. */
  now(): number;
}

/** The fleet as the scaler sees it: the pods of the API with the reports of the nodes. */
export class ScaleView implements FleetView {
  readonly #options: ScaleViewOptions;
  /** The measures of reports, which are read only once. */
  readonly #measures = new WeakMap<object, Measures>();

  constructor(options: ScaleViewOptions) {
    this.#options = options;
  }

  leads(): boolean {
    return this.#options.leads();
  }

  /** Pods that Kubernetes is deleting do not count: their Deployment has others in their place, or needs none. */
  servers({ namespace, game }: GameName): ObservedServer[] {
    const found: ObservedServer[] = [];
    for (const server of this.#options.servers.all()) {
      const { metadata, status } = server.pod;
      const isOf = metadata.namespace === namespace && metadata.labels?.[GAME_LABEL] === game;
      const isThere =
        metadata.deletionTimestamp === undefined && status?.phase !== 'Succeeded' && status?.phase !== 'Failed';
      if (isOf && isThere) found.push(this.#observe(server));
    }
    return found;
  }

  /** The number of pods that there are. A Deployment makes and removes them at once. */
  wanted(name: GameName): number {
    return this.servers(name).length;
  }

  waiting({ game }: GameName): number {
    return this.#options.allocator.waitingFor(game);
  }

  #observe(server: GameServer): ObservedServer {
    const { clock, now } = this.#options;
    const [monotonic, at] = [clock.now(), now()];
    const { report } = server;
    const isHeard = server.isHeard(monotonic);
    return {
      state: stateOf(server, server.state({ now: monotonic, at })),
      seats: {
        all: report?.seats.all ?? 0,
        taken: report?.seats.taken ?? 0,
        reserved: (report?.seats.reserved ?? 0) + server.expected(at),
      },
      measures: report ? this.#read(report.measures) : {},
      at: isHeard ? at : undefined,
    };
  }

  #read(measures: object): Measures {
    const known = this.#measures.get(measures);
    if (known) return known;
    const read = readMeasures(measures) ?? {};
    this.#measures.set(measures, read);
    return read;
  }
}

/** A pod without a report starts until it is ready. One that is ready or has reported before says nothing. */
function stateOf({ report, pod }: GameServer, state: FleetState): ObservedServer['state'] {
  if (state !== 'lost') return state;
  const isReady = pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
  return report || isReady ? 'ready' : 'starting';
}
