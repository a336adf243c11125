import { CONTROL_BOUNDS, type ControlNumber, type ControlSettings, type Controls } from './controls.ts';
import { make } from './dom.ts';
import type { ToolLabels } from './tool-labels.ts';

export type ControlsPanelOptions = {
  /** The element that gets the panel. It may be in a shadow root. */
  container: HTMLElement | ShadowRoot;
  controls: ControlSettings;
  labels: ToolLabels;
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
  readonly #add: HTMLButtonElement;
  readonly #stop: () => void;
  /** Ends the wait for the keys of a change; undefined if the panel does not wait. */
  #capture: AbortController | undefined;

  constructor({ container, controls, labels }: ControlsPanelOptions) {
    this.#controls = controls;
    this.#labels = labels;
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
    const rows = Object.entries(values.keys).map(([pressed, key]) => {
      const remove = make('button', { type: 'button' }, this.#labels.removeKey);
      remove.addEventListener('click', () => this.#controls.setKey(pressed, pressed));
      return make('li', {}, make('kbd', {}, pressed), ' → ', make('kbd', {}, key), ' ', remove);
    });
    this.#keys.replaceChildren(...rows);
  }

  /** Waits for the key that the player wants to use, and for the one that it stands for. Escape ends that. */
  #captureKeys(): void {
    const capture = new AbortController();
    this.#capture = capture;
    let pressed: string | undefined;
    this.#add.textContent = this.#labels.pressOwnKey;
    const take = (event: KeyboardEvent): void => {
      // The page's own listeners must not take the key.
      event.preventDefault();
      event.stopImmediatePropagation();
      if (event.repeat) return;
      if (event.code === 'Escape') this.#endCapture();
      else if (pressed === undefined) {
        pressed = event.code;
        this.#add.textContent = this.#labels.pressGameKey;
      } else {
        this.#controls.setKey(pressed, event.code);
        this.#endCapture();
      }
    };
    globalThis.addEventListener('keydown', take, { capture: true, signal: capture.signal });
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
