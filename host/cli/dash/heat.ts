/** A row of a heat map. */
export interface HeatRow {
  readonly name: string;
  readonly values: readonly (number | null)[];
}

/** The strength of a cell whose value is small but not 0, so that it differs from that of 0. */
const LEAST = 0.12;

/**
 * Returns how strongly a value is coloured, from 0 to 1: the root of its part of the largest one, because steps differ by orders of
 * magnitude. A value of 0 has no colour.
 */
export function strengthOf(value: number | null | undefined, most: number): number {
  if (value === null || value === undefined || !(value > 0) || !(most > 0)) return 0;
  return LEAST + (1 - LEAST) * Math.sqrt(Math.min(1, value / most));
}

/** Draws a row of cells for each line, one cell for each time. */
export function drawHeat(
  context: CanvasRenderingContext2D,
  rows: readonly HeatRow[],
  area: { left: number; top: number; right: number; bottom: number; x(position: number): number },
  colours: { cell: string; text: string; grid: string },
): void {
  const height = (area.bottom - area.top) / Math.max(1, rows.length);
  const most = rows.reduce((found, { values }) => values.reduce<number>((a, b) => Math.max(a, b ?? 0), found), 0);
  rows.forEach(({ name, values }, row) => {
    const top = area.top + row * height;
    context.fillStyle = colours.grid;
    context.fillRect(area.left, top + 1, area.right - area.left, Math.max(1, height - 2));
    context.fillStyle = colours.cell;
    values.forEach((value, position) => {
      const [from, to] = [position === 0 ? area.x(0) - 2 : area.x(position - 1), area.x(position)];
      context.globalAlpha = strengthOf(value, most);
      if (context.globalAlpha > 0) context.fillRect(from, top + 1, Math.max(1, to - from), Math.max(1, height - 2));
    });
    context.globalAlpha = 1;
    context.fillStyle = colours.text;
    context.textAlign = 'right';
    context.textBaseline = 'middle';
    context.fillText(name, area.left - 6, top + height / 2);
  });
}
