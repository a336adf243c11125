import { expect, test, vi } from 'vitest';
import { Random } from '../random.ts';
import { RtcpSubject } from './rtcp.ts';

/** More of them run in `bench -- fuzz`. */
const STEPS = 20_000;

test('whatever RTCP a page sends, the host neither throws nor floods it nor believes in an impossible network', () => {
  vi.useFakeTimers();
  const subject = new RtcpSubject();
  for (let seed = 1; seed <= STEPS; seed++) expect(() => subject.step(new Random(seed)), `seed ${seed}`).not.toThrow();
  subject.close();
  vi.useRealTimers();
  expect(subject.packets).toBeGreaterThan(STEPS / 10);
});
