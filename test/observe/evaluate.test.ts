import { describe, expect, test } from 'vitest';
import { evaluate } from '../../host/observe/evaluate.ts';
import { parseMetrics } from '../../host/observe/exposition.ts';
import {
  complement,
  type Expression,
  max,
  mean,
  plus,
  quantile,
  rate,
  scaled,
  share,
  sum,
} from '../../host/observe/expression.ts';

const BEFORE = `
seats{state="free"} 9
seats{state="taken"} 1
a_total{code="X"} 10
a_total{code="Y"} 0
again_total 90
none_total 0
h_bucket{stage="s",le="1"} 0
h_bucket{stage="s",le="2"} 0
h_bucket{stage="s",le="+Inf"} 0
h_sum{stage="s"} 0
h_count{stage="s"} 0
`;
const NOW = `
seats{state="free"} 7
seats{state="taken"} 3
a_total{code="X"} 30
a_total{code="Y"} 5
a_total{code="new"} 100
again_total 40
none_total 0
h_bucket{stage="s",le="1"} 50
h_bucket{stage="s",le="2"} 90
h_bucket{stage="s",le="+Inf"} 100
h_sum{stage="s"} 130
h_count{stage="s"} 100
`;
const window = { before: parseMetrics(BEFORE, 1000), now: parseMetrics(NOW, 11_000) };

const valuesOf = (expression: Expression) =>
  evaluate(expression, window).map(({ labels, value }) => [Object.values(labels).join(), Number(value.toFixed(6))]);

describe('an expression, computed from two scrapes', () => {
  test.each<[string, Expression, (string | number)[][]]>([
    ['a sum', sum('seats'), [['', 10]]],
    [
      'a sum by a label',
      sum('seats', { by: ['state'] }),
      [
        ['free', 7],
        ['taken', 3],
      ],
    ],
    ['a maximum', max('seats'), [['', 7]]],
    ['a sum of one value', sum('seats', { match: { state: 'taken' } }), [['', 3]]],
    ['a sum of all values but one', sum('seats', { match: { state: { not: ['taken'] } } }), [['', 7]]],
    ['a rate, without counters that are new', rate('a_total'), [['', 2.5]]],
    [
      'a rate by a label',
      rate('a_total', { by: ['code'] }),
      [
        ['X', 2],
        ['Y', 0.5],
      ],
    ],
    ['a counter that has begun again', rate('again_total'), [['', 4]]],
    ['a metric that does not exist', rate('unknown_total'), []],
    ['a quantile within a bucket', quantile(0.25, 'h'), [['', 0.5]]],
    ['a quantile at the bound of a bucket', quantile(0.5, 'h'), [['', 1]]],
    ['a quantile in a later bucket', quantile(0.7, 'h', { by: ['stage'] }), [['s', 1.5]]],
    ['a quantile above every finite bound', quantile(0.99, 'h'), [['', 2]]],
    ['a mean', mean('h', { by: ['stage'] }), [['s', 1.3]]],
    ['a share', share(rate('a_total', { match: { code: 'Y' } }), rate('a_total')), [['', 0.2]]],
    ['a share of nothing', share(rate('none_total'), rate('none_total')), []],
    ['a sum of two expressions', plus(sum('seats'), rate('a_total')), [['', 12.5]]],
    ['a sum with an expression that has no value', plus(sum('seats'), rate('unknown_total')), []],
    [
      'a complement, scaled',
      scaled(complement(share(sum('seats', { match: { state: 'taken' } }), sum('seats'))), 10),
      [['', 7]],
    ],
  ])('%s', (_, expression, values) => {
    expect(valuesOf(expression)).toEqual(values);
  });

  test('a histogram that has counted nothing in the window has no quantile', () => {
    expect(evaluate(quantile(0.5, 'h'), { before: window.now, now: { ...window.now, at: 21_000 } })).toEqual([]);
  });
});
