import { expect, test } from 'vitest';
import { SampleQueue, START_FRAMES, WAITING_FRAMES_MAX } from '../../../host/cli/dev/samples.ts';

/** Frames whose left sample counts from `from` on, in 1/16384, and whose right one is the opposite. */
function counting(from: number, frames: number): Float32Array {
  return Float32Array.from({ length: frames * 2 }, (_, n) => ((n % 2 === 0 ? 1 : -1) * (from + (n >> 1))) / 16_384);
}

function pull(queue: SampleQueue, frames: number): { left: number[]; right: number[] } {
  const [left, right] = [new Float32Array(frames).fill(9), new Float32Array(frames).fill(9)];
  queue.pull(left, right);
  return { left: [...left], right: [...right] };
}

const silence = (frames: number) => new Array<number>(frames).fill(0);
const numbers = (from: number, count: number) => Array.from({ length: count }, (_, n) => (from + n) / 16_384);

test('sound begins when enough of it waits, and comes out complete and in order', () => {
  const queue = new SampleQueue();
  queue.push(counting(1, START_FRAMES - 1));
  expect(pull(queue, 128).left).toEqual(silence(128));
  queue.push(counting(START_FRAMES, 800));
  const first = pull(queue, 128);
  expect(first.left).toEqual(numbers(1, 128));
  expect(first.right).toEqual(numbers(1, 128).map((sample) => -sample));
  expect(pull(queue, 2000).left).toEqual(numbers(129, 2000));
});

test('sound that runs out turns to silence, and begins again when enough of it waits', () => {
  const queue = new SampleQueue();
  queue.push(counting(1, START_FRAMES));
  expect(pull(queue, START_FRAMES + 10).left).toEqual([...numbers(1, START_FRAMES), ...silence(10)]);
  queue.push(counting(5000, 100));
  expect(pull(queue, 10).left).toEqual(silence(10));
  queue.push(counting(5100, START_FRAMES));
  expect(pull(queue, 10).left).toEqual(numbers(5000, 10));
});

test('sound that falls behind is left out', () => {
  const queue = new SampleQueue();
  queue.push(counting(0, WAITING_FRAMES_MAX));
  expect(pull(queue, 1).left).toEqual([0]);
  queue.push(counting(WAITING_FRAMES_MAX, 2));
  expect(pull(queue, 1).left).toEqual(numbers(WAITING_FRAMES_MAX + 2 - START_FRAMES, 1));
});

test('sound may come for hours', () => {
  const queue = new SampleQueue();
  for (let burst = 0; burst < 10_000; burst++) {
    queue.push(counting(1 + (burst % 1000), 800));
    const { left } = pull(queue, 800);
    if (burst > 1 && left.includes(0)) throw new Error(`burst ${burst} has a gap`);
  }
});
