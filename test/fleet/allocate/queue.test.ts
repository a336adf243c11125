import { expect, test } from 'vitest';
import { PLACE_MS_MAX, Queue } from '../../../host/fleet/allocate/queue.ts';

const place = (id: string, since: number, line = 'arena') => ({ id, since, line, request: id });

test('places have the order in which their requests came first, in whatever order they ask again', () => {
  const queue = new Queue<string>(10);
  expect(queue.ask(place('c', 30), 0).position).toBe(1);
  expect(queue.ask(place('a', 10), 0).position).toBe(1);
  expect(queue.ask(place('b', 20), 0).position).toBe(2);
  expect(queue.ask(place('c', 30), 0).position).toBe(3);
  expect(queue.ask(place('other', 5, 'chess'), 0).position).toBe(1);
  expect(queue.heads().map(({ id }) => id)).toEqual(['a', 'other']);
  queue.serve(place('a', 10), 1);
  queue.leave(place('b', 20));
  expect([queue.ask(place('c', 30), 1).position, queue.size]).toEqual([1, 2]);
});

test('two that came in the same millisecond keep one order', () => {
  const queue = new Queue<string>(10);
  queue.ask(place('b', 10), 0);
  queue.ask(place('a', 10), 0);
  expect(queue.ask(place('b', 10), 0).position).toBe(2);
});

test('a place that no one asks about is given up', () => {
  const queue = new Queue<string>(10);
  queue.ask(place('a', 10), 0);
  queue.ask(place('b', 20), 1);
  queue.expire(PLACE_MS_MAX - 1);
  expect(queue.size).toBe(2);
  queue.expire(PLACE_MS_MAX);
  expect([queue.size, queue.isWaitedFor('arena'), queue.heads()[0]?.id]).toEqual([1, true, 'b']);
  queue.expire(PLACE_MS_MAX + 1);
  expect([queue.size, queue.isWaitedFor('arena')]).toEqual([0, false]);
});

test('the expected wait follows from how fast places were served', () => {
  const queue = new Queue<string>(10);
  for (let n = 0; n < 6; n++) expect(queue.ask(place(`p${n}`, n), 0).expectedWaitSeconds).toBeUndefined();
  queue.serve(place('p0', 0), 1000);
  expect(queue.ask(place('p5', 5), 1000).expectedWaitSeconds).toBeUndefined();
  queue.serve(place('p1', 1), 3000);
  queue.serve(place('p2', 2), 5000);
  expect(queue.ask(place('p5', 5), 5000)).toEqual({ position: 3, expectedWaitSeconds: 6 });
});

test('a queue knows when it is full', () => {
  const queue = new Queue<string>(2);
  const hasRoom = (id: string, isKnown = false) => queue.hasRoomFor(place(id, 9), isKnown);
  queue.ask(place('a', 1), 0);
  expect(hasRoom('b')).toBe(true);
  queue.ask(place('b', 2), 0);
  expect([hasRoom('c'), hasRoom('a'), hasRoom('c', true)]).toEqual([false, true, true]);
  queue.ask(place('c', 3), 0);
  expect(hasRoom('d', true)).toBe(true);
  queue.ask(place('d', 4), 0);
  expect([hasRoom('e', true), hasRoom('d', true)]).toEqual([false, true]);
});
