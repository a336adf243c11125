import type { BusCounts } from '../../base/bus.ts';
import type { Clock } from '../../base/clock.ts';
import type { Faults } from '../../base/faults.ts';
import type { MakeLink } from '../bus/process.ts';
import { Lane } from './lane.ts';

/** Messages that may wait for an injected latency in one direction. Further ones are dropped and counted. */
export const LINK_WAITING_MAX = 4096;

export interface FaultyLinkOptions {
  faults: Pick<Faults, 'strike'>;
  clock: Clock;
  counts: BusCounts;
}

/**
 * Makes a link to other hosts suffer the faults of `nats`: a message that is cut is dropped and counted as if there were no
 * connection, and one that is delayed comes late, but never before an earlier one.
 */
export function faultyLink(make: MakeLink, options: FaultyLinkOptions): MakeLink {
  const { faults, clock, counts } = options;
  const direction = () => {
    const lane = new Lane(clock);
    return (deliver: () => void): void => {
      const strike = faults.strike('nats');
      if (strike?.kind === 'cut') counts.dropped.offline++;
      else if (lane.waiting >= LINK_WAITING_MAX) counts.dropped.slow++;
      else lane.pass(strike?.ms ?? 0, deliver);
    };
  };
  return (receive) => {
    const [inward, outward] = [direction(), direction()];
    const link = make((game, message) => inward(() => receive(game, message)));
    return {
      listen: (game, topic) => link.listen(game, topic),
      ignore: (game, topic) => link.ignore(game, topic),
      publish: (game, message) => outward(() => link.publish(game, message)),
      close: () => link.close(),
    };
  };
}
