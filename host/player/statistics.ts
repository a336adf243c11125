import { make } from './dom.ts';
import { LatencyGraph, type LatencyGraphOptions } from './graph.ts';
import type { PlayerStats } from './state.ts';
import { ENGLISH_TOOLS, type ToolLabels } from './tool-labels.ts';

export type StatisticsPanelOptions = LatencyGraphOptions & {
  /** Returns the element of the panel that has an id. */
  element(id: string): HTMLElement;
  /** Returns the texts in the player's language, in English at least those that the page begins with. */
  labels(): Partial<ToolLabels>;
};

/** Figures that the page does not have from the beginning, by the label of each. */
const MORE = { tier: 'stat-tier', droppedInput: 'stat-input' } as const;

/** The panel with statistics of play: its figures, and the graph of latency. */
export class StatisticsPanel {
  readonly #options: StatisticsPanelOptions;
  readonly #graph: LatencyGraph;
  /** The names of the figures in MORE. */
  readonly #names: { label: keyof typeof MORE; node: HTMLElement }[] = [];

  constructor(options: StatisticsPanelOptions) {
    this.#options = options;
    const last = options.element('stat-door').parentElement;
    for (const [label, id] of Object.entries(MORE).reverse() as [keyof typeof MORE, string][]) {
      const node = make('dt');
      last?.after(make('div', {}, node, make('dd', { id })));
      this.#names.push({ label, node });
    }
    this.#graph = new LatencyGraph(options);
  }

  /** Starts to draw the graph, or stops. */
  show(isShown: boolean): void {
    this.#graph.show(isShown);
  }

  /** Writes the figures. */
  update(stats: PlayerStats): void {
    const { element, labels } = this.#options;
    for (const [id, text] of Object.entries(figuresOf(stats))) show(element(id), text);
    for (const { label, node } of this.#names) show(node, labels()[label] ?? ENGLISH_TOOLS[label]);
  }
}

function show(node: HTMLElement, text: string): void {
  if (node.textContent !== text) node.textContent = text;
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
    'stat-tier': stats.tier ?? '–',
    'stat-input': String(stats.inputsDropped),
  };
}

/** Returns a value with its unit, or a dash if it is not known. */
function withUnit(value: number, digits: number, name: string): string {
  return Number.isNaN(value) ? '–' : `${value.toFixed(digits)} ${name}`;
}
