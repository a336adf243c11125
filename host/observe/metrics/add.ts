import { BUCKETS } from '../../base/buckets.ts';
import type { Histogram } from '../histogram.ts';

/** A value of a metric, with its labels. */
export interface Sample {
  labels: Record<string, string | number>;
  value: number;
  metricName?: string;
}

export type Kind = 'counter' | 'gauge' | 'histogram';

/** Adds a metric to a host's. `read` is called for each scrape, with the name of the metric. */
export type Add = (name: string, type: Kind, help: string, read: (name: string) => Sample[]) => void;

/** Returns the sample of a metric without labels. */
export function plain(value: number): Sample[] {
  return [{ labels: {}, value }];
}

/** Returns the samples of one histogram. Prometheus wants cumulative buckets. */
export function buckets(name: string, histogram: Histogram, labels: Record<string, string> = {}): Sample[] {
  let below = 0;
  const upTo = BUCKETS.map((le, bucket) => {
    below += histogram.counts[bucket] ?? 0;
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: below };
  });
  return [
    ...upTo,
    { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: histogram.count },
    { metricName: `${name}_sum`, labels, value: histogram.sumSeconds },
    { metricName: `${name}_count`, labels, value: histogram.count },
  ];
}
