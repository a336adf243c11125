import type { Metric, Registry } from 'prom-client';
import { BUCKETS, type Histogram } from './histogram.ts';
import type { Meters } from './meters.ts';

/** How often the event loop's delay is looked at. */
const LOOP_MS = 100;

/** What a host knows of itself beside its meters, read whenever somebody asks. */
export interface Figures {
  /** What was built and what it runs on; the labels of nearlight_build_info. */
  build: Readonly<Record<string, string>>;
  /** Seats of the rooms that run, and those of them that are taken. */
  seats(): { all: number; taken: number };
  /** Seconds from the request for a game to each phase of its start that it has passed. */
  coldStart(): Readonly<Record<string, number>>;
}

interface Sample {
  labels: Record<string, string | number>;
  value: number;
  metricName?: string;
}

type Kind = 'counter' | 'gauge' | 'histogram';

/**
 * Gives a function that writes a host's figures in Prometheus's text format 0.0.4. Names begin with nearlight_, but for
 * those of the process itself (process_, nodejs_); units are seconds and bytes; no label names a player or a session.
 */
export function createMetrics(meters: Meters, figures: Figures): () => Promise<string> {
  let registries: Promise<Registry[]> | undefined;
  return async () => {
    registries ??= Promise.all([ownRegistry(meters, figures), processRegistry()]);
    const texts = await Promise.all((await registries).map((registry) => registry.metrics()));
    return texts.join('\n');
  };
}

/** prom-client takes 50 ms and 10 MB to load, so only a host that somebody asks pays for it. */
const library = () => import('prom-client');

async function ownRegistry(meters: Meters, figures: Figures): Promise<Registry> {
  const { Registry } = await library();
  const registry = new Registry();
  const add: Add = (name, type, help, read) => {
    const get = async () => ({ name, help, type, values: read(name) });
    // A registry asks a metric for no more than this; the figures are counted elsewhere, without prom-client's cost.
    registry.registerMetric({ name, help, type, get } as unknown as Metric);
  };
  addFrames(add, meters);
  addTicks(add, meters);
  addSessions(add, meters, figures);
  add('nearlight_cold_start_seconds', 'gauge', 'From the request for the newest game to a phase of its start.', () =>
    Object.entries(figures.coldStart()).map(([phase, value]) => ({ labels: { phase }, value })),
  );
  if (meters.gpuMs !== undefined)
    add('nearlight_gpu_seconds_total', 'counter', "GPU time of the players' pictures, extrapolated from some.", () =>
      plain((meters.gpuMs ?? 0) / 1000),
    );
  add('nearlight_build_info', 'gauge', 'What was built and what it runs on; always 1.', () => [
    { labels: figures.build, value: 1 },
  ]);
  return registry;
}

let ofProcess: Promise<Registry> | undefined;

/** The process's own figures; one for all, as they keep a timer and an observer running. */
function processRegistry(): Promise<Registry> {
  ofProcess ??= library().then(({ collectDefaultMetrics, Registry }) => {
    const registry = new Registry();
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_MS });
    // Gauges with the name of a counter; each is also there by type.
    for (const what of ['handles', 'requests', 'resources']) registry.removeSingleMetric(`nodejs_active_${what}_total`);
    return registry;
  });
  return ofProcess;
}

type Add = (name: string, type: Kind, help: string, read: (name: string) => Sample[]) => void;

function addFrames(add: Add, meters: Meters): void {
  const { render, replay, readback, encode, send, inputToSend } = meters;
  const stages = Object.entries({ render, replay, readback, encode, send });
  add('nearlight_frames_encoded_total', 'counter', 'Pictures that were encoded.', () => plain(encode.count));
  add('nearlight_frames_sent_total', 'counter', 'Pictures that were sent.', () => plain(send.count));
  add('nearlight_frames_dropped_total', 'counter', 'Pictures that were rendered and not sent.', () =>
    plain(meters.framesDropped),
  );
  add('nearlight_encoder_bytes_total', 'counter', 'Bytes that the encoder gave.', () => plain(meters.encodedBytes));
  add('nearlight_frame_stage_seconds', 'histogram', "One picture's time in a stage.", (name) =>
    stages.flatMap(([stage, histogram]) => buckets(name, histogram, { stage })),
  );
  add('nearlight_input_to_send_seconds', 'histogram', 'From reading an input to sending what it did.', (name) =>
    buckets(name, inputToSend),
  );
}

function addTicks(add: Add, meters: Meters): void {
  add('nearlight_ticks_total', 'counter', 'Steps of the simulation.', () => plain(meters.tick.count));
  add('nearlight_ticks_skipped_total', 'counter', 'Steps that a late room let go.', () => plain(meters.ticksSkipped));
  add('nearlight_tick_seconds', 'histogram', "The module's time for a step.", (name) => buckets(name, meters.tick));
  add('nearlight_tick_late_seconds', 'histogram', 'From when a step was due to when it began.', (name) =>
    buckets(name, meters.tickLate),
  );
}

function addSessions(add: Add, meters: Meters, figures: Figures): void {
  add('nearlight_sessions', 'gauge', 'Pages that are connected.', () => plain(meters.sessions));
  add('nearlight_sessions_joined_total', 'counter', 'Pages that have connected.', () => plain(meters.sessionsJoined));
  add('nearlight_sessions_ended_total', 'counter', 'Connections that ended, made or not, by why.', () =>
    Object.entries(meters.sessionsEnded).map(([reason, value]) => ({ labels: { reason }, value })),
  );
  add('nearlight_games_ended_total', 'counter', 'Games that ended by themselves, by the code of the error.', () =>
    [...meters.gamesEnded].map(([code, value]) => ({ labels: { code }, value })),
  );
  add('nearlight_seats', 'gauge', 'Seats of the games that run, by whether somebody sits there.', () => {
    const { all, taken } = figures.seats();
    return [
      { labels: { state: 'taken' }, value: taken },
      { labels: { state: 'free' }, value: all - taken },
    ];
  });
}

function plain(value: number): Sample[] {
  return [{ labels: {}, value }];
}

/** The samples of one histogram; its buckets are cumulative. */
function buckets(name: string, histogram: Histogram, labels: Record<string, string> = {}): Sample[] {
  let below = 0;
  const upTo = BUCKETS.map((le, bucket) => {
    below += histogram.counts[bucket]!;
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: below };
  });
  return [
    ...upTo,
    { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: histogram.count },
    { metricName: `${name}_sum`, labels, value: histogram.sumSeconds },
    { metricName: `${name}_count`, labels, value: histogram.count },
  ];
}
