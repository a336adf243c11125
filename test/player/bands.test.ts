import { expect, test } from 'vitest';
import { STAGES } from '../../host/base/stages.ts';
import { milli } from '../../host/base/time.ts';
import { BANDS, COLUMNS, GraphColumns, SPAN_MS } from '../../host/player/bands.ts';
import { StageHistory } from '../../host/player/stage-history.ts';
import { at } from '../at.ts';

const COLUMN_MS = SPAN_MS / COLUMNS;
const NOW = 100 * SPAN_MS + COLUMN_MS / 2;

/** Returns a history of pictures, each with its time and its whole latency. */
function historyOf(...pictures: [shownAt: number, ms: number][]): StageHistory {
  const history = new StageHistory();
  for (const [shownAt, ms] of pictures) history.add([ms], milli(shownAt));
  return history;
}

function fill(history: StageHistory, now = NOW): GraphColumns {
  const columns = new GraphColumns();
  columns.fill(history, now);
  return columns;
}

test('every stage belongs to one band, and the bands differ in name and colour', () => {
  expect(BANDS.flatMap(({ stages }) => stages).sort((a, b) => a - b)).toEqual(STAGES.map((_, stage) => stage));
  for (const key of ['name', 'colour', 'property'] as const)
    expect(new Set(BANDS.map((band) => band[key])).size).toBe(BANDS.length);
});

/** Relative luminance of a colour like #rrggbb (WCAG 2.2). */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((from) => {
    const share = Number.parseInt(colour.slice(from, from + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

test('neighbouring bands differ in brightness, so that one sees where they meet without colours', () => {
  for (let index = 1; index < BANDS.length; index++) {
    const [a, b] = [luminance(at(BANDS, index - 1).colour), luminance(at(BANDS, index).colour)];
    expect((Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), at(BANDS, index).name).toBeGreaterThan(1.3);
  }
});

test('a column shows its slowest picture', () => {
  const { ages } = fill(historyOf([NOW - 3, 30], [NOW - 2, 50], [NOW - 1, 40]));
  expect(at(ages, -1)).toBe(1);
  expect([...ages].filter((age) => age >= 0)).toHaveLength(1);
});

test('a picture leaves the graph when it is ten seconds old', () => {
  const first = 100 * SPAN_MS - SPAN_MS + COLUMN_MS;
  expect([...fill(historyOf([first + 0.01, 30])).ages].findIndex((age) => age >= 0)).toBe(0);
  expect([...fill(historyOf([first - 0.01, 30])).ages].every((age) => age < 0)).toBe(true);
});

test('pictures stay together in their column while time passes', () => {
  const history = historyOf([NOW - 2, 30], [NOW - 1, 40]);
  for (let passed = 0; passed < 40; passed++) {
    const shown = [...fill(history, NOW + passed * 11.7).ages].filter((age) => age >= 0);
    expect(shown).toEqual([0]);
  }
});

test.each([
  [6, 20, 20],
  [6, 20.5, 40],
  [6, 161, 320],
  [5, 161, 20],
])('%i columns of %d ms among faster ones fit below %i ms', (count, ms, scaleMs) => {
  const pictures = Array.from({ length: 50 }, (_, index) => [NOW - (50 - index) * COLUMN_MS, index < count ? ms : 10]);
  expect(fill(historyOf(...(pictures as [number, number][]))).scaleMs).toBe(scaleMs);
});
