import type { Metric, Registry } from 'prom-client';
import { BUCKETS } from '../base/buckets.ts';
import { BREAKER_STATES } from '../base/dependencies.ts';
import { losses } from '../base/losses.ts';
import type { EdgeFigures, LinkFigures } from './edge.ts';
import type { Histogram } from './histogram.ts';
import type { Meters } from './meters.ts';
import { type ProtectionFigures, protectionMetrics } from './protection-metrics.ts';

/** Interval at which the delay of the event loop is sampled. */
const LOOP_SAMPLE_MS = 100;

/** Values that a host reports in addition to its counters. The functions are called for each scrape by Prometheus. */
export interface Figures {
  /** Version, engine, GPU and so on, as the labels of nearlight_build_info. */
  build: Readonly<Record<string, string>>;
  /** Number of players' seats in the running games, and how many of them are taken. */
  seats(): { all: number; taken: number };
  /** Number of rooms in each phase that modules have set; `none` for rooms whose module has set none. */
  phases?(): Readonly<Record<string, number>>;
  /** Seconds from the request for a game to each phase of its start that it has reached. */
  coldStart(): Readonly<Record<string, number>>;
  /** Returns the figures of the store and its sender. Without it, the host has no store, and no metrics of one. */
  edge?(): EdgeFigures;
  /** Pressure and injected faults. Without it, the host watches neither. */
  protection?: ProtectionFigures | undefined;
  /** Returns the figures of the connection to an edge service. Without it, the host uses none. */
  link?(): LinkFigures;
  /** Returns how many hosts an edge service serves. Only such a service has it, and it has no seats. */
  hosts?(): number;
}

interface Sample {
  labels: Record<string, string | number>;
  value: number;
  metricName?: string;
}

type Kind = 'counter' | 'gauge' | 'histogram';

/**
 * Returns a function that writes a host's metrics in Prometheus's text format 0.0.4. Their names begin with nearlight_, or
 * with process_ or nodejs_ for metrics of the process. Units are seconds and bytes. No label identifies a player.
 */
export function createMetrics(meters: Meters, figures: Figures): () => Promise<string> {
  let registries: Promise<Registry[]> | undefined;
  return async () => {
    registries ??= Promise.all([ownRegistry(meters, figures), processRegistry()]).catch((error) => {
      registries = undefined;
      throw error;
    });
    const texts = await Promise.all((await registries).map((registry) => registry.metrics()));
    return texts.join('\n');
  };
}

/** Loads prom-client when a host is first scraped, because loading takes 50 ms and 10 MB. */
const library = () => import('prom-client');

async function ownRegistry(meters: Meters, figures: Figures): Promise<Registry> {
  const { Registry } = await library();
  const registry = new Registry();
  const add: Add = (name, type, help, read) => {
    const get = async () => ({ name, help, type, values: read(name) });
    // A registry reads only these fields of a metric. The host counts in its own object, which is cheaper than prom-client's.
    registry.registerMetric({ name, help, type, get } as unknown as Metric);
  };
  addFrames(add, meters);
  addTicks(add, meters);
  addSessions(add, meters, figures);
  addRules(add, meters);
  if (figures.edge) addEdge(add, meters, figures.edge);
  if (figures.link) addLink(add, figures.link);
  const { hosts } = figures;
  if (hosts) add('nearlight_edge_hosts', 'gauge', 'Hosts that this edge service serves.', () => plain(hosts()));
  addTraffic(add, meters);
  addJoins(add, meters);
  addBus(add, meters, figures);
  addDependencies(add, meters);
  addTraces(add, meters);
  addRecoveries(add, meters, figures);
  if (figures.protection)
    for (const { name, type, help, read } of protectionMetrics(meters, figures.protection)) add(name, type, help, read);
  // A host without a store moves no players.
  if (figures.edge) addMoves(add, meters);
  add(
    'nearlight_cold_start_seconds',
    'gauge',
    'Time from the request for the newest game to a phase of its start.',
    () => Object.entries(figures.coldStart()).map(([phase, value]) => ({ labels: { phase }, value })),
  );
  add('nearlight_compile_cpu_seconds_total', 'counter', "CPU time of the node's compiler for this pod's games.", () =>
    plain(meters.compileCpuMs / 1000),
  );
  add('nearlight_gpu_losses_total', 'counter', 'How often the GPU was lost.', () => plain(meters.gpuLosses));
  if (meters.gpuMs !== undefined)
    add(
      'nearlight_gpu_seconds_total',
      'counter',
      "GPU time of the players' pictures, extrapolated from a sample of them.",
      () => plain((meters.gpuMs ?? 0) / 1000),
    );
  add(
    'nearlight_writes_lost_total',
    'counter',
    'Lines of the log, parts of recordings and entries of the compile cache that could not be written.',
    () => Object.entries(losses).map(([what, value]) => ({ labels: { what }, value })),
  );
  add('nearlight_build_info', 'gauge', 'Version of the host and what it runs on; always 1.', () => [
    { labels: figures.build, value: 1 },
  ]);
  return registry;
}

let sharedRegistry: Promise<Registry> | undefined;

/** Returns the metrics of the process. All hosts of a process share them, because they keep a timer and an observer running. */
function processRegistry(): Promise<Registry> {
  sharedRegistry ??= library().then(({ collectDefaultMetrics, Registry }) => {
    const registry = new Registry();
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_SAMPLE_MS });
    // These metrics are gauges but are named like counters. Other metrics report the numbers by type, under proper names.
    for (const what of ['handles', 'requests', 'resources']) registry.removeSingleMetric(`nodejs_active_${what}_total`);
    return registry;
  });
  sharedRegistry.catch(() => {
    sharedRegistry = undefined;
  });
  return sharedRegistry;
}

type Add = (name: string, type: Kind, help: string, read: (name: string) => Sample[]) => void;

function addFrames(add: Add, meters: Meters): void {
  const { inputWait: wait, inputTick: tick, inputTurn: turn, inputToSend } = meters;
  const { render, replay, readback, encode, send, pace, page } = meters;
  const stages = Object.entries({ wait, tick, turn, render, replay, readback, encode, send, pace });
  add('nearlight_frames_encoded_total', 'counter', 'Pictures that were encoded.', () => plain(encode.count));
  add('nearlight_frames_sent_total', 'counter', 'Pictures that were sent.', () => plain(send.count));
  add('nearlight_frames_dropped_total', 'counter', 'Pictures that were rendered but not sent.', () =>
    plain(meters.framesDropped),
  );
  add('nearlight_encoder_bytes_total', 'counter', 'Bytes that the video encoder produced.', () =>
    plain(meters.encodedBytes),
  );
  add(
    'nearlight_frame_stage_seconds',
    'histogram',
    'Time that a picture, or its newest input, spends in a stage of the host.',
    (name) => stages.flatMap(([stage, histogram]) => buckets(name, histogram, { stage })),
  );
  add(
    'nearlight_input_to_send_seconds',
    'histogram',
    'Time from reading the newest input to sending the picture that shows it.',
    (name) => buckets(name, inputToSend),
  );
  add(
    'nearlight_page_stage_seconds',
    'histogram',
    "Times of pictures as players' pages report them: stages outside the host, and the total from an input to its picture.",
    (name) => Object.entries(page).flatMap(([stage, histogram]) => buckets(name, histogram, { stage })),
  );
}

function addTicks(add: Add, meters: Meters): void {
  add('nearlight_ticks_total', 'counter', 'Simulation steps.', () => plain(meters.tick.count));
  add('nearlight_ticks_skipped_total', 'counter', 'Simulation steps that were skipped because the game was late.', () =>
    plain(meters.ticksSkipped),
  );
  add('nearlight_tick_seconds', 'histogram', 'Time that the module takes for a simulation step.', (name) =>
    buckets(name, meters.tick),
  );
  add('nearlight_tick_late_seconds', 'histogram', 'Time from when a simulation step was due to its start.', (name) =>
    buckets(name, meters.tickLate),
  );
}

function addRules(add: Add, meters: Meters): void {
  add('nearlight_rule_decisions_total', 'counter', 'Decisions of risk rules; failed: the rule could not decide.', () =>
    [...meters.ruleDecisions.values()].map(({ rule, verdict, count }) => ({ labels: { rule, verdict }, value: count })),
  );
  add(
    'nearlight_rule_decision_seconds',
    'histogram',
    'Time that a decision of a risk rule took, with waiting.',
    (name) => buckets(name, meters.ruleDecision),
  );
}

function addSessions(add: Add, meters: Meters, figures: Figures): void {
  add('nearlight_sessions', 'gauge', 'Pages that are connected.', () => plain(meters.sessions));
  add('nearlight_sessions_joined_total', 'counter', 'Pages that have connected.', () => plain(meters.sessionsJoined));
  add('nearlight_sessions_ended_total', 'counter', 'Connections that ended, established or not, by reason.', () =>
    Object.entries(meters.sessionsEnded).map(([reason, value]) => ({ labels: { reason }, value })),
  );
  add('nearlight_games_ended_total', 'counter', 'Games that ended by themselves or with an error, by code.', () =>
    [...meters.gamesEnded].map(([code, value]) => ({ labels: { code }, value })),
  );
  add('nearlight_requests_refused_total', 'counter', 'HTTP requests that were refused, by code.', () =>
    [...meters.requestsRefused].map(([code, value]) => ({ labels: { code }, value })),
  );
  add('nearlight_seats', 'gauge', 'Seats of the running games, by whether they are taken.', () => {
    if (figures.hosts) return [];
    const { all, taken } = figures.seats();
    return [
      { labels: { state: 'taken' }, value: taken },
      { labels: { state: 'free' }, value: all - taken },
    ];
  });
}

function addEdge(add: Add, meters: Meters, read: () => EdgeFigures): void {
  const single = (name: string, type: Kind, help: string, value: (figures: EdgeFigures) => number) =>
    add(name, type, help, () => plain(value(read())));
  single('nearlight_outbox_waiting', 'gauge', 'Events that wait to be sent.', ({ waiting }) => waiting);
  single(
    'nearlight_outbox_oldest_seconds',
    'gauge',
    'Age of the event that has waited longest; 0 if none waits.',
    (edge) => edge.oldestSeconds,
  );
  single('nearlight_outbox_sent_total', 'counter', 'Events that the sink has accepted.', ({ sent }) => sent);
  single(
    'nearlight_outbox_failures_total',
    'counter',
    'Requests to the sink that have failed.',
    (edge) => edge.failures,
  );
  single('nearlight_outbox_refused', 'gauge', 'Events that the sink has refused for good.', ({ refused }) => refused);
  single('nearlight_outbox_local', 'gauge', 'Events that may not leave the node.', ({ local }) => local);
  single(
    'nearlight_store_held',
    'gauge',
    'Match results and events that wait for room on the disk.',
    ({ held }) => held,
  );
  single(
    'nearlight_store_damaged_total',
    'counter',
    'Damaged files of the store that were set aside.',
    (edge) => edge.damaged,
  );
  single(
    'nearlight_store_salvaged_rows_total',
    'counter',
    'Rows that were saved from damaged files of the store.',
    (edge) => edge.salvaged,
  );
  add(
    'nearlight_store_given_up',
    'gauge',
    'Whether the store gives up a kind of data because the disk is full: 1 or 0.',
    () => Object.entries(read().givenUp).map(([what, isGivenUp]) => ({ labels: { what }, value: Number(isGivenUp) })),
  );
  add(
    'nearlight_store_commit_seconds',
    'histogram',
    'Time of a write of the store to the disk, which calls share.',
    (name) => buckets(name, meters.storeCommit),
  );
}

function addLink(add: Add, read: () => LinkFigures): void {
  add('nearlight_edge_up', 'gauge', 'Whether the edge service answers: 1 or 0.', () => plain(Number(read().isUp)));
  add('nearlight_edge_reports_waiting', 'gauge', 'Reports that the edge service has not acknowledged.', () =>
    plain(read().waiting),
  );
  add('nearlight_edge_reports_total', 'counter', 'Reports to the edge service, by what became of them.', () => [
    { labels: { outcome: 'sent' }, value: read().sent },
    { labels: { outcome: 'dropped' }, value: read().dropped },
  ]);
  add('nearlight_edge_failures_total', 'counter', 'Requests to which the edge service has not answered.', () =>
    plain(read().failures),
  );
}

function addTraffic(add: Add, meters: Meters): void {
  const byCode = (counts: ReadonlyMap<string, number>) =>
    [...counts].map(([code, value]) => ({ labels: { code }, value }));
  add(
    'nearlight_inputs_coalesced_total',
    'counter',
    'Messages about pointer, sticks and held keys in whose place the game got a newer one.',
    () => plain(meters.inputsCoalesced),
  );
  add('nearlight_inputs_dropped_total', 'counter', 'Presses and messages of players that were dropped, by code.', () =>
    byCode(meters.inputsDropped),
  );
  add(
    'nearlight_pages_dismissed_total',
    'counter',
    'Connections that the host ended for what the page sent, by code.',
    () => byCode(meters.pagesDismissed),
  );
  add('nearlight_connections', 'gauge', 'Places of players and spectators, by tier: hot, warm or cold.', () =>
    Object.entries(meters.tiers).map(([tier, value]) => ({ labels: { tier }, value })),
  );
  add('nearlight_tier_changes_total', 'counter', 'Changes of connections from one tier to another.', () =>
    [...meters.tierChanges].map(([change, value]) => {
      const [from = '', to = ''] = change.split(' ');
      return { labels: { from, to }, value };
    }),
  );
  add(
    'nearlight_tier_change_seconds',
    'histogram',
    "Time of a change: to hot until the first picture is sent, to cold since the page's last packet.",
    (name) => (['hot', 'cold'] as const).flatMap((to) => buckets(name, meters.tierChange[to], { to })),
  );
  add('nearlight_situations_total', 'counter', 'Team fights that began (fight) and ended (calm) in all games.', () =>
    Object.entries(meters.situations).map(([to, value]) => ({ labels: { to }, value })),
  );
}

function addJoins(add: Add, { joinDecisions, joinSteps }: Meters): void {
  add('nearlight_admission_decisions_total', 'counter', 'Outcomes of the steps of joins, by step and reason.', () =>
    Object.entries(joinDecisions).flatMap(([step, outcomes]) =>
      [...outcomes].map(([code, value]) => ({ labels: { step, code }, value })),
    ),
  );
  add('nearlight_admission_step_seconds', 'histogram', 'Time that a step of a join takes.', (name) =>
    Object.entries(joinSteps).flatMap(([step, histogram]) => buckets(name, histogram, { step })),
  );
}

function addBus(add: Add, { bus }: Meters, { phases }: Figures): void {
  add('nearlight_bus_messages_total', 'counter', 'Messages that games sent to other rooms, and that they got.', () => [
    { labels: { way: 'sent' }, value: bus.emitted },
    { labels: { way: 'received' }, value: bus.delivered },
  ]);
  add('nearlight_bus_dropped_total', 'counter', 'Messages between rooms that were dropped, by reason.', () =>
    Object.entries(bus.dropped).map(([reason, value]) => ({ labels: { reason }, value })),
  );
  add('nearlight_results_lost_total', 'counter', 'Results of matches that could not be kept.', () =>
    plain(bus.resultsLost),
  );
  add('nearlight_rooms', 'gauge', 'Running games, by the phase of the match that they have set.', () =>
    Object.entries(phases?.() ?? {}).map(([phase, value]) => ({ labels: { phase }, value })),
  );
}

function addDependencies(add: Add, { dependencies, endpoints }: Meters): void {
  const each = Object.entries(dependencies);
  add(
    'nearlight_dependency_state',
    'gauge',
    'State of the breaker of a service that the host asks: 1 for the state that it is in, 0 for the others.',
    () =>
      each.flatMap(([dependency, { state }]) =>
        BREAKER_STATES.map((name) => ({ labels: { dependency, state: name }, value: Number(name === state) })),
      ),
  );
  add(
    'nearlight_dependency_changes_total',
    'counter',
    'Changes of the breaker of a service, by the state it came to.',
    () =>
      each.flatMap(([dependency, { changes }]) =>
        Object.entries(changes).map(([to, value]) => ({ labels: { dependency, to }, value })),
      ),
  );
  add(
    'nearlight_dependency_calls_total',
    'counter',
    'Calls of a service by outcome; open: refused by its breaker, full: too many at once.',
    () =>
      each.flatMap(([dependency, { outcomes }]) =>
        Object.entries(outcomes).map(([outcome, value]) => ({ labels: { dependency, outcome }, value })),
      ),
  );
  add('nearlight_dependency_call_seconds', 'histogram', 'Time of a call of a service, with waiting.', (name) =>
    each.flatMap(([dependency, { time }]) => buckets(name, time, { dependency })),
  );
  add(
    'nearlight_endpoint_excess_total',
    'counter',
    'Requests and calls beyond a rule of ENDPOINT_RULES: that waited, or that were refused.',
    () =>
      Object.entries(endpoints).flatMap(([endpoint, { queued, rejected }]) => [
        { labels: { endpoint, fate: 'queued' }, value: queued },
        { labels: { endpoint, fate: 'rejected' }, value: rejected },
      ]),
  );
}

function addRecoveries(add: Add, { joinOutages, bus }: Meters, { edge }: Figures): void {
  add(
    'nearlight_protection_recovery_seconds',
    'gauge',
    'Time from the first failure of what a step depends on to its next success: now, or else the last time; 0 for none.',
    () => {
      const seconds = Object.entries(joinOutages).map(([step, outage]) => [step, outage.seconds] as const);
      seconds.push(['bus', bus.outage.seconds]);
      if (edge) seconds.push(['outbox', edge().outageSeconds]);
      return seconds.map(([step, value]) => ({ labels: { step }, value }));
    },
  );
}

function addTraces(add: Add, { traces }: Meters): void {
  add(
    'nearlight_traces_total',
    'counter',
    'Traces that have ended, by what became of them, and work not traced.',
    () => [
      { labels: { outcome: 'kept' }, value: traces.kept },
      { labels: { outcome: 'left_out' }, value: traces.leftOut },
      { labels: { outcome: 'untraced' }, value: traces.untraced },
    ],
  );
  add('nearlight_trace_spans_total', 'counter', 'Spans that the receiver of traces took, or that were dropped.', () => [
    { labels: { outcome: 'sent' }, value: traces.sent },
    { labels: { outcome: 'dropped' }, value: traces.dropped },
  ]);
}

function addMoves(add: Add, { moves, movesOpen, move, moveUndo }: Meters): void {
  add(
    'nearlight_moves_total',
    'counter',
    'Players who moved to another game or host (committed), stayed (compensated, or refused at once), or came (arrived).',
    () => Object.entries(moves).map(([outcome, value]) => ({ labels: { outcome }, value })),
  );
  add('nearlight_moves_open', 'gauge', 'Moves of players that are not finished, from and to this host.', () =>
    Object.entries(movesOpen).map(([way, value]) => ({ labels: { way }, value })),
  );
  add('nearlight_move_seconds', 'histogram', 'Time of a move of a player, until it was done or undone.', (name) =>
    buckets(name, move),
  );
  add('nearlight_move_undo_seconds', 'histogram', 'Time that undoing a move of a player took.', (name) =>
    buckets(name, moveUndo),
  );
}

function plain(value: number): Sample[] {
  return [{ labels: {}, value }];
}

/** Returns the samples of one histogram. Prometheus wants cumulative buckets. */
function buckets(name: string, histogram: Histogram, labels: Record<string, string> = {}): Sample[] {
  let below = 0;
  const upTo = BUCKETS.map((le, bucket) => {
    below += histogram.counts[bucket] ?? 0;
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: below };
  });
  return [
    ...upTo,
    { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: histogram.count },
    { metricName: `${name}_sum`, labels, value: histogram.sumSeconds },
    { metricName: `${name}_count`, labels, value: histogram.count },
  ];
}
