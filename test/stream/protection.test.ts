import { expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { milli } from '../../host/base/time.ts';
import { Protection, type ProtectionKind } from '../../host/stream/protection.ts';

const PATH = { lossFraction: 0, lossBurst: 1, responseMs: 40, videoBitsPerSecond: 10_000_000 };

/** Reports the same measurements ten times a second. @returns the time of the last report */
function report(protection: Protection, path: Partial<typeof PATH>, fromMs: number, seconds: number): number {
  for (let at = fromMs; at <= fromMs + seconds * 1000; at += 100) protection.update({ ...PATH, ...path }, milli(at));
  return fromMs + seconds * 1000;
}

function protectionAt(path: Partial<typeof PATH>, kind: ProtectionKind = 'repairs'): Protection {
  const protection = new Protection(kind);
  report(protection, path, 0, 5);
  return protection;
}

const repairs = (protection: Protection, packets = 10) => protection.repairsOf?.(packets);

test('nothing is protected up to a loss of 0.8 %', () => {
  for (const kind of ['repairs', 'copies'] as const) {
    const isOn = (lossFraction: number) => {
      const protection = protectionAt({ lossFraction }, kind);
      return protection.sendsCopies || protection.repairsOf !== undefined;
    };
    expect([isOn(0.008), isOn(0.0081)]).toEqual([false, true]);
  }
});

test('the more is lost, the more repair packets there are', () => {
  const counts = [0.01, 0.03, 0.05].map((lossFraction) => must(repairs(protectionAt({ lossFraction }), 12), 'repairs'));
  for (const [index, count] of counts.entries()) expect(count).toBeGreaterThan(counts[index - 1] ?? 0);
});

test('where losses follow each other, there are more repair packets, but not without limit', () => {
  const count = (lossBurst: number) => must(repairs(protectionAt({ lossFraction: 0.01, lossBurst }), 15), 'repairs');
  expect(count(1.15)).toBe(count(1));
  expect(count(2)).toBeGreaterThan(count(1.15));
  expect(count(50)).toBe(must(repairs(protectionAt({ lossFraction: 0.03 }), 15), 'repairs'));
});

test.each([
  [40, [1, 1, 1, 3, 7]],
  [200, [1, 1, 2, 4, 10]],
])(
  'at a response after %i ms, blocks of 1, 2, 3, 6 and 15 packets have at most %j repair packets',
  (responseMs, counts) => {
    const protection = protectionAt({ lossFraction: 0.3, responseMs });
    expect([1, 2, 3, 6, 15].map((packets) => repairs(protection, packets))).toEqual(counts);
  },
);

test('a long path gets more repair packets, until it is clearly short again', () => {
  const protection = protectionAt({ lossFraction: 0.03 });
  const few = must(repairs(protection), 'repairs');
  let at = report(protection, { lossFraction: 0.03, responseMs: 110 }, 5000, 1);
  expect([repairs(protection), protection.replacesRequests]).toEqual([few, false]);
  at = report(protection, { lossFraction: 0.03, responseMs: 111 }, at, 1);
  expect(repairs(protection)).toBeGreaterThan(few);
  expect(protection.replacesRequests).toBe(true);
  at = report(protection, { lossFraction: 0.03, responseMs: 91 }, at, 1);
  expect(protection.replacesRequests).toBe(true);
  report(protection, { lossFraction: 0.03, responseMs: 90 }, at, 1);
  expect([repairs(protection), protection.replacesRequests]).toEqual([few, false]);
});

test('protection ends 5 s after the last loss', () => {
  for (const kind of ['repairs', 'copies'] as const) {
    const protection = protectionAt({ lossFraction: 0.03 }, kind);
    const isOn = () => protection.sendsCopies || protection.repairsOf !== undefined;
    protection.update(PATH, milli(9999));
    expect(isOn()).toBe(true);
    protection.update(PATH, milli(10_000));
    expect(isOn()).toBe(false);
  }
});

test.each([
  ['copies', 40, 3_000_000],
  ['repairs', 40, 1_500_000],
  ['repairs', 200, 300_000],
] as const)('%s with a response after %i ms need a path of %i bits per second', (kind, responseMs, least) => {
  const isOn = (videoBitsPerSecond: number) => {
    const protection = protectionAt({ lossFraction: 0.03, responseMs, videoBitsPerSecond }, kind);
    return protection.sendsCopies || protection.repairsOf !== undefined;
  };
  expect([isOn(least - 1), isOn(least)]).toEqual([false, true]);
});

test('a page that takes neither repair packets nor copies gets none', () => {
  const protection = protectionAt({ lossFraction: 0.1 }, 'none');
  expect([protection.sendsCopies, protection.repairsOf, protection.overhead]).toEqual([false, undefined, 0]);
});

test('the overhead is that of the newest frames, and 0 while nothing is protected', () => {
  const protection = protectionAt({ lossFraction: 0.03 });
  for (let frame = 0; frame < 200; frame++) protection.addFrame(8000, 2000);
  expect(protection.overhead).toBeCloseTo(0.25, 3);
  for (let frame = 0; frame < 200; frame++) protection.addFrame(8000, 4000);
  expect(protection.overhead).toBeCloseTo(0.5, 3);
  report(protection, {}, 5000, 6);
  expect(protection.overhead).toBe(0);
  expect(protectionAt({ lossFraction: 0.03 }, 'copies').overhead).toBe(1);
});
