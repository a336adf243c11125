import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Import, readImports } from './imports.ts';
import { type Line, layOut, type Place } from './layout.ts';
import { GAMES, PACKAGE, partOf } from './order.ts';

/** Path of the picture of the source folders and their imports, which host/ARCHITECTURE.md shows. */
export const PICTURE = 'host/architecture.svg';

const ROW_HEIGHT = 88;
const BOX_HEIGHT = 34;
const MARGIN = 24;
const LEGEND_WIDTH = 200;
const LEGEND_ROW = 28;
const LETTER_WIDTH = 7.9;
const ARROW = 7;
/** Distance between two lines at one side of a box, in pixels. */
const LINE_GAP = 9;

const BOTTOM = ['host/base', 'renderer/contract'];

const LEGEND = [
  [
    ['renderer', 'games and their SDK'],
    ['library', 'library of the host'],
    ['stage', 'stage of the host'],
    ['joins', 'connects stages'],
  ],
  [
    ['loads', 'imports'],
    ['types', 'imports types only'],
  ],
] as const;

type Edge = readonly [from: string, to: string];

/** Returns the name of the box that shows a source file's folder. Several folders with equal imports share one box. */
function boxOf(path: string): string | undefined {
  const part = partOf(path);
  if (part === undefined || part === 'test') return undefined;
  if (GAMES.includes(part)) return 'games';
  return PACKAGE.includes(part) ? 'renderer/sdk' : part;
}

function labelOf(box: string): string {
  return box === 'games' ? GAMES.map((game) => game.split('/').at(-1)).join(' · ') : box;
}

/**
 * Draws the imports between source folders as an SVG. It leaves out lines that other lines imply, so that the picture is
 * clear.
 */
export function drawPicture(imports: readonly Import[]): string {
  const loads = new Map<string, boolean>();
  for (const { from, to, kind, typeOnly } of imports) {
    const [source, target] = [boxOf(from), boxOf(to)];
    if (kind !== 'file' || source === undefined || target === undefined || source === target) continue;
    const key = `${source} > ${target}`;
    loads.set(key, loads.get(key) || !typeOnly);
  }
  const all = [...loads.keys()].sort().map((key) => key.split(' > ') as [string, string]);
  // A path that contains an import of types does not imply an import of values, except of the lowest folders, which all others
  // use.
  const values = all.filter((edge) => loads.get(edge.join(' > ')));
  const edges = all.filter((edge) => {
    const isValue = loads.get(edge.join(' > ')) && !BOTTOM.includes(edge[1]);
    return !isImplied(edge, isValue ? values : all);
  });
  const boxes = [...new Set(all.flat())].sort();
  const layout = layOut(boxes, edges, (box) => Math.ceil(labelOf(box).length * LETTER_WIDTH) + 24);

  const height = (layout.rows - 1) * ROW_HEIGHT + BOX_HEIGHT + 3 * MARGIN + LEGEND.length * LEGEND_ROW;
  const width = Math.max(Math.ceil(layout.width), 4 * LEGEND_WIDTH) + 2 * MARGIN;
  const x = (place: Place) => place.x + MARGIN;
  const y = (place: Place) => MARGIN + BOX_HEIGHT / 2 + (layout.rows - 1 - place.row) * ROW_HEIGHT;

  const lines = layout.lines.map((line) => {
    const { from, to, places } = line;
    const points = places.map((place, i) => {
      if (place.isBend) return [x(place), y(place)] as const;
      const isStart = i === 0;
      return [
        x(place) + offsetOf(line, isStart, layout.lines),
        y(place) + (isStart ? BOX_HEIGHT / 2 : -BOX_HEIGHT / 2 - ARROW),
      ] as const;
    });
    const style = loads.get(`${from} > ${to}`) ? 'loads' : 'types';
    const title = `${labelOf(from)} imports ${style === 'loads' ? '' : 'types of '}${labelOf(to)}`;
    return `<path class="${style}" marker-end="url(#arrow)" d="${curve(points)}"><title>${title}</title></path>`;
  });
  const rectangles = layout.places
    .filter((place) => !place.isBend)
    .map((place) => {
      const left = round(x(place) - place.width / 2);
      const text = `<text x="${round(x(place))}" y="${round(y(place) + 4.5)}">${labelOf(place.name)}</text>`;
      return `<rect class="${colourOf(place.name)}" x="${left}" y="${round(y(place) - BOX_HEIGHT / 2)}" width="${place.width}" height="${BOX_HEIGHT}" rx="6"/>${text}`;
    });
  return svg(width, height, [...lines, ...rectangles, legend(height - MARGIN - LEGEND_ROW - 8)]);
}

/** Whether other lines lead from the edge's start to its end. */
function isImplied([from, to]: Edge, edges: readonly Edge[]): boolean {
  const reached = new Set(edges.filter((edge) => edge[0] === from && edge[1] !== to).map((edge) => edge[1]));
  for (const node of reached) for (const edge of edges) if (edge[0] === node) reached.add(edge[1]);
  return reached.has(to);
}

/**
 * Returns where a line meets its box, in pixels from the middle of the box. Lines that come from further left meet it further
 * left.
 */
function offsetOf(line: Line, isStart: boolean, lines: readonly Line[]): number {
  const next = ({ places }: Line) => places.at(isStart ? 1 : -2)?.x ?? 0;
  const same = lines.filter((other) => (isStart ? other.from === line.from : other.to === line.to));
  const seat = same.toSorted((a, b) => next(a) - next(b)).indexOf(line);
  return (seat - (same.length - 1) / 2) * LINE_GAP;
}

function colourOf(box: string): string {
  if (box === 'games' || box.startsWith('renderer/')) return 'renderer';
  if (['host/play', 'host/cli', 'host/pod', 'host/fleet'].includes(box)) return 'joins';
  return box.startsWith('host/') && box !== 'host/base' ? 'stage' : 'library';
}

/** Returns the SVG path of a smooth line through the points, which is vertical at each point. */
function curve(points: readonly (readonly [x: number, y: number])[]): string {
  return points
    .map(([px, py], i) => {
      const before = points[i - 1];
      if (before === undefined) return `M${round(px)} ${round(py)}`;
      const middle = round((before[1] + py) / 2);
      return `C${round(before[0])} ${middle} ${round(px)} ${middle} ${round(px)} ${round(py)}`;
    })
    .join('');
}

function legend(y: number): string {
  return LEGEND.flatMap((entries, row) =>
    entries.map(([style, text], column) => {
      const left = MARGIN + column * LEGEND_WIDTH;
      const middle = y + row * LEGEND_ROW;
      const isLine = style === 'loads' || style === 'types';
      const mark = isLine
        ? `<path class="${style}" d="M${left} ${middle}h30"/>`
        : `<rect class="${style}" x="${left}" y="${middle - 8}" width="30" height="16" rx="3"/>`;
      return `${mark}<text class="legend" x="${left + 40}" y="${middle + 4.5}">${text}</text>`;
    }),
  ).join('\n');
}

function svg(width: number, height: number, parts: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="The folders of the program from bottom to top, and which imports which">
<!-- Generated from the sources by test/check/picture.ts; do not edit. -->
<style>
  svg { --back: #ffffff; --ink: #1f2328; --line: #57606a; --renderer: #dafbe1; --library: #fff1c2; --stage: #ddf4ff; --joins: #eddeff; }
  @media (prefers-color-scheme: dark) {
    svg { --back: #0d1117; --ink: #e6edf3; --line: #9198a1; --renderer: #12361f; --library: #463a10; --stage: #10325c; --joins: #3b2464; }
  }
  text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: var(--ink); text-anchor: middle; }
  text.legend { text-anchor: start; font-family: sans-serif; }
  rect { stroke: var(--line); }
  rect.back { fill: var(--back); stroke: none; }
  rect.renderer { fill: var(--renderer); }
  rect.library { fill: var(--library); }
  rect.stage { fill: var(--stage); }
  rect.joins { fill: var(--joins); }
  path { fill: none; stroke: var(--line); stroke-width: 1.3; }
  path.types { stroke-dasharray: 5 4; }
  marker path { fill: var(--line); stroke: none; }
</style>
<defs><marker id="arrow" viewBox="0 0 8 8" markerWidth="8" markerHeight="8" refX="1" refY="4" orient="auto" markerUnits="userSpaceOnUse"><path d="M0 0L8 4L0 8Z"/></marker></defs>
<rect class="back" width="${width}" height="${height}" rx="8"/>
${parts.join('\n')}
</svg>
`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Returns a fault if the picture in the repository differs from the one drawn from the imports. */
export function checkPicture(root: string, imports: readonly Import[]): string[] {
  const path = join(root, PICTURE);
  const drawn = existsSync(path) ? readFileSync(path, 'utf8') : '';
  if (drawn === drawPicture(imports)) return [];
  return [`${PICTURE} does not show the imports of the sources; draw it with: node test/check/picture.ts`];
}

if (import.meta.main) {
  const root = join(import.meta.dirname, '../..');
  writeFileSync(join(root, PICTURE), drawPicture(await readImports(root)));
  process.stdout.write(`wrote ${PICTURE}\n`);
}
