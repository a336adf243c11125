import { setImmediate } from 'node:timers/promises';
import type { Metric, Registry } from 'prom-client';
import type { Meters } from './meters.ts';
import type { Add } from './metrics/add.ts';
import { addJoins, addRules } from './metrics/admission.ts';
import { addDependencies } from './metrics/dependencies.ts';
import { addEdge, addLink, addMoves } from './metrics/edge.ts';
import type { Figures } from './metrics/figures.ts';
import { addLoad } from './metrics/load.ts';
import { addFrames, addSessions, addTicks } from './metrics/play.ts';
import { addHost, addTraces, library, processRegistry } from './metrics/process.ts';
import { addProtection, addRecoveries } from './metrics/protection.ts';
import { addBus, addTraffic } from './metrics/traffic.ts';

/** After this time, a scrape lets other work have its turn. */
const SLICE_MS = 0.25;

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
    const texts: string[] = [];
    for (const registry of await registries) await write(registry, texts);
    return `${texts.join('\n\n')}\n`;
  };
}

/** Lets frames and input pass in between, which would wait for two milliseconds otherwise. */
async function write(registry: Registry, into: string[]): Promise<void> {
  let begun = performance.now();
  for (const { name } of registry.getMetricsAsArray()) {
    into.push(await registry.getSingleMetricAsString(name));
    if (performance.now() - begun < SLICE_MS) continue;
    await setImmediate();
    begun = performance.now();
  }
}

async function ownRegistry(meters: Meters, figures: Figures): Promise<Registry> {
  const { Registry } = await library();
  const registry = new Registry();
  const add: Add = (name, type, help, read) => {
    const get = async () => ({ name, help, type, values: read(name) });
    // A registry reads only these fields of a metric. The host counts in its own object, which is cheaper than prom-client's.
    registry.registerMetric({ name, help, type, get } as unknown as Metric);
  };
  addHost(add, meters, figures);
  addFrames(add, meters);
  addTicks(add, meters);
  addSessions(add, meters, figures);
  addTraffic(add, meters);
  if (figures.load) addLoad(add, meters, figures.load);
  addBus(add, meters, figures);
  addJoins(add, meters);
  addRules(add, meters);
  addDependencies(add, meters);
  addRecoveries(add, meters, figures);
  if (figures.protection) addProtection(add, meters, figures.protection);
  if (figures.edge) addEdge(add, meters, figures.edge);
  // A host without a store moves no players.
  if (figures.edge) addMoves(add, meters);
  if (figures.link) addLink(add, figures.link);
  addTraces(add, meters);
  return registry;
}
