import type { Bus, BusCounts } from '../../base/bus.ts';
import type { Config } from '../../base/config.ts';
import type { Log } from '../../base/log.ts';
import type { Dependency } from '../dependencies/dependency.ts';
import { NatsLink } from './nats.ts';
import { ProcessBus } from './process.ts';

/** Creates the bus that the settings name: over NATS, or within this process if NATS_URL is empty. */
export function createBus(options: {
  config: Pick<Config, 'natsUrl' | 'busQueueMax'>;
  counts: BusCounts;
  log: Log;
  /** The NATS servers. */
  dependency: Dependency;
}): Bus {
  const { config, counts, log, dependency } = options;
  const { natsUrl: url, busQueueMax: queueMax } = config;
  if (url === '') return new ProcessBus({ queueMax, counts });
  return new ProcessBus({
    queueMax,
    counts,
    link: (receive) => new NatsLink({ url, counts, log, dependency, receive }),
  });
}
