/** A node of a drawn graph: a box, or a bend in a line where it passes a row of boxes on its way to a lower row. */
export interface Place {
  name: string;
  /** Row of the drawing, counted from 0 at the bottom. */
  row: number;
  /** Middle of the box or bend, in pixels from the left of the drawing. */
  x: number;
  width: number;
  isBend: boolean;
}

/** A line from a box down to another, with the bends between them. */
export interface Line {
  from: string;
  to: string;
  places: Place[];
}

export interface Layout {
  places: Place[];
  lines: Line[];
  width: number;
  rows: number;
}

const BEND_WIDTH = 14;
const GAP = 22;
/** Number of rounds in which boxes are reordered and moved; more rounds change nothing that can be seen. */
const SWEEPS = 24;

type Edge = readonly [from: string, to: string];

/**
 * Lays out a graph without circles in rows: every box stands above all the boxes that its lines lead to. Neighbours in a row
 * are ordered so that few lines cross, and each place moves towards the places that it is connected to.
 */
export function layOut(nodes: readonly string[], edges: readonly Edge[], widthOf: (node: string) => number): Layout {
  const rowOf = rowsFromBottom(nodes, edges);
  const rows: Place[][] = [];
  const add = (place: Place) => {
    rows[place.row] ??= [];
    rows[place.row]?.push(place);
    return place;
  };
  const boxes = new Map<string, Place>();
  for (const name of nodes)
    boxes.set(name, add({ name, row: rowOf.get(name) ?? 0, x: 0, width: widthOf(name), isBend: false }));
  const lines = edges.flatMap(([from, to]) => {
    const [top, bottom] = [boxes.get(from), boxes.get(to)];
    if (top === undefined || bottom === undefined) return [];
    const places = [top];
    for (let row = top.row - 1; row > bottom.row; row -= 1)
      places.push(add({ name: `${from} > ${to}`, row, x: 0, width: BEND_WIDTH, isBend: true }));
    places.push(bottom);
    return { from, to, places };
  });
  const near = neighbours(lines);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) order(rows, near);
  const width = position(rows, near);
  return { places: rows.flat(), lines, width, rows: rows.length };
}

/** Returns the row of each node: the length of the longest path down from it, so 0 for a node that no line leaves. */
function rowsFromBottom(nodes: readonly string[], edges: readonly Edge[]): Map<string, number> {
  const targets = Map.groupBy(edges, ([from]) => from);
  const rows = new Map<string, number>();
  const visit = (node: string, path: readonly string[]): number => {
    if (path.includes(node)) throw new Error(`circle: ${[...path, node].join(' > ')}`);
    const known = rows.get(node);
    if (known !== undefined) return known;
    const below = (targets.get(node) ?? []).map(([, to]) => visit(to, [...path, node]) + 1);
    const row = Math.max(0, ...below);
    rows.set(node, row);
    return row;
  };
  for (const node of nodes) visit(node, []);
  return rows;
}

function neighbours(lines: readonly Line[]): Map<Place, Place[]> {
  const near = new Map<Place, Place[]>();
  const connect = (a: Place, b: Place) => near.set(a, [...(near.get(a) ?? []), b]);
  for (const { places } of lines)
    places.slice(1).forEach((below, i) => {
      const above = places[i];
      if (above === undefined) return;
      connect(above, below);
      connect(below, above);
    });
  return near;
}

/**
 * Sorts the boxes and bends of each row by the mean position of their neighbours: first from the bottom row to the top, then
 * back.
 */
function order(rows: readonly Place[][], near: Map<Place, Place[]>): void {
  const seats = () => new Map(rows.flatMap((row) => row.map((place, i) => [place, (i + 0.5) / row.length] as const)));
  for (const [direction, list] of [
    [-1, rows],
    [1, rows.toReversed()],
  ] as const)
    for (const row of list) {
      const seat = seats();
      const key = new Map(
        row.map((place) => {
          const others = (near.get(place) ?? []).filter((other) => other.row === place.row + direction);
          const sum = others.reduce((total, other) => total + (seat.get(other) ?? 0), 0);
          return [place, others.length > 0 ? sum / others.length : (seat.get(place) ?? 0)];
        }),
      );
      row.sort((a, b) => (key.get(a) ?? 0) - (key.get(b) ?? 0));
    }
}

/** Moves every box and bend towards its neighbours as far as its row allows. Returns the width of the widest row. */
function position(rows: readonly Place[][], near: Map<Place, Place[]>): number {
  const lengths = rows.map((row) => row.reduce((sum, place) => sum + place.width + GAP, -GAP));
  const width = Math.max(...lengths);
  rows.forEach((row, i) => {
    let left = (width - (lengths[i] ?? 0)) / 2;
    for (const place of row) {
      place.x = left + place.width / 2;
      left += place.width + GAP;
    }
  });
  for (let sweep = 0; sweep < SWEEPS; sweep += 1)
    for (const row of sweep % 2 === 0 ? rows : rows.toReversed()) {
      const wanted = row.map((place) => {
        const others = near.get(place) ?? [];
        return others.length > 0 ? others.reduce((sum, { x }) => sum + x, 0) / others.length : place.x;
      });
      settle(row, wanted, width);
    }
  return width;
}

/** Gives the boxes and bends of a row their wanted positions, then pushes them apart and back inside the picture. */
function settle(row: readonly Place[], wanted: readonly number[], width: number): void {
  const space = (i: number) => ((row[i - 1]?.width ?? 0) + (row[i]?.width ?? 0)) / 2 + GAP;
  // The mean of the leftmost and the rightmost positions that keep the order of the row and its distances.
  const right: number[] = [];
  row.forEach((place, i) => {
    const least = i === 0 ? place.width / 2 : (right[i - 1] ?? 0) + space(i);
    right[i] = Math.max(wanted[i] ?? 0, least);
  });
  const left: number[] = [];
  for (let i = row.length - 1; i >= 0; i -= 1) {
    const most = i === row.length - 1 ? width - (row[i]?.width ?? 0) / 2 : (left[i + 1] ?? 0) - space(i + 1);
    left[i] = Math.min(wanted[i] ?? 0, most);
  }
  const mean = row.map((_, i) => ((left[i] ?? 0) + (right[i] ?? 0)) / 2);
  let edge = 0;
  row.forEach((place, i) => {
    place.x = Math.max(mean[i] ?? 0, edge + place.width / 2);
    edge = place.x + place.width / 2 + GAP;
  });
  edge = width;
  for (const place of row.toReversed()) {
    place.x = Math.min(place.x, edge - place.width / 2);
    edge = place.x - place.width / 2 - GAP;
  }
}
