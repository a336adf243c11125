import { CONTROL_BOUNDS, type ControlNumber, type ControlSettings, type Controls } from './controls.ts';

/** The texts of the panel. */
export type ControlLabels = Readonly<
  Record<
    ControlNumber | 'invertY' | 'leftHanded' | 'keys' | 'addKey' | 'removeKey' | 'pressKey' | 'pressGameKey' | 'reset',
    string
  >
>;

export const CONTROL_LABELS: ControlLabels = {
  mouseSensitivity: 'Mouse sensitivity',
  stickSensitivity: 'Stick sensitivity',
  deadZone: 'Dead zone of sticks',
  touchScale: 'Size of touch controls',
  invertY: 'Invert up and down',
  leftHanded: 'Left-handed touch controls',
  keys: 'Keys',
  addKey: 'Change a key',
  removeKey: 'Remove',
  pressKey: 'Press the key that you want to use',
  pressGameKey: 'Press the key of the game that it stands for',
  reset: 'Usual controls',
};

export type ControlsPanelOptions = {
  /** The element that gets the panel. It may be in a shadow root. */
  container: HTMLElement | ShadowRoot;
  controls: ControlSettings;
  labels?: ControlLabels;
};

const SWITCHES = ['invertY', 'leftHanded'] as const;

/** A panel in which the player changes the controls. It has no style of its own: the class of its element is `controls-panel`. */
export class ControlsPanel {
  readonly #controls: ControlSettings;
  readonly #labels: ControlLabels;
  readonly #root = element('div', { className: 'controls-panel' });
  readonly #sliders = new Map<ControlNumber, HTMLInputElement>();
  readonly #switches = new Map<(typeof SWITCHES)[number], HTMLInputElement>();
  readonly #keys = element('ul', {});
  readonly #add: HTMLButtonElement;
  readonly #stop: () => void;
  /** Ends the wait for the keys of a change; undefined if the panel does not wait. */
  #capture: AbortController | undefined;

  constructor({ container, controls, labels = CONTROL_LABELS }: ControlsPanelOptions) {
    this.#controls = controls;
    this.#labels = labels;
    for (const name of Object.keys(CONTROL_BOUNDS) as ControlNumber[]) {
      const { min, max, step } = CONTROL_BOUNDS[name];
      const slider = element('input', { type: 'range' });
      Object.assign(slider, { min: String(min), max: String(max), step: String(step) });
      slider.addEventListener('input', () => controls.set({ [name]: slider.valueAsNumber }));
      this.#sliders.set(name, slider);
      this.#root.append(labelled(labels[name], slider));
    }
    for (const name of SWITCHES) {
      const box = element('input', { type: 'checkbox' });
      box.addEventListener('change', () => controls.set({ [name]: box.checked }));
      this.#switches.set(name, box);
      this.#root.append(labelled(labels[name], box));
    }
    this.#add = element('button', { type: 'button', textContent: labels.addKey });
    this.#add.addEventListener('click', () => (this.#capture ? this.#endCapture() : this.#captureKeys()));
    const reset = element('button', { type: 'button', textContent: labels.reset });
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
      const remove = element('button', { type: 'button', textContent: this.#labels.removeKey });
      remove.addEventListener('click', () => this.#controls.setKey(pressed, pressed));
      const row = element('li', {});
      row.append(element('kbd', { textContent: pressed }), ' → ', element('kbd', { textContent: key }), ' ', remove);
      return row;
    });
    this.#keys.replaceChildren(...rows);
  }

  /** Waits for the key that the player wants to use, and for the one that it stands for. Escape ends that. */
  #captureKeys(): void {
    const capture = new AbortController();
    this.#capture = capture;
    let pressed: string | undefined;
    this.#add.textContent = this.#labels.pressKey;
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

function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  properties: Partial<HTMLElementTagNameMap[K]>,
): HTMLElementTagNameMap[K] {
  return Object.assign(document.createElement(name), properties);
}

function labelled(text: string, control: HTMLElement): HTMLLabelElement {
  const label = element('label', {});
  label.append(element('span', { textContent: text }), control);
  return label;
}
