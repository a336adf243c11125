import type { Panel } from '../../observe/panel.ts';
import { formatValue, ticksUpTo } from './format.ts';
import { drawHeat } from './heat.ts';

/** A line of a chart. */
export interface Drawn {
  readonly name: string;
  readonly values: readonly (number | null)[];
  readonly colour: string;
}

export interface Drawing {
  readonly panel: Panel;
  readonly times: readonly number[];
  readonly lines: readonly Drawn[];
  /** Position in `times` that the reader points at; undefined for none. */
  readonly pointed: number | undefined;
}

interface Area {
  context: CanvasRenderingContext2D;
  left: number;
  top: number;
  right: number;
  bottom: number;
}

const FONT = '11px ui-sans-serif, system-ui, sans-serif';
/** Least time that a chart shows, so that the first seconds do not jump. */
const SPAN_MS_MIN = 60_000;

/** Draws lines over time on a canvas whose size CSS gives. Colours come from custom properties of the page. */
export function draw(canvas: HTMLCanvasElement, drawing: Drawing): void {
  const context = prepare(canvas);
  if (!context) return;
  const style = getComputedStyle(canvas);
  const colourOf = (name: string) => style.getPropertyValue(name).trim();
  const { panel, lines } = drawing;
  if (panel.shape === 'heat') {
    drawHeatMap(context, drawing, colourOf);
    return;
  }
  const isSmall = panel.shape === 'figure';
  const stacked = panel.shape === 'stacked' ? stack(lines.map(({ values }) => values)) : undefined;
  const heights = stacked ?? lines.map(({ values }) => values);
  const ticks = isSmall ? [0, mostOf(heights) || 1] : ticksUpTo(Math.max(mostOf(heights), goalShown(panel, heights)));
  // Differences of shares near 1 would not be seen on a scale from 0.
  const bottomValue = isSmall && panel.unit === 'share' ? leastOf(heights) : 0;
  context.font = FONT;
  const labels = ticks.map((tick) => formatValue(tick, panel.unit, panel.decimals));
  const left = isSmall ? 0 : Math.ceil(Math.max(...labels.map((label) => context.measureText(label).width))) + 8;
  const area: Area = {
    context,
    left,
    top: 6,
    right: canvas.clientWidth - 2,
    bottom: canvas.clientHeight - (isSmall ? 3 : 18),
  };
  const top = ticks.at(-1) ?? 1;
  const range = top - bottomValue || 1;
  const y = (value: number) => area.bottom - ((value - bottomValue) / range) * (area.bottom - area.top);
  const x = scaleOf(drawing.times, area);
  if (!isSmall) {
    drawGrid(area, { ticks, labels, y, line: colourOf('--grid'), text: colourOf('--soft') });
    drawTimes(area, drawing.times, x, colourOf('--soft'));
  }
  lines.forEach(({ colour }, index) => {
    const values = heights[index] ?? [];
    const below = stacked ? heights[index - 1] : undefined;
    const fill = stacked ? 0.55 : lines.length === 1 ? 0.14 : 0;
    const at = (position: number) => x(drawing.times[position] ?? 0);
    // The outline of a part that is nothing would hide that of the part below it.
    const own = stacked && index > 0 ? lines[index]?.values : undefined;
    drawLine(context, { values, below, own, colour: colourOf(colour), fill, at, y, base: area.bottom });
  });
  if (panel.goal !== undefined && !isSmall) drawGoal(area, y(panel.goal), colourOf('--bad'));
  if (drawing.pointed !== undefined) drawPointer(area, x(drawing.times[drawing.pointed] ?? 0), colourOf('--soft'));
}

/** Draws a heat map in the area that the names of its rows leave. */
function drawHeatMap(context: CanvasRenderingContext2D, drawing: Drawing, colourOf: (name: string) => string): void {
  const { panel, lines, times, pointed } = drawing;
  const { clientWidth, clientHeight } = context.canvas;
  context.font = FONT;
  const left = Math.ceil(Math.max(0, ...lines.map(({ name }) => context.measureText(name).width))) + 8;
  lefts.set(context.canvas, left);
  const area: Area = { context, left, top: 6, right: clientWidth - 2, bottom: clientHeight - 18 };
  const x = scaleOf(times, area);
  const colours = {
    cell: colourOf(panel.isBad ? '--bad' : '--line-0'),
    text: colourOf('--soft'),
    grid: colourOf('--grid'),
  };
  drawHeat(context, lines, { ...area, x: (position) => x(times[position] ?? 0) }, colours);
  drawTimes(area, times, x, colours.text);
  if (pointed !== undefined) drawPointer(area, x(times[pointed] ?? 0), colours.text);
}

/** Returns the position in `times` that is closest to a place on the canvas, in pixels from its left. */
export function positionAt(canvas: HTMLCanvasElement, drawing: Drawing, place: number): number | undefined {
  const right = canvas.clientWidth - 2;
  const x = scaleOf(drawing.times, { left: leftOf(canvas, drawing), right });
  let [found, distance]: [number | undefined, number] = [undefined, Number.POSITIVE_INFINITY];
  drawing.times.forEach((time, index) => {
    const off = Math.abs(x(time) - place);
    if (off < distance) [found, distance] = [index, off];
  });
  return found;
}

const lefts = new WeakMap<HTMLCanvasElement, number>();

function leftOf(canvas: HTMLCanvasElement, { panel }: Drawing): number {
  return panel.shape === 'figure' ? 0 : (lefts.get(canvas) ?? 0);
}

/** Fits the canvas to its size on the page, in the display's own pixels, and clears it. */
function prepare(canvas: HTMLCanvasElement): CanvasRenderingContext2D | undefined {
  const scale = globalThis.devicePixelRatio || 1;
  const [width, height] = [Math.round(canvas.clientWidth * scale), Math.round(canvas.clientHeight * scale)];
  const context = canvas.getContext('2d');
  if (!context || width === 0 || height === 0) return undefined;
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

function scaleOf(times: readonly number[], { left, right }: Pick<Area, 'left' | 'right'>): (time: number) => number {
  const last = times.at(-1) ?? 0;
  const span = Math.max(SPAN_MS_MIN, last - (times[0] ?? last));
  return (time) => right - ((last - time) / span) * (right - left);
}

/** Adds up lines from the first to the last. A line without a value adds nothing, and where no line has one, there is a gap. */
function stack(lines: readonly (readonly (number | null)[])[]): (number | null)[][] {
  const sums: number[] = [];
  return lines.map((values) =>
    values.map((value, index) => {
      sums[index] = (sums[index] ?? 0) + (value ?? 0);
      return lines.every((line) => (line[index] ?? null) === null) ? null : sums[index];
    }),
  );
}

function mostOf(lines: readonly (readonly (number | null)[])[]): number {
  return lines.flat().reduce<number>((most, value) => Math.max(most, value ?? 0), 0);
}

function leastOf(lines: readonly (readonly (number | null)[])[]): number {
  const values = lines.flat().filter((value) => value !== null);
  const least = Math.min(...values);
  // A value that never changes is a line at the top.
  return values.length === 0 || least === Math.max(...values) ? 0 : least;
}

/** The goal belongs on the scale if the values are near it; a goal far above them would make them flat. */
function goalShown({ goal = 0 }: Panel, lines: readonly (readonly (number | null)[])[]): number {
  return mostOf(lines) > goal / 3 ? goal : 0;
}

function drawGrid(
  { context, left, right, bottom }: Area,
  {
    ticks,
    labels,
    y,
    line,
    text,
  }: { ticks: number[]; labels: string[]; y(value: number): number; line: string; text: string },
): void {
  lefts.set(context.canvas, left);
  context.textBaseline = 'middle';
  context.textAlign = 'right';
  ticks.forEach((tick, index) => {
    const place = Math.round(y(tick)) + 0.5;
    context.fillStyle = line;
    context.fillRect(left, place - 0.5, right - left, 1);
    context.fillStyle = text;
    context.fillText(labels[index] ?? '', left - 6, Math.min(place, bottom - 2));
  });
}

/** Writes the time of day at the ends of the chart. */
function drawTimes(
  { context, left, right, bottom }: Area,
  times: readonly number[],
  x: (time: number) => number,
  colour: string,
) {
  const [first, last] = [times[0], times.at(-1)];
  if (first === undefined || last === undefined) return;
  context.fillStyle = colour;
  context.textBaseline = 'top';
  context.textAlign = 'right';
  context.fillText(clockOf(last), right, bottom + 5);
  const span = right - Math.max(left, x(first));
  context.textAlign = 'left';
  if (span > 140) context.fillText(clockOf(first), Math.max(left, x(first)), bottom + 5);
}

function clockOf(time: number): string {
  return new Date(time).toLocaleTimeString([], { hour12: false });
}

interface Stroke {
  values: readonly (number | null)[];
  below: readonly (number | null)[] | undefined;
  /** The line's own part of `values`, which has an outline only where it is something; undefined if all has one. */
  own: readonly (number | null)[] | undefined;
  colour: string;
  fill: number;
  /** Place of a position in `values`, from the left. */
  at(position: number): number;
  y(value: number): number;
  base: number;
}

/** Draws a line, with gaps where it has no values, and fills the area between it and the line below. */
function drawLine(context: CanvasRenderingContext2D, stroke: Stroke): void {
  const { values, below, own, colour, fill, at, y, base } = stroke;
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = 1.75;
  context.lineJoin = 'round';
  for (const [from, to] of runsOf(values)) {
    const upper = new Path2D();
    for (let index = from; index <= to; index++) upper.lineTo(at(index), y(values[index] ?? 0));
    if (fill > 0) {
      const area = new Path2D(upper);
      for (let index = to; index >= from; index--) area.lineTo(at(index), below ? y(below[index] ?? 0) : base);
      context.globalAlpha = fill;
      context.fill(area);
      context.globalAlpha = 1;
    }
    if (from === to) context.fillRect(at(from) - 1, y(values[from] ?? 0) - 1, 2, 2);
    context.stroke(own ? outlineOf(stroke, own, [from, to]) : upper);
  }
}

/** Returns the outline of a run between values of which at least one is something. */
function outlineOf({ values, at, y }: Stroke, own: readonly (number | null)[], [from, to]: [number, number]): Path2D {
  const path = new Path2D();
  for (let index = from; index <= to; index++) {
    const isDrawn = index > from && ((own[index] ?? 0) !== 0 || (own[index - 1] ?? 0) !== 0);
    if (isDrawn) path.lineTo(at(index), y(values[index] ?? 0));
    else path.moveTo(at(index), y(values[index] ?? 0));
  }
  return path;
}

/** Returns the first and the last position of each part of a line that has values. */
function runsOf(values: readonly (number | null)[]): [number, number][] {
  const runs: [number, number][] = [];
  values.forEach((value, index) => {
    if (value === null) return;
    const run = runs.at(-1);
    if (run && run[1] === index - 1) run[1] = index;
    else runs.push([index, index]);
  });
  return runs;
}

function drawGoal({ context, left, right, top, bottom }: Area, place: number, colour: string): void {
  if (place < top || place > bottom) return;
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.setLineDash([5, 4]);
  context.beginPath();
  context.moveTo(left, place);
  context.lineTo(right, place);
  context.stroke();
  context.setLineDash([]);
}

function drawPointer({ context, top, bottom }: Area, place: number, colour: string): void {
  context.fillStyle = colour;
  context.fillRect(Math.round(place), top, 1, bottom - top);
}
