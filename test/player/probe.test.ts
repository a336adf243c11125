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

test('the first answer says that the line is back, and so does each that follows a question without one', async () => {
  await vi.advanceTimersByTimeAsync(100);
  await answer(0);
  expect(returned).toBe(1);
  await vi.advanceTimersByTimeAsync(100);
  await answer(1);
  expect(returned).toBe(1);
  await vi.advanceTimersByTimeAsync(200);
  await answer(3);
  expect(returned).toBe(2);
});

test('at most four questions are open at a time, and none after the end', async () => {
  await vi.advanceTimersByTimeAsync(1000);
  expect([answers.length, answers.length - aborted]).toEqual([10, 4]);
  probe.stop();
  await vi.advanceTimersByTimeAsync(1000);
  expect([answers.length, aborted, returned]).toEqual([10, 10, 0]);
});
