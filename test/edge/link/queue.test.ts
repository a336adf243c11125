import { expect, test } from 'vitest';
import { REPORTS_MAX, type Report } from '../../../host/edge/link/protocol.ts';
import { ReportQueue } from '../../../host/edge/link/queue.ts';

const report = (id: string, call: Report['call'] = 'addResult', more = {}): Report => ({
  call,
  input: { id, ...more },
});
const ids = (reports: readonly Report[]) => reports.map(({ input }) => (input as { id: string }).id);

test('reports leave in their order, and stay until they are removed', () => {
  const queue = new ReportQueue(10);
  for (const id of ['a', 'b', 'c']) queue.add(report(id));
  const batch = queue.batch();
  expect([ids(batch), ids(queue.batch())]).toEqual([
    ['a', 'b', 'c'],
    ['a', 'b', 'c'],
  ]);
  queue.remove(batch.slice(0, 2));
  expect([ids(queue.batch()), queue.size, queue.dropped]).toEqual([['c'], 1, 0]);
});

test('a full queue drops the oldest report about a session, then the oldest result, and counts', () => {
  const queue = new ReportQueue(3);
  queue.add(report('a'));
  queue.add(report('s', 'countPlayers'));
  queue.add(report('b'));
  expect(queue.dropped).toBe(0);
  queue.add(report('c'));
  expect([ids(queue.batch()), queue.dropped]).toEqual([['a', 'b', 'c'], 1]);
  queue.add(report('d'));
  expect([ids(queue.batch()), queue.dropped]).toEqual([['b', 'c', 'd'], 2]);
});

test('a batch is bounded in number and in bytes, but is never empty', () => {
  const many = new ReportQueue(1000);
  for (let n = 0; n < REPORTS_MAX + 1; n++) many.add(report(`${n}`));
  expect(many.batch()).toHaveLength(REPORTS_MAX);
  const large = new ReportQueue(1000);
  const data = 'x'.repeat(500_000);
  for (const id of ['a', 'b', 'c']) large.add(report(id, 'addResult', { data }));
  expect(ids(large.batch())).toEqual(['a', 'b']);
  large.remove(large.batch());
  expect(ids(large.batch())).toEqual(['c']);
});

test('a report that fits into no request is dropped, and the queue is bounded in bytes', () => {
  const queue = new ReportQueue(1000);
  queue.add(report('a', 'addResult', { data: 'x'.repeat(1024 * 1024) }));
  expect([queue.size, queue.dropped]).toEqual([0, 1]);
  const data = 'x'.repeat(1024 * 1024 - 100);
  for (let n = 0; n < 65; n++) queue.add(report(`${n}`, 'addResult', { data }));
  expect([queue.size, queue.dropped]).toEqual([64, 2]);
});
