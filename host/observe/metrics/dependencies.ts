import { BREAKER_STATES } from '../../base/dependencies.ts';
import type { Meters } from '../meters.ts';
import { type Add, buckets } from './add.ts';

export function addDependencies(add: Add, { dependencies, endpoints }: Meters): void {
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
  add('nearlight_dependency_repeats_total', 'counter', 'Calls of a service that were made again after a failure.', () =>
    each.map(([dependency, { repeats }]) => ({ labels: { dependency }, value: repeats })),
  );
  add(
    'nearlight_dependency_recovery_seconds',
    'gauge',
    'Time from the first failure of a service to its next success: now, or else the last time; 0 for none.',
    () => each.map(([dependency, { outage }]) => ({ labels: { dependency }, value: outage.seconds })),
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
