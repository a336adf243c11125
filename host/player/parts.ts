import type { Notice } from '../base/protocol.ts';
import type { PlayerClient } from './client.ts';
import type { ControlSettings } from './controls.ts';
import type { PageDisplay } from './display.ts';
import type { PageInput } from './input.ts';
import type { PageRequests } from './requests.ts';
import type { StatisticsPanel } from './statistics.ts';
import type { PlayerTools, PlayerToolsOptions } from './tools.ts';

export type PagePartsOptions = {
  display: PageDisplay;
  client: PlayerClient;
  input: PageInput;
  /** Removes the parts. */
  signal: AbortSignal;
};

/** The parts of the page without which a game can begin. Each is loaded when it is needed, or after everything else. */
export class PageParts {
  readonly #options: PagePartsOptions;
  /** Does what the game asks of the player, and is loaded when a game asks for the first time. */
  #requests: Promise<PageRequests | undefined> | undefined;
  /** Settings, captions, screenshots and the like. */
  #tools: PlayerTools | undefined;
  #loading: Promise<void> | undefined;
  /** Loaded when the statistics are shown for the first time. */
  #statistics: StatisticsPanel | undefined;

  constructor(options: PagePartsOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', () => {
      this.#statistics?.show(false);
      void this.#requests?.then((requests) => requests?.detach());
    });
  }

  /** The tools; undefined before they are loaded. */
  get tools(): PlayerTools | undefined {
    return this.#tools;
  }

  /** Takes a notice of the host. */
  onNotice(notice: Notice): void {
    if (notice.kind === 'rumble' || notice.kind === 'text') this.#requests ??= this.#loadRequests();
    void this.#requests?.then((requests) => requests?.onNotice(notice));
    void this.#loading?.then(() => this.#tools?.onNotice(notice));
  }

  /** Ends what the game has asked of the player, because it is not being played. */
  stopRequests(): void {
    void this.#requests?.then((requests) => requests?.stop());
  }

  /** Loads the touch controls. A finger can do nothing before the player has closed the card with the instructions. */
  async loadTouch(controls: ControlSettings): Promise<void> {
    const { client, display, signal } = this.#options;
    const loaded = await import('./touch.ts').catch(() => undefined);
    if (!loaded || signal.aborted) return;
    const touch = new loaded.TouchInput({
      stage: display.stage,
      stick: display.element('stick'),
      knob: display.element('knob'),
      buttons: display.touchButtons,
      writer: client.input,
      onAct: () => display.hideCard(),
      controls,
    });
    signal.addEventListener('abort', () => touch.detach());
  }

  /** Loads the tools. The game does not wait for them. */
  loadTools(options: PlayerToolsOptions): void {
    this.#loading = import('./tools.ts').then(
      ({ PlayerTools }) => {
        if (!this.#options.signal.aborted) this.#tools = new PlayerTools(options);
      },
      () => {},
    );
  }

  /** Shows a caption when the tools are loaded. */
  showCaption(text: string): void {
    void this.#loading?.then(() => this.#tools?.captions.show(text));
  }

  /** Ends a caption that no longer matters. If the tools load later, it never appears. */
  withdrawCaption(text: string): void {
    void this.#loading?.then(() => this.#tools?.captions.withdraw(text));
  }

  /** Shows or hides the statistics. */
  async toggleStatistics(): Promise<void> {
    const { client, display, signal } = this.#options;
    const { stats, translator } = display;
    stats.hidden = !stats.hidden;
    const loaded = await import('./statistics.ts').catch(() => undefined);
    if (!loaded || signal.aborted) return;
    this.#statistics ??= new loaded.StatisticsPanel({
      element: (id) => display.element(id),
      canvas: display.element<HTMLCanvasElement>('graph'),
      legend: display.element('stages'),
      history: client.history,
      translate: (name) => translator.translate(name),
      labels: () => translator.labels,
    });
    this.#statistics.show(!stats.hidden);
    this.updateStatistics();
  }

  /** Writes the figures of the statistics if the game is being played and they are shown. */
  updateStatistics(): void {
    const { client, display } = this.#options;
    if (client.state.kind === 'playing' && !display.stats.hidden) this.#statistics?.update(client.stats());
  }

  async #loadRequests(): Promise<PageRequests | undefined> {
    const { client, display, input, signal } = this.#options;
    const loaded = await import('./requests.ts').catch(() => undefined);
    if (!loaded || signal.aborted) return undefined;
    return new loaded.PageRequests({
      input,
      writer: client.input,
      container: display.page,
      isTouch: () => display.isTouch,
      labels: () => display.translator.labels,
      onClosed: () => display.stage.focus({ preventScroll: true }),
    });
  }
}
