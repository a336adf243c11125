import type { Bus, BusCounts } from '../../base/bus.ts';
import type { Config } from '../../base/config.ts';
import type { Log } from '../../base/log.ts';
import { NatsLink } from './nats.ts';
import { type MakeLink, ProcessBus } from './process.ts';

/** Creates the bus that the settings name: over NATS, or within this process if NATS_URL is empty. */
export function createBus(options: {
  config: Pick<Config, 'natsUrl' | 'busQueueMax'>;
  counts: BusCounts;
  log: Log;
  /** Messages that may wait for one room; BUS_QUEUE_MAX by default. */
  queueMax?(): number;
  /** Changes what the link to other hosts does, for example so that it suffers faults. */
  wrapLink?(make: MakeLink): MakeLink;
}): Bus {
  const { config, counts, log, wrapLink = (make) => make } = options;
  const { natsUrl: url, busQueueMax } = config;
  const { queueMax = busQueueMax } = options;
  if (url === '') return new ProcessBus({ queueMax, counts });
  const link = wrapLink((receive) => new NatsLink({ url, counts, log, receive }));
  return new ProcessBus({ queueMax, counts, link });
}
