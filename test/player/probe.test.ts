import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LineProbe } from '../../host/player/probe.ts';

let answers: ((response: Response) => void)[];
let aborted: number;
let returned: number;
let probe: LineProbe;

beforeEach(() => {
  vi.useFakeTimers();
  [answers, aborted, returned] = [[], 0, 0];
  vi.stubGlobal('fetch', (_: string, { signal }: { signal: AbortSignal }) => {
    signal.addEventListener('abort', () => aborted++);
    return new Promise<Response>((resolve, reject) => {
      answers.push(resolve);
      signal.addEventListener('abort', () => reject(signal.reason));
    });
  });
  probe = new LineProbe('/whep/line', () => returned++);
});

afterEach(() => {
  probe.stop();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const answer = async (index: number) => {
  answers[index]?.(new Response(null, { status: 204 }));
  await vi.advanceTimersByTimeAsync(0);
};

test('an answer after a question without one says that the line is back, once', async () => {
  await vi.advanceTimersByTimeAsync(300);
  expect(answers).toHaveLength(2);
  await answer(1);
  expect(returned).toBe(1);
  await vi.advanceTimersByTimeAsync(1000);
  expect([answers.length, returned]).toEqual([2, 1]);
});

test('a line on which every question is answered was never away', async () => {
  for (let index = 0; index < 10; index++) {
    await vi.advanceTimersByTimeAsync(150);
    await answer(index);
  }
  expect([answers.length, returned]).toEqual([10, 0]);
});

test('at most three questions are open at a time, and none after the end', async () => {
  await vi.advanceTimersByTimeAsync(1500);
  expect([answers.length, answers.length - aborted]).toEqual([10, 3]);
  probe.stop();
  await vi.advanceTimersByTimeAsync(1000);
  expect([answers.length, aborted, returned]).toEqual([10, 10, 0]);
});
