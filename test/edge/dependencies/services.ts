import { systemClock } from '../../../host/base/clock.ts';
import type { DependencyName } from '../../../host/base/dependencies.ts';
import type { Log } from '../../../host/base/log.ts';
import { type Budget, Dependency, type DependencyOptions } from '../../../host/edge/dependencies/dependency.ts';
import { TABLE } from '../../../host/edge/dependencies/table.ts';
import { DependencyMeter } from '../../../host/observe/dependency-meter.ts';

/** A service with the budget of the table, on the clock of the system. */
export function service(
  name: DependencyName,
  { msMax = 5000, log = () => {}, ...more }: Partial<Budget & DependencyOptions> & { log?: Log } = {},
): Dependency {
  const { budget, title } = TABLE[name];
  return new Dependency({
    title,
    budget: { ...budget, msMax },
    clock: systemClock,
    log,
    meter: new DependencyMeter(),
    ...more,
  });
}
