import { systemClock } from '../base/clock.ts';
import { ALL_STAGES, BANDS, COLUMNS, GraphColumns } from './bands.ts';
import type { StageHistory } from './stage-history.ts';

const DRAW_MS = 200;
/** The fractions whose percentiles the legend shows. */
const FRACTIONS = [0.5, 0.99, 0.999];
const HEADINGS = ['P50', 'P99', 'P99.9'];

export type LatencyGraphOptions = {
  /** The graph is drawn here. CSS gives the size; the custom properties of BANDS may set the colours. */
  canvas: HTMLCanvasElement;
  /** This element gets the legend, a table with the percentiles of the last minute. */
  legend: HTMLElement;
  history: StageHistory;
  /** Translates a name of the legend. By default, the names are English. */
  translate?: (name: string) => string;
};

/** A row of the legend, and the positions in STAGES that it adds up. */
type Row = { stages: readonly number[]; cells: readonly HTMLTableCellElement[] };

/**
 * Draws the latency of the last ten seconds as stacked columns, one band for each group of stages. It works only while it is shown.
 * The graph needs nothing of the document around its two elements, so it may be in a shadow tree.
 */
export class LatencyGraph {
  readonly #options: LatencyGraphOptions;
  readonly #columns = new GraphColumns();
  readonly #percentiles = new Float64Array(FRACTIONS.length);
  /** For each column, the height up to which it is drawn, in pixels. */
  readonly #heights = new Float32Array(COLUMNS);
  #colours: readonly string[] = BANDS.map(({ colour }) => colour);
  #lineColour = '';
  #rows: readonly Row[] = [];
  #nextRow = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: LatencyGraphOptions) {
    this.#options = options;
    const { canvas } = options;
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', this.#text('Latency of the last ten seconds'));
  }

  /** Starts to draw, or stops. */
  show(isShown: boolean): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (!isShown) return;
    if (this.#rows.length === 0) this.#rows = this.#build();
    const style = getComputedStyle(this.#options.canvas);
    this.#colours = BANDS.map(({ property, colour }) => style.getPropertyValue(property).trim() || colour);
    this.#lineColour = style.color;
    this.#draw();
    for (const _ of this.#rows) this.#updateRow();
    this.#timer = setInterval(() => this.#beat(), DRAW_MS);
  }

  #beat(): void {
    if (this.#options.canvas.ownerDocument.hidden) return;
    this.#draw();
    // Sorting takes the most time, so each turn updates one row.
    this.#updateRow();
  }

  #draw(): void {
    const { canvas, history } = this.#options;
    const scale = globalThis.devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * scale);
    const height = Math.round(canvas.clientHeight * scale);
    const context = canvas.getContext('2d');
    if (!context || width === 0 || height === 0) return;
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    context.clearRect(0, 0, width, height);
    this.#columns.fill(history, systemClock.now());
    this.#drawBands(context, width, height);
    this.#drawScale(context, { width, height, scale });
  }

  #drawBands(context: CanvasRenderingContext2D, width: number, height: number): void {
    const { history } = this.#options;
    const { ages, scaleMs } = this.#columns;
    const heights = this.#heights.fill(0);
    const columnWidth = width / COLUMNS;
    for (let index = 0; index < BANDS.length; index++) {
      const stages = BANDS[index]?.stages ?? [];
      context.fillStyle = this.#colours[index] ?? '';
      for (let column = 0; column < COLUMNS; column++) {
        const age = ages[column] ?? -1;
        if (age < 0) continue;
        const bandHeight = (history.timeOf(age, stages) / scaleMs) * height;
        const below = heights[column] ?? 0;
        heights[column] = below + bandHeight;
        context.fillRect(column * columnWidth, height - below - bandHeight, columnWidth, bandHeight);
      }
    }
  }

  /** Draws a line at the top and in the middle, and writes what they stand for. */
  #drawScale(
    context: CanvasRenderingContext2D,
    { width, height, scale }: { width: number; height: number; scale: number },
  ): void {
    const { scaleMs } = this.#columns;
    context.fillStyle = this.#lineColour;
    context.font = `${Math.round(10 * scale)}px ui-sans-serif, system-ui, sans-serif`;
    context.textBaseline = 'top';
    for (const part of [1, 0.5]) {
      const y = Math.round(height * (1 - part));
      context.globalAlpha = 0.4;
      context.fillRect(0, y, width, Math.max(1, Math.round(scale)));
      context.globalAlpha = 1;
      context.fillText(`${scaleMs * part} ms`, 2 * scale, y + 2 * scale);
    }
  }

  /** Writes the percentiles of the next row of the legend. */
  #updateRow(): void {
    const row = this.#rows[this.#nextRow];
    if (!row) return;
    this.#nextRow = (this.#nextRow + 1) % this.#rows.length;
    this.#percentiles.set(FRACTIONS);
    this.#options.history.percentiles(row.stages, this.#percentiles);
    for (const [index, cell] of row.cells.entries()) {
      const ms = this.#percentiles[index] ?? Number.NaN;
      const text = Number.isNaN(ms) ? '–' : ms.toFixed(1);
      if (cell.textContent !== text) cell.textContent = text;
    }
  }

  /** Builds the legend, from the top of the graph to its bottom, with a row for the whole. */
  #build(): Row[] {
    const { legend } = this.#options;
    const table = legend.ownerDocument.createElement('table');
    const head = table.createTHead().insertRow();
    for (const heading of [this.#text('ms, last minute'), ...HEADINGS]) this.#heading(head, heading, 'col');
    const body = table.createTBody();
    const add = (name: string, stages: readonly number[], colour?: string): Row => {
      const line = body.insertRow();
      const title = this.#heading(line, this.#text(name), 'row');
      if (colour !== undefined) title.prepend(this.#swatch(colour));
      return { stages, cells: FRACTIONS.map(() => line.insertCell()) };
    };
    const rows = [...BANDS]
      .reverse()
      .map(({ name, stages, property, colour }) => add(name, stages, `var(${property}, ${colour})`));
    rows.push(add('Total', ALL_STAGES));
    legend.replaceChildren(table);
    return rows;
  }

  #heading(row: HTMLTableRowElement, text: string, scope: string): HTMLTableCellElement {
    const cell = row.ownerDocument.createElement('th');
    cell.scope = scope;
    cell.textContent = text;
    row.append(cell);
    return cell;
  }

  #swatch(colour: string): HTMLElement {
    const swatch = this.#options.legend.ownerDocument.createElement('i');
    swatch.style.background = colour;
    return swatch;
  }

  #text(name: string): string {
    return this.#options.translate?.(name) ?? name;
  }
}
