import { NearlightError } from '../base/errors.ts';

/** Largest answer to `GET /metrics` that is read. A host's own has about 40 kB. */
export const SCRAPE_BYTES_MAX = 4 * 2 ** 20;

/** One value of a metric, with its labels. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Everything that a host reported at one time. */
export interface Scrape {
  /** Milliseconds of any clock; only differences count. */
  readonly at: number;
  /** The samples by the name of their metric. Histograms are under NAME_bucket, NAME_sum and NAME_count. */
  readonly samples: ReadonlyMap<string, readonly Sample[]>;
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? +(\S+)(?: +-?\d+)?$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/gy;

/**
 * Parses metrics in Prometheus's text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats).
 * @throws NearlightError NL_METRICS if the text is longer than SCRAPE_BYTES_MAX or has another format
 */
export function parseMetrics(text: string, at: number): Scrape {
  if (text.length > SCRAPE_BYTES_MAX)
    throw new NearlightError('NL_METRICS', `the metrics have more than ${SCRAPE_BYTES_MAX} bytes`);
  const samples = new Map<string, Sample[]>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name = '', labels = '', number = ''] = SAMPLE.exec(line) ?? [];
    const value = readNumber(number);
    if (name === '' || value === undefined) throw unreadable(line);
    const list = samples.get(name) ?? [];
    list.push({ labels: readLabels(labels, line), value });
    samples.set(name, list);
  }
  return { at, samples };
}

function readLabels(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let end = 0;
  for (const { 0: whole, 1: name = '', 2: value = '', index } of text.matchAll(LABEL)) {
    labels[name] = value.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
    end = index + whole.length;
  }
  if (end !== text.length) throw unreadable(line);
  return labels;
}

/** Reads a number as Go writes it; undefined if it is not one. */
function readNumber(text: string): number | undefined {
  const [, sign, special] = /^([+-]?)(inf|nan)$/i.exec(text) ?? [];
  if (special !== undefined)
    return special.toLowerCase() === 'nan'
      ? Number.NaN
      : sign === '-'
        ? Number.NEGATIVE_INFINITY
        : Number.POSITIVE_INFINITY;
  const value = Number(text);
  return text === '' || Number.isNaN(value) ? undefined : value;
}

function unreadable(line: string): NearlightError {
  return new NearlightError('NL_METRICS', `this line is not in Prometheus's text format: ${line.slice(0, 100)}`);
}
