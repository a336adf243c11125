import { type Clock, systemClock } from '../../base/clock.ts';
import type { Config } from '../../base/config.ts';
import { DEPENDENCIES, type DependencyName, ENDPOINTS, type EndpointName } from '../../base/dependencies.ts';
import type { Log } from '../../base/log.ts';
import type { Meters } from '../../observe/meters.ts';
import { Dependency } from './dependency.ts';
import { Endpoint } from './endpoint.ts';
import { budgetOf, TABLE } from './table.ts';

export interface DependenciesOptions {
  config: Pick<Config, 'issuerMsMax' | 'opaMsMax' | 'sinkMsMax'>;
  log: Log;
  meters: Pick<Meters, 'dependencies' | 'endpoints'>;
  clock?: Clock;
  random?(): number;
}

/** The services outside a host, each behind its breaker. Those that the settings do not name are never asked. */
export interface Dependencies extends Readonly<Record<DependencyName, Dependency>> {
  /** Everything that a rule can limit: these services, and requests of pages. Without rules nothing is limited. */
  readonly endpoints: Readonly<Record<EndpointName, Endpoint>>;
}

export function createDependencies(options: DependenciesOptions): Dependencies {
  const { config, log, meters, clock = systemClock, random } = options;
  const onSlow = (name: string, ms: number | undefined) =>
    log('warn', `${name}: no call starts for a moment, because half of the last ones took longer than ${ms} ms`);
  const endpoints = Object.fromEntries(
    ENDPOINTS.map((name) => [
      name,
      new Endpoint({ clock, meter: meters.endpoints[name], onSlow: ({ responseMs }) => onSlow(name, responseMs) }),
    ]),
  ) as Record<EndpointName, Endpoint>;
  const services = Object.fromEntries(
    DEPENDENCIES.map((name) => [
      name,
      new Dependency({
        title: `${TABLE[name].title} (${TABLE[name].settings.join(', ')})`,
        budget: budgetOf(name, config),
        clock,
        log,
        meter: meters.dependencies[name],
        endpoint: endpoints[name],
        ...(random ? { random } : {}),
      }),
    ]),
  ) as Record<DependencyName, Dependency>;
  return { ...services, endpoints };
}
