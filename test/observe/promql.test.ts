import { describe, expect, test } from 'vitest';
import {
  complement,
  type Expression,
  max,
  mean,
  plus,
  quantile,
  rate,
  scaled,
  selectionsOf,
  share,
  sum,
} from '../../host/observe/expression.ts';
import { toPromql } from '../../host/observe/promql.ts';

const asking = { scope: { job: 'nearlight' }, window: '5m' };

describe('an expression as PromQL', () => {
  test.each<[string, Expression, string]>([
    ['a sum', sum('a'), 'sum(a{job="nearlight"})'],
    ['a maximum by a label', max('a', { by: ['node'] }), 'max by (node) (a{job="nearlight"})'],
    ['a rate', rate('a_total', { match: { code: 'X' } }), 'sum(rate(a_total{job="nearlight",code="X"}[5m]))'],
    ['any of several values', sum('a', { match: { code: ['X', 'Y'] } }), 'sum(a{job="nearlight",code=~"X|Y"})'],
    ['all but a value', sum('a', { match: { code: { not: ['X'] } } }), 'sum(a{job="nearlight",code!~"X"})'],
    [
      'a quantile by a label',
      quantile(0.99, 'a', { by: ['stage'] }),
      'histogram_quantile(0.99, sum by (stage, le) (rate(a_bucket{job="nearlight"}[5m])))',
    ],
    ['a mean', mean('a'), 'sum(rate(a_sum{job="nearlight"}[5m])) / (sum(rate(a_count{job="nearlight"}[5m])) > 0)'],
    [
      'a share of sums',
      share(plus(sum('a'), sum('b')), plus(sum('c'), sum('d'))),
      '(sum(a{job="nearlight"}) + sum(b{job="nearlight"})) / (sum(c{job="nearlight"}) + sum(d{job="nearlight"}) > 0)',
    ],
    [
      'a complement, scaled',
      scaled(complement(share(sum('a'), sum('b'))), 100),
      '(1 - (sum(a{job="nearlight"}) / (sum(b{job="nearlight"}) > 0))) * 100',
    ],
    ['a value with a quote', sum('a', { match: { gpu: '"\\' } }), 'sum(a{job="nearlight",gpu="\\"\\\\"})'],
  ])('%s', (_, expression, promql) => {
    expect(toPromql(expression, asking)).toBe(promql);
  });

  test('the labels of the scope come before those of the selection, which win', () => {
    const scope = { job: 'nearlight', node: '$node' };
    expect(toPromql(sum('a', { match: { job: 'other' } }), { ...asking, scope })).toBe(
      'sum(a{job="other",node="$node"})',
    );
  });
});

test('the selections of an expression name the metrics as a host reports them', () => {
  const names = selectionsOf(complement(plus(share(sum('a'), mean('b')), scaled(quantile(0.5, 'c'), 2))));
  expect(names.map(({ family }) => family)).toEqual(['a', 'b', 'b', 'c']);
});
