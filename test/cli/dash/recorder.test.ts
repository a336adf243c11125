import { expect, test } from 'vitest';
import { must } from '../../../host/base/assert.ts';
import type { Line } from '../../../host/cli/dash/messages.ts';
import { LINES_MAX, Recorder, VALUES_MAX } from '../../../host/cli/dash/recorder.ts';
import { parseMetrics, type Scrape } from '../../../host/observe/exposition.ts';

/** Metrics of a host that started at `start` and has had `joined` players. */
function scrape(at: number, joined: number, more = '', start = 1): Scrape {
  return parseMetrics(
    `process_start_time_seconds ${start}\nnearlight_sessions ${joined}\nnearlight_sessions_joined_total ${joined}\n${more}`,
    at,
  );
}

const lineOf = (recorder: Recorder, panel: string): Line =>
  must(
    recorder.history.lines.find((line) => line.panel === panel),
    panel,
  );

test('the first scrape gives no values, and each further one gives a value to each line', () => {
  const recorder = new Recorder('http://host/metrics');
  expect(recorder.add(scrape(0, 0), 1000)).toEqual({ kind: 'step', time: 1000, values: [], problem: undefined });
  const { values } = recorder.add(scrape(2000, 4), 3000);
  expect(values).toContainEqual({ panel: 'fleet/players', name: 'players', value: 4 });
  expect(values).toContainEqual({ panel: 'fleet/joins', name: 'joined', value: 2 });
  expect(recorder.history).toMatchObject({ kind: 'history', url: 'http://host/metrics', times: [1000, 3000] });
  expect(lineOf(recorder, 'fleet/joins').values).toEqual([null, 2]);
});

test('rates are about the last 20 s', () => {
  const recorder = new Recorder('');
  recorder.add(scrape(0, 1000), 0);
  recorder.add(scrape(10_000, 1000), 0);
  recorder.add(scrape(20_000, 1010), 0);
  recorder.add(scrape(30_000, 1010), 0);
  // At 20 s since the beginning; at 30 s since 10 s.
  expect(lineOf(recorder, 'fleet/joins').values).toEqual([null, 0, 0.5, 0.5]);
});

test('a host that has started again begins a new window, and leaves a gap', () => {
  const recorder = new Recorder('');
  recorder.add(scrape(0, 10), 0);
  recorder.add(scrape(2000, 12), 0);
  recorder.add(scrape(4000, 1, '', 2), 0);
  recorder.add(scrape(6000, 3, '', 2), 0);
  expect(lineOf(recorder, 'fleet/joins').values).toEqual([null, 1, null, 1]);
});

test('a host that does not answer leaves a gap and a problem, which the next answer ends', () => {
  const recorder = new Recorder('');
  recorder.add(scrape(0, 10), 0);
  recorder.add(scrape(2000, 12), 0);
  expect(recorder.fail('it is gone', 5000)).toEqual({ kind: 'step', time: 5000, values: [], problem: 'it is gone' });
  expect(recorder.history.problem).toBe('it is gone');
  expect(recorder.add(scrape(6000, 12), 0).problem).toBeUndefined();
  expect(recorder.history.problem).toBeUndefined();
  expect(lineOf(recorder, 'fleet/players').values).toEqual([null, 12, null, 12]);
});

test('VALUES_MAX values of a line are kept, and a line without any is forgotten', () => {
  const recorder = new Recorder('');
  recorder.add(scrape(0, 0), 0);
  recorder.add(scrape(1, 0, 'nearlight_build_info{version="old",gpu="g"} 1'), 1);
  for (let n = 2; n <= VALUES_MAX; n++) recorder.add(scrape(n, n), n);
  const { times, lines } = recorder.history;
  expect([times.length, times[0], times.at(-1)]).toEqual([VALUES_MAX, 1, VALUES_MAX]);
  for (const { values } of lines) expect(values.length).toBe(VALUES_MAX);
  expect(lineOf(recorder, 'fleet/versions').values.filter((value) => value !== null)).toEqual([1]);
  recorder.add(scrape(VALUES_MAX + 1, 0), VALUES_MAX + 1);
  expect(recorder.history.lines.map(({ panel }) => panel)).not.toContain('fleet/versions');
});

test('at most LINES_MAX lines are kept, however many labels a host invents', () => {
  const recorder = new Recorder('');
  const many = (count: number) =>
    Array.from({ length: count }, (_, n) => `nearlight_build_info{version="${n}",gpu="g"} 1`).join('\n');
  recorder.add(scrape(0, 0), 0);
  const { values } = recorder.add(scrape(2000, 0, many(LINES_MAX + 100)), 2000);
  expect(values.length).toBe(LINES_MAX);
  expect(recorder.history.lines.length).toBe(LINES_MAX);
});
