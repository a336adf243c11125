import { nameLine, type Panel } from '../../observe/panel.ts';
import { type Drawing, draw, positionAt } from './chart.ts';
import { formatValue } from './format.ts';

type Values = (number | null)[];

const COLOURS = 9;
/** Lines beyond these many share a colour and a place in the legend. */
const NAMED_MAX = 10;
/** Least height of a row of a heat map, and of the times below it. */
const [ROW_REM, AXIS_REM] = [1.05, 1.5];
/** Name under which lines beyond NAMED_MAX are added up. */
const OTHERS = 'others';

/** A panel on the page: its title, its chart, and a legend with the values of now or of the time that the reader points at. */
export class Card {
  readonly element = document.createElement('article');
  readonly #panel: Panel;
  readonly #times: readonly number[];
  readonly #lines = new Map<string, Values>();
  readonly #chart = document.createElement('div');
  readonly #canvas = document.createElement('canvas');
  readonly #figure = document.createElement('p');
  readonly #legend = document.createElement('ul');
  readonly #empty = document.createElement('p');
  #pointed: number | undefined;

  /** @param times when the values were measured; the page adds to it */
  constructor(panel: Panel, times: readonly number[]) {
    this.#panel = panel;
    this.#times = times;
    const title = document.createElement('h2');
    title.textContent = panel.title;
    const about = document.createElement('p');
    about.textContent = panel.about;
    const chart = this.#chart;
    chart.className = panel.shape === 'heat' ? 'chart heat' : 'chart';
    this.#figure.className = 'figure';
    this.#empty.className = 'empty';
    this.#canvas.setAttribute('role', 'img');
    this.#canvas.setAttribute('aria-label', `${panel.title}, the last ten minutes; the values are below`);
    chart.append(this.#canvas, this.#empty);
    this.element.append(title, about, ...(panel.shape === 'figure' ? [this.#figure] : []), chart);
    if (panel.shape !== 'figure') this.element.append(this.#legend);
    this.#canvas.addEventListener('pointermove', ({ offsetX }) => {
      this.#pointed = positionAt(this.#canvas, this.#drawing(), offsetX);
      this.draw();
    });
    for (const name of ['pointerleave', 'pointercancel'])
      this.#canvas.addEventListener(name, () => {
        this.#pointed = undefined;
        this.draw();
      });
  }

  clear(): void {
    this.#lines.clear();
  }

  set(name: string, values: Values): void {
    this.#lines.set(name, [...values]);
  }

  /** Adds a value to a line for the newest time. Call `advance` when all values of that time are added. */
  add(name: string, value: number): void {
    const values = this.#lines.get(name) ?? this.#times.slice(1).map(() => null);
    values.push(value);
    this.#lines.set(name, values);
  }

  /** Fills up lines without a value for the newest time. @param isFull whether the oldest time is gone */
  advance(isFull: boolean): void {
    const length = this.#times.length + (isFull ? 1 : 0);
    for (const [name, values] of this.#lines) {
      if (values.length < length) values.push(null);
      if (isFull) values.shift();
      if (values.every((value) => value === null)) this.#lines.delete(name);
    }
    if (isFull && this.#pointed !== undefined) this.#pointed = Math.max(0, this.#pointed - 1);
  }

  draw(): void {
    const drawing = this.#drawing();
    if (this.#panel.shape === 'heat') this.#chart.style.minHeight = `${drawing.lines.length * ROW_REM + AXIS_REM}rem`;
    draw(this.#canvas, drawing);
    const names = this.#shown();
    this.#empty.textContent = this.#lines.size === 0 ? 'no values yet' : names.length === 0 ? 'none so far' : '';
    const position = this.#pointed ?? this.#times.length - 1;
    if (this.#panel.shape === 'figure')
      this.#writeFigure(names[0]?.values.slice(0, position + 1).findLast((value) => value !== null) ?? undefined);
    else this.#writeLegend(names, position);
  }

  /**
   * Returns the lines that are shown, in the order of the panel's definition. If a panel has many lines, such as one for each code,
   * those that were 0 all the time say nothing, and the smallest are added up.
   */
  #shown(): { name: string; values: Values }[] {
    const all = [...this.#lines].map(([name, values]) => ({ name, values }));
    const order = this.#panel.order;
    if (order) all.sort((a, b) => placeIn(order, a.name) - placeIn(order, b.name));
    else {
      const defined = this.#panel.queries.map((query) => nameLine(query, {}));
      all.sort((a, b) => defined.indexOf(a.name) - defined.indexOf(b.name));
    }
    if (all.length <= 4 || this.#panel.shape === 'heat') return all;
    const some = all.filter(({ values }) => values.some((value) => value !== null && value !== 0));
    if (some.length <= NAMED_MAX) return some;
    const bySize = [...some].sort((a, b) => sizeOf(b.values) - sizeOf(a.values));
    const rest = bySize.slice(NAMED_MAX - 1);
    const sums = this.#times.map((_, index) => rest.reduce((sum, { values }) => sum + (values[index] ?? 0), 0));
    return [...bySize.slice(0, NAMED_MAX - 1), { name: OTHERS, values: sums }];
  }

  #drawing(): Drawing {
    const lines = this.#shown().map(({ name, values }, index) => ({ name, values, colour: colourAt(index) }));
    return { panel: this.#panel, times: this.#times, lines, pointed: this.#pointed };
  }

  #writeFigure(value: number | undefined): void {
    const { unit, decimals, goal, goalIs = 'most' } = this.#panel;
    const text = value === undefined ? '–' : formatValue(value, unit, decimals);
    this.#figure.textContent = text;
    if (goal === undefined || value === undefined) return;
    const isMet = goalIs === 'least' ? value >= goal : value <= goal;
    const verdict = document.createElement('span');
    verdict.className = `verdict ${isMet ? 'good' : 'bad'}`;
    const bound = `${goalIs === 'least' ? 'at least' : 'at most'} ${formatValue(goal, unit, decimals)}`;
    verdict.textContent = `${isMet ? 'meets the goal' : 'misses the goal'}: ${bound}`;
    this.#figure.append(verdict);
  }

  #writeLegend(lines: readonly { name: string; values: Values }[], position: number): void {
    const { unit, decimals } = this.#panel;
    const items = lines.map(({ name, values }, index) => {
      const item = document.createElement('li');
      const swatch = document.createElement('i');
      swatch.style.background = `var(${colourAt(index)})`;
      const value = values[position] ?? undefined;
      const strong = document.createElement('b');
      strong.textContent = value === undefined ? '–' : formatValue(value, unit, decimals);
      // The rows of a heat map have one colour.
      item.append(...(this.#panel.shape === 'heat' ? [] : [swatch]), `${name} `, strong);
      return item;
    });
    this.#legend.replaceChildren(...items);
  }
}

function colourAt(index: number): string {
  return `--line-${Math.min(index, COLOURS)}`;
}

/** Returns the place of a line in an order, or one behind it. */
function placeIn(order: readonly string[], name: string): number {
  const place = order.indexOf(name);
  return place < 0 ? order.length : place;
}

function sizeOf(values: Values): number {
  return values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
}
