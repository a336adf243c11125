import type { Config } from '../../base/config.ts';
import type { DependencyName } from '../../base/dependencies.ts';
import type { ErrorCode } from '../../base/errors.ts';
import type { Budget } from './dependency.ts';

/** The effects of a service that fails. host/DEPENDENCIES.md has it as a table, and a test tries each line. */
export interface Entry {
  /** A name for it, such as "the issuer of tokens". */
  readonly title: string;
  /** The environment variables that name it. */
  readonly settings: readonly string[];
  /** Who asks it: this process, or the node for its containers. */
  readonly askedBy: 'process' | 'node';
  /** The parts of the host that go on while it is dead, slow or lying. */
  readonly goesOn: string;
  /** The parts that do not. */
  readonly stops: string;
  /** The codes that a player's page may show meanwhile. */
  readonly codes: readonly ErrorCode[];
  readonly recovery: string;
}

/** Limits on the calls of a service. A time limit that is a text is the setting with that name. */
export interface TableBudget extends Omit<Budget, 'msMax'> {
  readonly msMax: 'issuerMsMax' | 'opaMsMax' | 'sinkMsMax' | number;
}

/** Services that this process asks, each through a Dependency with this budget. */
export const TABLE = {
  issuer: {
    title: 'the issuer of tokens',
    settings: ['OIDC_ISSUER'],
    askedBy: 'process',
    goesOn:
      'matches; returns to a seat; join tickets; new players by the keys that the host knows, until they are KEYS_SECONDS_MAX old. With STORE_DIR, these outlive a restart',
    stops:
      'without keys, no new player joins. An issuer that lies about its keys makes tokens invalid until it gives the right ones',
    codes: ['NL_ISSUER', 'NL_TOKEN'],
    recovery: 'the next join after it is back, but no more than one attempt in 5 s',
    budget: { msMax: 'issuerMsMax', concurrent: 2, queueMax: 16, retries: 1 },
  },
  opa: {
    title: 'the OPA server',
    settings: ['OPA_URL'],
    askedBy: 'process',
    goesOn:
      'matches; returns to a seat; decisions that are no older than OPA_CACHE_MS; what POLICY_FAIL_OPEN lists, which is watching by default',
    stops: 'new players, unless POLICY_FAIL_OPEN lists gaming',
    codes: ['NL_POLICY_DOWN'],
    recovery: 'the first join 2 s after the breaker has opened',
    budget: { msMax: 'opaMsMax', concurrent: 64, queueMax: 1024, retries: 1 },
  },
  nats: {
    title: 'the NATS servers',
    settings: ['NATS_URL'],
    askedBy: 'process',
    goesOn: 'matches; messages between rooms of this host; results, which are kept in the store',
    stops: 'messages between hosts, which are dropped and counted; those that are not messages are, too',
    codes: [],
    recovery: 'by itself, after a pause that grows to 8 s',
    budget: { msMax: 5000, concurrent: 2, queueMax: 2, retries: 0 },
  },
  centre: {
    title: 'the event sink',
    settings: ['SINK_URL', 'SINK_SUBJECT'],
    askedBy: 'process',
    goesOn: 'matches; new players; events, which wait in the store, also across a restart',
    stops: 'with OFFLINE_MODE=false, /readyz answers that the host is not ready, so that no new players are sent to it',
    codes: [],
    recovery: 'by itself, after a pause that doubles to 8 s; then at most SINK_EVENTS_PER_SECOND_MAX',
    budget: { msMax: 'sinkMsMax', concurrent: 2, queueMax: 2, retries: 0 },
  },
} as const satisfies Record<DependencyName, Entry & { budget: TableBudget }>;

/** Services that the node asks before the process of a game starts, so that no process has a breaker for them. */
export const NODE_TABLE = {
  registry: {
    title: 'the registry of images',
    settings: ['the image in the pod'],
    askedBy: 'node',
    goesOn: 'matches; pods whose image the node has, also if they start again',
    stops: 'pods with an image that the node does not have',
    codes: [],
    recovery: 'containerd and the kubelet pull again after a pause that doubles to 5 min',
  },
} as const satisfies Record<string, Entry>;

/** Returns the limits on the calls of a service, as the settings say. */
export function budgetOf(name: DependencyName, config: Pick<Config, 'issuerMsMax' | 'opaMsMax' | 'sinkMsMax'>): Budget {
  const { msMax, ...rest } = TABLE[name].budget;
  return { ...rest, msMax: typeof msMax === 'number' ? msMax : config[msMax] };
}
