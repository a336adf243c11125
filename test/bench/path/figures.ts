import type { Result } from './stream.ts';

const sum = (values: readonly (number | undefined)[]): number => values.reduce<number>((a, b) => a + (b ?? 0), 0);

/** Returns the bits per second between two times, of bytes that are counted every 100 ms. */
export function rateOf(bytes: readonly number[], fromMs: number, toMs: number): number {
  const slots = bytes.slice(Math.round(fromMs / 100), Math.round(toMs / 100));
  return (sum(slots) * 80) / slots.length;
}

/** Returns the delays of the pictures shown between two times, from taking a picture to showing it. */
export function delays({ shown, takenMs }: Result, fromMs: number, toMs: number): number[] {
  return shown.flatMap(({ number, atMs }) => {
    const taken = takenMs[number];
    return taken === undefined || taken < fromMs || taken >= toMs ? [] : [atMs - taken];
  });
}
