import type { Expression, Selection, Wanted } from './expression.ts';

/** How an expression is asked of Prometheus. */
export interface Asking {
  /** Labels that every selection must have in addition to its own, such as those of one node. */
  readonly scope: Readonly<Record<string, Wanted>>;
  /** Window of rates and quantiles, as in PromQL: 5m, or Grafana's $__rate_interval. */
  readonly window: string;
}

/** Returns an expression as PromQL. */
export function toPromql(expression: Expression, asking: Asking): string {
  const of = (inner: Expression) => toPromql(inner, asking);
  switch (expression.kind) {
    case 'sum':
    case 'max':
      return `${expression.kind}${grouping(expression.by)}(${selector(expression, asking)})`;
    case 'rate':
      return `sum${grouping(expression.by)}(rate(${selector(expression, asking)}[${asking.window}]))`;
    case 'quantile': {
      const { by = [], metric, quantile } = expression;
      const buckets = `rate(${selector({ ...expression, metric: `${metric}_bucket` }, asking)}[${asking.window}])`;
      return `histogram_quantile(${quantile}, sum${grouping([...by, 'le'])}(${buckets}))`;
    }
    case 'share':
      // A comparison drops what does not fulfil it, so nothing is divided by 0.
      return `${atom(expression.part, asking)} / (${of(expression.whole)} > 0)`;
    case 'plus':
      return expression.terms.map(of).join(' + ');
    case 'complement':
      return `1 - ${atom(expression.of, asking)}`;
    case 'scaled':
      return `${atom(expression.of, asking)} * ${expression.factor}`;
  }
}

/** Returns an expression as an operand, in brackets if an operator beside it could take a part of it. */
function atom(expression: Expression, asking: Asking): string {
  const text = toPromql(expression, asking);
  return ['share', 'plus', 'complement', 'scaled'].includes(expression.kind) ? `(${text})` : text;
}

function grouping(by: readonly string[] = []): string {
  return by.length === 0 ? '' : ` by (${by.join(', ')}) `;
}

function selector({ metric, match = {} }: Selection, { scope }: Asking): string {
  const matchers = Object.entries({ ...scope, ...match }).map(([label, wanted]) => matcher(label, wanted));
  return `${metric}{${matchers.join(',')}}`;
}

function matcher(label: string, wanted: Wanted): string {
  if (typeof wanted === 'string') return `${label}=${quoted(wanted)}`;
  if ('not' in wanted) return `${label}!~${quoted(wanted.not.join('|'))}`;
  return `${label}=~${quoted(wanted.join('|'))}`;
}

function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
