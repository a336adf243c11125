import { LatencyGraph, type LatencyGraphOptions } from './graph.ts';
import type { PlayerStats } from './state.ts';

export type StatisticsPanelOptions = LatencyGraphOptions & {
  /** Returns the element of the panel that has an id. */
  element(id: string): HTMLElement;
};

/** The panel with statistics of play: its figures, and the graph of latency. */
export class StatisticsPanel {
  readonly #options: StatisticsPanelOptions;
  readonly #graph: LatencyGraph;

  constructor(options: StatisticsPanelOptions) {
    this.#options = options;
    this.#graph = new LatencyGraph(options);
  }

  /** Starts to draw the graph, or stops. */
  show(isShown: boolean): void {
    this.#graph.show(isShown);
  }

  /** Writes the figures. */
  update(stats: PlayerStats): void {
    for (const [id, text] of Object.entries(figuresOf(stats))) {
      const node = this.#options.element(id);
      if (node.textContent !== text) node.textContent = text;
    }
  }
}

/** Returns the text of each element in the panel, by its id. */
function figuresOf(stats: PlayerStats): Readonly<Record<string, string>> {
  return {
    'stat-fps': withUnit(stats.fps, 0, 'fps'),
    'stat-p50': withUnit(stats.latencyP50, 1, 'ms'),
    'stat-p99': withUnit(stats.latencyP99, 1, 'ms'),
    'stat-rtt': withUnit(stats.rtt, 1, 'ms'),
    'stat-server': withUnit(stats.serverP50, 1, 'ms'),
    'stat-size': stats.width > 0 ? `${stats.width} × ${stats.height}` : '–',
    'stat-bitrate': withUnit(stats.bitrate / 1e6, 1, 'Mbit/s'),
    'stat-dropped': String(stats.framesDropped),
    'stat-lost': String(stats.packetsLost),
    'stat-door': stats.door || '–',
    'stat-tier': stats.tier === undefined ? '–' : `${stats.tier} · ${Math.round(stats.tierMs / 1000)} s`,
    'stat-input': String(stats.inputsDropped),
  };
}

/** Returns a value with its unit, or a dash if it is not known. */
function withUnit(value: number, digits: number, name: string): string {
  return Number.isNaN(value) ? '–' : `${value.toFixed(digits)} ${name}`;
}
