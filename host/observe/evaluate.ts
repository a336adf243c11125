import type { Scrape } from './exposition.ts';
import type { Expression, Quantile, Reading, Selection, Wanted } from './expression.ts';

/** A value of an expression, for one combination of the labels by which its samples are grouped. */
export interface Value {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Two scrapes of the same host. Rates and quantiles are about what happened between them; gauges are those of `now`. */
export interface Window {
  readonly before: Scrape;
  readonly now: Scrape;
}

/**
 * Computes an expression as Prometheus does, from two scrapes. A counter that has become smaller has begun again from 0. Gives no
 * value where Prometheus gives none, or not a number.
 */
export function evaluate(expression: Expression, window: Window): Value[] {
  return compute(expression, window).filter(({ value }) => !Number.isNaN(value));
}

function compute(expression: Expression, window: Window): Value[] {
  switch (expression.kind) {
    case 'sum':
    case 'max':
      return gauges(expression, window.now);
    case 'rate':
      return [...increases(expression, window).values()].map(({ labels, value }) => ({
        labels,
        value: value / seconds(window),
      }));
    case 'quantile':
      return quantiles(expression, window);
    case 'share': {
      const wholes = byLabels(compute(expression.whole, window));
      return compute(expression.part, window).flatMap(({ labels, value }) => {
        const whole = wholes.get(keyOf(labels))?.value ?? 0;
        return whole > 0 ? { labels, value: value / whole } : [];
      });
    }
    case 'plus': {
      const [first, ...rest] = expression.terms.map((term) => byLabels(compute(term, window)));
      return [...(first?.values() ?? [])].flatMap(({ labels, value }) => {
        const others = rest.map((term) => term.get(keyOf(labels)));
        if (others.includes(undefined)) return [];
        return { labels, value: others.reduce((total, other) => total + (other?.value ?? 0), value) };
      });
    }
    case 'complement':
      return compute(expression.of, window).map(({ labels, value }) => ({ labels, value: 1 - value }));
    case 'scaled':
      return compute(expression.of, window).map(({ labels, value }) => ({ labels, value: value * expression.factor }));
  }
}

function gauges(reading: Reading, scrape: Scrape): Value[] {
  const groups = new Map<string, Value>();
  for (const { labels, value } of samplesOf(reading, scrape)) {
    const key = keyOf(labels);
    const known = groups.get(key)?.value;
    const joined = known === undefined ? value : reading.kind === 'max' ? Math.max(known, value) : known + value;
    groups.set(key, { labels, value: joined });
  }
  return [...groups.values()];
}

/** Returns how much the counters of each group have increased, for groups that both scrapes have. */
function increases(selection: Selection, { before, now }: Window): Map<string, Value> {
  const earlier = new Map(samplesOf(selection, before).map(({ all, value }) => [keyOf(all), value]));
  const groups = new Map<string, Value>();
  for (const { labels, all, value } of samplesOf(selection, now)) {
    const old = earlier.get(keyOf(all));
    if (old === undefined) continue;
    const key = keyOf(labels);
    const increase = value < old ? value : value - old;
    groups.set(key, { labels, value: (groups.get(key)?.value ?? 0) + increase });
  }
  return groups;
}

function quantiles(expression: Quantile, window: Window): Value[] {
  const { metric, by = [] } = expression;
  const buckets = increases({ ...expression, metric: `${metric}_bucket`, by: [...by, 'le'] }, window);
  const groups = Map.groupBy(buckets.values(), ({ labels: { le: _, ...labels } }) => keyOf(labels));
  return [...groups.values()].map((group) => {
    const bounds = group
      .map(({ labels: { le = '' }, value }) => ({
        bound: le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le),
        value,
      }))
      .sort((a, b) => a.bound - b.bound);
    const { le: _, ...labels } = group[0]?.labels ?? {};
    return { labels, value: interpolate(expression.quantile, bounds) };
  });
}

/**
 * Returns a quantile of a histogram with cumulative buckets: linear within a bucket, and the highest finite bound for what lies
 * above it (PromQL's histogram_quantile).
 */
function interpolate(quantile: number, bounds: readonly { bound: number; value: number }[]): number {
  const total = bounds.at(-1)?.value ?? 0;
  if (total === 0) return Number.NaN;
  const rank = quantile * total;
  const index = bounds.findIndex(({ value }) => value >= rank);
  const [below, found] = [bounds[index - 1], bounds[index]];
  if (found === undefined) return Number.NaN;
  if (found.bound === Number.POSITIVE_INFINITY) return below?.bound ?? Number.NaN;
  const [start, count] = [below?.bound ?? 0, below?.value ?? 0];
  return found.value === count ? found.bound : start + ((found.bound - start) * (rank - count)) / (found.value - count);
}

/** Returns the samples of a selection. `labels` are those by which they are grouped, `all` those that they have. */
function samplesOf({ metric, match = {}, by = [] }: Selection, { samples }: Scrape) {
  const conditions = Object.entries(match);
  return (samples.get(metric) ?? [])
    .filter(({ labels }) => conditions.every(([label, wanted]) => fits(labels[label] ?? '', wanted)))
    .map(({ labels, value }) => ({
      labels: Object.fromEntries(by.flatMap((name) => (labels[name] === undefined ? [] : [[name, labels[name]]]))),
      all: labels,
      value,
    }));
}

function fits(value: string, wanted: Wanted): boolean {
  if (typeof wanted === 'string') return value === wanted;
  return 'not' in wanted ? !wanted.not.includes(value) : wanted.includes(value);
}

function byLabels(values: readonly Value[]): Map<string, Value> {
  return new Map(values.map((value) => [keyOf(value.labels), value]));
}

function keyOf(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function seconds({ before, now }: Window): number {
  return (now.at - before.at) / 1000;
}
