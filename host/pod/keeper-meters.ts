import { createServer } from 'node:http';
import type { Tenant } from './fair-queue.ts';
import type { HangReason } from './hang.ts';
import { listenPrivately } from './listen.ts';

/** Most namespaces with a counter of their own. Those beyond share one, so that their names cannot fill the memory. */
const NAMESPACES_MAX = 256;
const OTHERS = 'others';

/** The keeper's counters over its life. */
export class KeeperMeters {
  /** CPU seconds of the compiler by the namespace of the pod that asked. */
  readonly compileCpuSeconds = new Map<string, number>();
  compiled = 0;
  compileFailed = 0;
  /** Requests to compile that were refused because a bound of the queue was reached. */
  refused = 0;
  /** Host processes that were killed because they did not respond, by what they were doing. */
  readonly hostsKilled = new Map<HangReason, number>([
    ['stopped', 0],
    ['busy', 0],
    ['blocked', 0],
  ]);

  countCompilation({ namespace }: Tenant, cpuMs: number, isGood: boolean): void {
    if (isGood) this.compiled++;
    else this.compileFailed++;
    const counts = this.compileCpuSeconds;
    const name = counts.has(namespace) || counts.size < NAMESPACES_MAX ? namespace : OTHERS;
    counts.set(name, (counts.get(name) ?? 0) + cpuMs / 1000);
  }

  countKilledHost(reason: HangReason): void {
    this.hostsKilled.set(reason, (this.hostsKilled.get(reason) ?? 0) + 1);
  }
}

/** The values that the keeper reports in addition to its counters. */
export interface KeeperFigures {
  /** Requests to compile that wait, and compilations that run. */
  queue: { waiting: number; running: number };
  cache: { hits: number; misses: number; rejected: number };
  /** How many host processes the keeper watches. */
  hostsWatched: number;
  /** How many host processes should wait for pods. */
  hostsWanted: number;
}

/** Writes the keeper's metrics in Prometheus's text format 0.0.4. */
export function keeperMetrics(
  meters: KeeperMeters,
  { queue, cache, hostsWatched, hostsWanted }: KeeperFigures,
): string {
  const lines: string[] = [];
  const add = (name: string, type: 'counter' | 'gauge', help: string, values: [labels: string, value: number][]) => {
    lines.push(`# HELP nearlight_keeper_${name} ${help}`, `# TYPE nearlight_keeper_${name} ${type}`);
    for (const [labels, value] of values) lines.push(`nearlight_keeper_${name}${labels} ${value}`);
  };
  const by = (label: string, values: Iterable<[string, number]>): [string, number][] =>
    [...values].map(([name, value]) => [`{${label}="${escapeLabel(name)}"}`, value]);
  add(
    'compile_requests',
    'gauge',
    'Modules that wait for the compiler or are being compiled.',
    by('state', Object.entries(queue)),
  );
  add(
    'compilations_total',
    'counter',
    'Modules that were compiled, by whether that succeeded.',
    by('result', [
      ['compiled', meters.compiled],
      ['failed', meters.compileFailed],
    ]),
  );
  add(
    'compile_cpu_seconds_total',
    'counter',
    'CPU time of the compiler, by the namespace of the pod that asked.',
    by('namespace', meters.compileCpuSeconds),
  );
  add('compile_refused_total', 'counter', 'Requests to compile beyond the bounds of the queue.', [
    ['', meters.refused],
  ]);
  add(
    'cache_entries_total',
    'counter',
    'Answers of the compile cache. A rejected entry has a wrong seal.',
    by('result', Object.entries(cache)),
  );
  add('hosts_watched', 'gauge', 'Host processes whose response the keeper checks.', [['', hostsWatched]]);
  add('hosts_wanted', 'gauge', 'Host processes that should wait for pods.', [['', hostsWanted]]);
  add(
    'hosts_killed_total',
    'counter',
    'Host processes that were killed because they did not respond.',
    by('reason', meters.hostsKilled),
  );
  return `${lines.join('\n')}\n`;
}

/** Escapes a label's value (Prometheus exposition formats, "Comments, help text, and type information"). */
function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

/** Serves `GET /metrics` on a unix socket that only our own user can open. Returns a function that ends it. */
export async function serveMetrics(socket: string, metrics: () => string): Promise<() => Promise<void>> {
  const server = createServer((request, response) => {
    const isFound = request.method === 'GET' && request.url === '/metrics';
    response.writeHead(isFound ? 200 : 404, { 'content-type': 'text/plain; version=0.0.4' });
    response.end(isFound ? metrics() : 'use GET /metrics\n');
  });
  await listenPrivately(server, socket);
  return async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
}
