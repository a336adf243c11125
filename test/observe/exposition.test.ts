import { expect, test } from 'vitest';
import { parseMetrics, SCRAPE_BYTES_MAX } from '../../host/observe/exposition.ts';
import { Meters } from '../../host/observe/meters.ts';
import { createMetrics } from '../../host/observe/metrics.ts';

test('samples have their labels and values', () => {
  const text = [
    '# HELP a_total Help.',
    '# TYPE a_total counter',
    'a_total{code="X",what="a \\"b\\" \\\\ c\\nd"} 1.5e3',
    'a_total{code="Y",} 0',
    '',
    'plain -2',
    'timed 3 1700000000000',
    'b_bucket{le="+Inf"} +Inf',
    'c NaN',
    'd -Inf',
  ].join('\n');
  const { at, samples } = parseMetrics(text, 7);
  expect(at).toBe(7);
  expect(Object.fromEntries(samples)).toEqual({
    a_total: [
      { labels: { code: 'X', what: 'a "b" \\ c\nd' }, value: 1500 },
      { labels: { code: 'Y' }, value: 0 },
    ],
    plain: [{ labels: {}, value: -2 }],
    timed: [{ labels: {}, value: 3 }],
    b_bucket: [{ labels: { le: '+Inf' }, value: Number.POSITIVE_INFINITY }],
    c: [{ labels: {}, value: Number.NaN }],
    d: [{ labels: {}, value: Number.NEGATIVE_INFINITY }],
  });
});

test.each([
  ['<html>'],
  ['a'],
  ['a one'],
  ['a{code="X"'],
  ['a{code=X} 1'],
  ['a{code="X"b="Y"} 1'],
  ['a{code="\\x"} 1'],
  ['1a 1'],
  ['a 0x'],
])('%s is refused', (line) => {
  expect(() => parseMetrics(line, 0)).toThrow(expect.objectContaining({ code: 'NL_METRICS' }));
});

test('a text of SCRAPE_BYTES_MAX is read, and a longer one is refused', () => {
  const text = `a 1\n#${' '.repeat(SCRAPE_BYTES_MAX - 5)}`;
  expect(text.length).toBe(SCRAPE_BYTES_MAX);
  expect(parseMetrics(text, 0).samples.size).toBe(1);
  expect(() => parseMetrics(`${text} `, 0)).toThrow(expect.objectContaining({ code: 'NL_METRICS' }));
});

test("a host's own metrics can be read", async () => {
  const metrics = createMetrics(new Meters(), {
    build: { version: '1.2.3', gpu: 'a "GPU"\\' },
    seats: () => ({ all: 16, taken: 3 }),
    coldStart: () => ({}),
  });
  const { samples } = parseMetrics(await metrics(), 0);
  expect(samples.get('nearlight_build_info')).toEqual([{ labels: { version: '1.2.3', gpu: 'a "GPU"\\' }, value: 1 }]);
  expect(samples.get('nearlight_seats')).toContainEqual({ labels: { state: 'free' }, value: 13 });
});
