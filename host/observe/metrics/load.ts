import type { Meters } from '../meters.ts';
import { type Add, buckets, plain } from './add.ts';
import type { LoadFigures } from './figures.ts';

/** Adds what a fleet scales by, as far as other metrics do not have it. */
export function addLoad(add: Add, { packets, roundTrip }: Meters, { queue, kernel }: LoadFigures): void {
  add('nearlight_queue', 'gauge', 'Pages that wait for a seat.', () => plain(queue()));
  add(
    'nearlight_video_packets_total',
    'counter',
    'Packets of video: sent for the first time (new), or again because the page missed them (repeated).',
    () => [
      { labels: { kind: 'new' }, value: packets.sent - packets.resent },
      { labels: { kind: 'repeated' }, value: packets.resent },
    ],
  );
  add(
    'nearlight_round_trip_seconds',
    'histogram',
    "Time from sending a packet of video to the page's report of its arrival.",
    (name) => buckets(name, roundTrip),
  );
  add(
    'nearlight_cpu_periods_total',
    'counter',
    "Periods of the CPU limits of the pod's cgroups, by whether the kernel stopped processes in them.",
    () => {
      const { periods, throttledPeriods } = kernel();
      if (periods === undefined || throttledPeriods === undefined) return [];
      return [
        { labels: { fate: 'throttled' }, value: throttledPeriods },
        { labels: { fate: 'free' }, value: periods - throttledPeriods },
      ];
    },
  );
  add(
    'nearlight_cpu_stalled_seconds_total',
    'counter',
    'Time in which a process of the pod waited for a processor (PSI); only with cgroup version 2.',
    () => {
      const { stalledUs } = kernel();
      return stalledUs === undefined ? [] : plain(stalledUs / 1e6);
    },
  );
}
