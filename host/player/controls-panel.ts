import { type GameAction, nameOfAction } from '../base/actions.ts';
import { CONTROL_BOUNDS, type ControlNumber, type ControlSettings, type Controls } from './controls.ts';
import { make } from './dom.ts';
import { exchangeKey, keysFor, nameOfKey } from './key-names.ts';
import type { ToolLabels } from './tool-labels.ts';

export type ControlsPanelOptions = {
  /** The element that gets the panel. It may be in a shadow root. */
  container: HTMLElement | ShadowRoot;
  controls: ControlSettings;
  labels: ToolLabels;
  /** The actions of the game. The panel then lists these in place of keys. Default: not known */
  actions?: readonly GameAction[];
  /** Language of the actions' names. Default: English */
  language?: string;
};

const SWITCHES = ['invertY', 'leftHanded'] as const;

/** A panel in which the player changes the controls. It has no style of its own: the class of its element is `controls-panel`. */
export class ControlsPanel {
  readonly #controls: ControlSettings;
  readonly #labels: ToolLabels;
  readonly #root = make('div', { class: 'controls-panel' });
  readonly #sliders = new Map<ControlNumber, HTMLInputElement>();
  readonly #switches = new Map<(typeof SWITCHES)[number], HTMLInputElement>();
  readonly #keys = make('ul');
  /** Waits for a key for a game whose actions are not known. */
  readonly #add: HTMLButtonElement;
  readonly #actions: readonly GameAction[];
  readonly #language: string;
  readonly #stop: () => void;
  /** Ends the wait for the keys of a change; undefined if the panel does not wait. */
  #capture: AbortController | undefined;

  constructor({ container, controls, labels, actions = [], language = 'en' }: ControlsPanelOptions) {
    this.#controls = controls;
    this.#labels = labels;
    this.#actions = actions.filter(({ keys }) => keys.length > 0);
    this.#language = language;
    for (const name of Object.keys(CONTROL_BOUNDS) as ControlNumber[]) {
      const { min, max, step } = CONTROL_BOUNDS[name];
      const slider = make('input', { type: 'range', min: String(min), max: String(max), step: String(step) });
      slider.addEventListener('input', () => controls.set({ [name]: slider.valueAsNumber }));
      this.#sliders.set(name, slider);
      this.#root.append(labelled(labels[name], slider));
    }
    for (const name of SWITCHES) {
      const box = make('input', { type: 'checkbox' });
      box.addEventListener('change', () => controls.set({ [name]: box.checked }));
      this.#switches.set(name, box);
      this.#root.append(labelled(labels[name], box));
    }
    this.#add = make('button', { type: 'button' }, labels.addKey);
    this.#add.addEventListener('click', () => (this.#capture ? this.#endCapture() : this.#captureKeys()));
    this.#add.hidden = this.#actions.length > 0;
    const reset = make('button', { type: 'button' }, labels.usualControls);
    reset.addEventListener('click', () => controls.reset());
    this.#keys.ariaLabel = labels.keys;
    this.#root.append(this.#keys, this.#add, reset);
    this.#stop = controls.onChange((values) => this.#show(values));
    this.#show(controls.values);
    container.append(this.#root);
  }

  detach(): void {
    this.#stop();
    this.#endCapture();
    this.#root.remove();
  }

  #show(values: Controls): void {
    for (const [name, slider] of this.#sliders) slider.valueAsNumber = values[name];
    for (const [name, box] of this.#switches) box.checked = values[name];
    if (this.#actions.length > 0) this.#showActions();
    else this.#showKeys(values);
  }

  /** Lists the keys that the player has changed. */
  #showKeys({ keys }: Controls): void {
    const rows = Object.entries(keys).map(([pressed, key]) => {
      const remove = make('button', { type: 'button' }, this.#labels.removeKey);
      remove.addEventListener('click', () => this.#controls.setKey(pressed, pressed));
      return make('li', {}, make('kbd', {}, pressed), ' → ', make('kbd', {}, key), ' ', remove);
    });
    this.#keys.replaceChildren(...rows);
  }

  /** Lists the actions of the game, each with a button that says by which keys it is done, and waits for another one. */
  #showActions(): void {
    const rows = this.#actions.map((action) => {
      const name = nameOfAction(action, this.#language);
      const keys = action.keys.flatMap((key) => keysFor(this.#controls, key)).map(nameOfKey);
      const text = [...new Set(keys)].join(' · ') || '–';
      const button = make('button', { type: 'button' });
      const show = (words: string) => {
        button.textContent = words;
        button.ariaLabel = `${name}: ${words}`;
      };
      show(text);
      button.addEventListener('click', () => {
        if (this.#capture) return this.#endCapture();
        show(this.#labels.pressKey);
        this.#captureKey(action, button).addEventListener('abort', () => show(text));
      });
      return make('li', { class: 'action' }, make('span', {}, name), button);
    });
    const list = [...this.#keys.querySelectorAll('button')];
    const focused = list.findIndex((button) => button.matches(':focus'));
    this.#keys.replaceChildren(...rows);
    rows[focused]?.querySelector('button')?.focus();
  }

  /**
   * Waits at a button for the key with which the player wants to do an action. Escape, or a click elsewhere, ends that.
   * @returns a signal of the end
   */
  #captureKey(action: GameAction, button: HTMLElement): AbortSignal {
    button.focus();
    const signal = this.#takeKeys((code) => {
      this.#endCapture();
      exchangeKey(this.#controls, code, action.keys[0] ?? code);
    });
    button.addEventListener('blur', () => this.#endCapture(), { signal });
    return signal;
  }

  /** Waits for the key that the player wants to use, and for the one that it stands for. Escape ends that. */
  #captureKeys(): void {
    let pressed: string | undefined;
    this.#add.textContent = this.#labels.pressOwnKey;
    this.#takeKeys((code) => {
      if (pressed === undefined) {
        pressed = code;
        this.#add.textContent = this.#labels.pressGameKey;
      } else {
        this.#controls.setKey(pressed, code);
        this.#endCapture();
      }
    });
  }

  /** Hands each key that is pressed to `take` until the capture ends. @returns a signal of that end */
  #takeKeys(take: (code: string) => void): AbortSignal {
    const capture = new AbortController();
    this.#capture = capture;
    const { signal } = capture;
    const onKey = (event: KeyboardEvent): void => {
      // The page's own listeners must not take the key.
      event.preventDefault();
      event.stopImmediatePropagation();
      if (event.repeat) return;
      if (event.code === 'Escape') this.#endCapture();
      else take(event.code);
    };
    globalThis.addEventListener('keydown', onKey, { capture: true, signal });
    return signal;
  }

  #endCapture(): void {
    this.#capture?.abort();
    this.#capture = undefined;
    this.#add.textContent = this.#labels.addKey;
  }
}

function labelled(text: string, control: HTMLElement): HTMLLabelElement {
  return make('label', {}, make('span', {}, text), control);
}
