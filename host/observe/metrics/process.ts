import type { Registry } from 'prom-client';
import { losses } from '../../base/losses.ts';
import type { Meters } from '../meters.ts';
import { type Add, plain } from './add.ts';
import type { Figures } from './figures.ts';

/** Interval at which the delay of the event loop is sampled. */
const LOOP_SAMPLE_MS = 100;

/** Loads prom-client when a host is first scraped, because loading takes 50 ms and 10 MB. */
export const library = () => import('prom-client');

let shared: Promise<Registry> | undefined;

/** Returns the metrics of the process. All hosts of a process share them, because they keep a timer and an observer running. */
export function processRegistry(): Promise<Registry> {
  shared ??= library().then(({ collectDefaultMetrics, Registry }) => {
    const registry = new Registry();
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_SAMPLE_MS });
    // These metrics are gauges but are named like counters. Other metrics report the numbers by type, under proper names.
    for (const what of ['handles', 'requests', 'resources']) registry.removeSingleMetric(`nodejs_active_${what}_total`);
    return registry;
  });
  shared.catch(() => {
    shared = undefined;
  });
  return shared;
}

export function addHost(add: Add, meters: Meters, { build, coldStart, hosts }: Figures): void {
  add('nearlight_build_info', 'gauge', 'Version of the host and what it runs on; always 1.', () => [
    { labels: build, value: 1 },
  ]);
  add(
    'nearlight_cold_start_seconds',
    'gauge',
    'Time from the request for the newest game to a phase of its start.',
    () => Object.entries(coldStart()).map(([phase, value]) => ({ labels: { phase }, value })),
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
  if (hosts) add('nearlight_edge_hosts', 'gauge', 'Hosts that this edge service serves.', () => plain(hosts()));
}

export function addTraces(add: Add, { traces }: Meters): void {
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
