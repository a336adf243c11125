import type { GameAction } from '../../base/actions.ts';
import { nameButtons } from '../../player/actions.ts';
import { ControlSettings } from '../../player/controls.ts';
import { ControlsPanel } from '../../player/controls-panel.ts';
import { ENGLISH } from '../../player/labels.ts';
import { ENGLISH_TOOLS } from '../../player/tool-labels.ts';
import type { TouchButton } from '../../player/touch.ts';

export type DevControlsOptions = {
  /** The button that shows and hides the panel. */
  button: HTMLElement;
  /** The element that gets the panel. */
  container: HTMLElement;
  touchButtons: readonly TouchButton[];
};

/** The controls of the person at the page, and the panel for them: as on the page for streamed games, in English. */
export class DevControls {
  readonly settings = new ControlSettings(localStorage);
  readonly #options: DevControlsOptions;
  #actions: readonly GameAction[] = [];
  #panel: ControlsPanel | undefined;

  constructor(options: DevControlsOptions) {
    this.#options = options;
    const { button, container } = options;
    button.addEventListener('click', () => this.#toggle(this.#panel === undefined));
    // Keys that are pressed in the panel are not for the game.
    container.addEventListener('keydown', (event) => event.stopPropagation());
  }

  /** Takes the actions of the game, which another build may name differently. */
  show(actions: readonly GameAction[]): void {
    this.#actions = actions;
    nameButtons(this.#options.touchButtons, { actions, language: 'en' });
    if (this.#panel) this.#toggle(true);
  }

  #toggle(isOpen: boolean): void {
    const { button, container } = this.#options;
    this.#panel?.detach();
    this.#panel = undefined;
    container.hidden = !isOpen;
    button.setAttribute('aria-expanded', String(isOpen));
    if (!isOpen) return;
    const labels = { ...ENGLISH, ...ENGLISH_TOOLS };
    this.#panel = new ControlsPanel({ container, controls: this.settings, labels, actions: this.#actions });
  }
}
