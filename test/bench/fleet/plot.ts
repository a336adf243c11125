import type { Row } from './world.ts';

const WIDTH = 960;
const PANEL_HEIGHT = 220;
const MARGIN = { left: 70, right: 20, top: 34, bottom: 30 };
const COLOURS = { servers: '#1f6f8b', players: '#c8553d', freeSeats: '#4f9d69', waiting: '#7b4fa3' };

export interface Panel {
  title: string;
  rows: readonly Row[];
  /** Things that happened, by the hour. */
  marks: readonly { hour: number; text: string }[];
  seatsPerServer: number;
}

/** Draws servers, players, free seats and those who wait, as an SVG with one panel for each run. */
export function drawPlot(panels: readonly Panel[]): string {
  const height = panels.length * (PANEL_HEIGHT + MARGIN.top + MARGIN.bottom);
  const parts = panels.map((panel, index) => drawPanel(panel, index * (PANEL_HEIGHT + MARGIN.top + MARGIN.bottom)));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="#ffffff"/>
${parts.join('\n')}
</svg>
`;
}

function drawPanel({ title, rows, marks, seatsPerServer }: Panel, top: number): string {
  const [first, last] = [rows[0]?.hour ?? 0, rows.at(-1)?.hour ?? 1];
  const inServers = {
    servers: (row: Row) => row.servers,
    players: (row: Row) => row.players / seatsPerServer,
    freeSeats: (row: Row) => row.freeSeats / seatsPerServer,
    waiting: (row: Row) => row.waiting / seatsPerServer,
  };
  const most = Math.max(1, ...rows.flatMap((row) => Object.values(inServers).map((of) => of(row))));
  const x = (hour: number) => MARGIN.left + ((hour - first) / (last - first)) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = (value: number) => top + MARGIN.top + PANEL_HEIGHT * (1 - value / most);
  const lines = Object.entries(inServers).map(([name, of]) => {
    const points = rows.map((row) => `${x(row.hour).toFixed(1)},${y(of(row)).toFixed(1)}`).join(' ');
    return `<polyline fill="none" stroke="${COLOURS[name as keyof typeof COLOURS]}" stroke-width="1.6" points="${points}"/>`;
  });
  const legend = Object.entries(COLOURS).map(
    ([name, colour], index) =>
      `<text x="${WIDTH - 470 + index * 125}" y="${top + 20}" fill="${colour}">${LEGEND[name as keyof typeof COLOURS]}</text>`,
  );
  const every = last - first > 8 ? 3 : 1;
  const hours = Array.from(
    { length: Math.floor(last / every) - Math.ceil(first / every) + 1 },
    (_, n) => every * (Math.ceil(first / every) + n),
  );
  const scale = [
    ...hours.map((hour) => `<text x="${x(hour)}" y="${y(0) + 16}" text-anchor="middle">${hour % 24}:00</text>`),
    ...[0, 0.5, 1].map((part) => {
      const value = Math.round(most * part);
      return `<text x="${MARGIN.left - 6}" y="${y(value) + 4}" text-anchor="end">${value}</text><line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y(value)}" y2="${y(value)}" stroke="#e3e7ea"/>`;
    }),
  ];
  const events = marks.map(
    ({ hour, text }, index) =>
      `<line x1="${x(hour)}" x2="${x(hour)}" y1="${y(most)}" y2="${y(0)}" stroke="#333" stroke-dasharray="3 3"/><text x="${x(hour) + 3}" y="${y(most) + 12 + 13 * (index % 4)}">${text}</text>`,
  );
  return [
    `<text x="${MARGIN.left}" y="${top + 20}" font-size="14">${title}</text>`,
    ...legend,
    ...scale,
    ...lines,
    ...events,
  ].join('\n');
}

/** All lines are in servers, so that they can be compared. */
const LEGEND = {
  servers: 'servers',
  players: 'players / seats (oracle)',
  freeSeats: 'free / seats',
  waiting: 'waiting / seats',
};
