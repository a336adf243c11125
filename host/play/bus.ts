import type { Bus } from '../base/bus.ts';
import { systemClock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import type { Log } from '../base/log.ts';
import { createBus } from '../edge/bus/bus.ts';
import { faultyLink } from '../edge/faults/link.ts';
import { countedBus, countedLink } from '../edge/protection/bus.ts';
import type { Meters } from '../observe/meters.ts';
import type { Resilience } from './resilience.ts';

export interface BusOptions {
  config: Config;
  log: Log;
  meters: Meters;
  resilience: Pick<Resilience, 'faults' | 'protection'>;
}

/** Opens the bus of a host. Its messages may become pressure, and its link to other hosts suffers injected faults. */
export function openBus({ config, log, meters, resilience: { faults, protection } }: BusOptions): Bus {
  const { busQueueMax, burstBusQueueMax } = config;
  const bus = createBus({
    config,
    counts: meters.bus,
    log,
    queueMax: () => (protection.isHigh('chat') ? Math.min(burstBusQueueMax, busQueueMax) : busQueueMax),
    wrapLink: (make) => countedLink(faultyLink(make, { faults, clock: systemClock, counts: meters.bus }), protection),
  });
  return countedBus(bus, protection);
}
