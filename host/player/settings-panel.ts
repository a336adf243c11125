import type { NamedActions } from './actions.ts';
import type { ControlSettings } from './controls.ts';
import { ControlsPanel } from './controls-panel.ts';
import { Dialog } from './dialog.ts';
import { make } from './dom.ts';
import { LANGUAGES, type Language } from './languages.ts';
import type { LinkFailure, ViewQuery } from './link.ts';
import { CHOICES, PICTURE_SETTINGS, type PictureSetting, type SettingName, type Settings } from './settings.ts';
import type { ToolLabels } from './tool-labels.ts';

export type SettingsPanelOptions = {
  container: ParentNode & Node;
  settings: Settings;
  controls: ControlSettings;
  labels(): ToolLabels;
  /** The actions of the game, named in the player's language. */
  named(): NamedActions;
  /** The picture and game in the page's URL, which wins over the settings. */
  asked(): ViewQuery;
  /** The loudness of the game, from 0 to 1. */
  speaker: { volume: number };
  /** Asks the server for the picture that the settings name. Returns why it refused, if it did. */
  changePicture(): Promise<Pick<LinkFailure, 'message'> | undefined>;
  /** Applies the settings that do not concern the server. */
  onChange(): Promise<void>;
  onClose?(): void;
  /** Buttons for phones, whose bar has no room for them. */
  actions(): readonly Node[];
  signal: AbortSignal;
};

type Row = {
  name: SettingName;
  title: string;
  cost?: string;
  choices: readonly (readonly [value: string, text: string])[];
};

/** The dialog with the player's settings. Each choice takes effect at once. */
export class SettingsPanel {
  readonly #options: SettingsPanelOptions;
  readonly #dialog: Dialog;
  #controls: ControlsPanel | undefined;
  readonly #status = make('p', { class: 'status', role: 'status' });
  /** Number of the newest change of the picture. */
  #changes = 0;

  constructor(options: SettingsPanelOptions) {
    this.#options = options;
    const { container, signal, onClose } = options;
    this.#dialog = new Dialog({ container, signal, name: 'settings', ...(onClose ? { onClose } : {}) });
  }

  get isOpen(): boolean {
    return this.#dialog.isOpen;
  }

  close(): void {
    this.#dialog.close();
  }

  open(): void {
    this.#status.textContent = '';
    this.#render();
  }

  #render(): void {
    const { settings, actions } = this.#options;
    const labels = this.#options.labels();
    const reset = make('button', { type: 'button', class: 'plain' }, labels.reset);
    reset.addEventListener('click', () => this.#reset());
    const content = [
      make('div', { class: 'actions' }, ...actions()),
      ...rowsOf(labels).map((row) => this.#choice(row)),
      this.#volume(labels),
      this.#key(labels, settings.values.screenshotKey),
      this.#controlsFor(labels),
      make('footer', {}, this.#status, reset),
    ];
    this.#dialog.show({ title: labels.settings, close: labels.close, content });
  }

  /** Makes a row with a list to choose from. */
  #choice({ name, title, cost, choices }: Row): Node {
    const { settings, asked } = this.#options;
    const fixed = isPictureSetting(name) ? asked()[name] : undefined;
    const isFixed = fixed !== undefined;
    const known = isFixed ? [[String(fixed), String(fixed)] as const] : choices;
    const value = settings.values[name];
    const options = known.map(([choice, text]) => make('option', { value: choice, selected: choice === value }, text));
    const select = make('select', { id: `setting-${name}`, disabled: isFixed }, ...options);
    select.addEventListener('change', () => this.#set(name, select.value));
    return rowFor(select, title, isFixed ? this.#options.labels().fixedByAddress : cost);
  }

  /** Makes the part for the controls, which opens when the player wants to change them. */
  #controlsFor(labels: ToolLabels): Node {
    const container = make('details', { class: 'controls' }, make('summary', {}, labels.controls));
    this.#controls?.detach();
    this.#controls = new ControlsPanel({
      container,
      controls: this.#options.controls,
      labels,
      ...this.#options.named(),
    });
    return container;
  }

  #volume({ volume }: ToolLabels): Node {
    const { speaker } = this.#options;
    const range = { id: 'setting-volume', type: 'range', min: '0', max: '1', step: '0.01' };
    const input = make('input', { ...range, value: String(speaker.volume) });
    input.addEventListener('input', () => {
      speaker.volume = input.valueAsNumber;
      void this.#options.onChange();
    });
    return rowFor(input, volume);
  }

  /** Makes a row with a button that takes the next key which is pressed. */
  #key(labels: ToolLabels, code: string): Node {
    const button = make('button', { id: 'setting-key', type: 'button', class: 'plain' }, code);
    const finish = (next: string) => {
      button.removeEventListener('keydown', take);
      this.#options.settings.set({ screenshotKey: next });
      button.textContent = this.#options.settings.values.screenshotKey;
      void this.#options.onChange();
    };
    const take = (event: KeyboardEvent) => {
      if (event.code === 'Tab') return;
      event.preventDefault();
      event.stopPropagation();
      finish(event.code === 'Escape' ? code : event.code);
    };
    button.addEventListener('click', () => {
      button.textContent = labels.pressKey;
      button.focus();
      button.addEventListener('keydown', take);
    });
    button.addEventListener('blur', () => finish(this.#options.settings.values.screenshotKey));
    return rowFor(button, labels.screenshotKey, labels.screenshotKeyCost);
  }

  #set(name: SettingName, value: string): void {
    const { settings, onChange } = this.#options;
    const before = settings.values[name];
    settings.set({ [name]: value });
    if (isPictureSetting(name)) void this.#changePicture({ [name]: before });
    else {
      void onChange().then(() => {
        if (name === 'language' && this.isOpen) this.#renderAt(`#setting-${name}`);
      });
    }
  }

  #reset(): void {
    const { settings, speaker, onChange } = this.#options;
    const { size, fps, bitrate } = settings.values;
    settings.reset();
    speaker.volume = 1;
    void onChange().then(() => {
      if (this.isOpen) this.#renderAt('.plain:last-child');
    });
    if (size || fps || bitrate) void this.#changePicture({ size, fps, bitrate });
  }

  /**
   * Asks for the picture that the settings name.
   * @param before the settings to return to if the server refuses
   */
  async #changePicture(before: Partial<Record<PictureSetting, string>>): Promise<void> {
    const change = ++this.#changes;
    this.#status.textContent = this.#options.labels().applying;
    const failure = await this.#options.changePicture();
    if (change !== this.#changes) return;
    const labels = this.#options.labels();
    if (failure) this.#options.settings.set(before);
    this.#status.textContent = failure ? labels.refused(failure.message) : labels.applied;
    if (failure && this.#dialog.isOpen) this.#renderAt(`#setting-${Object.keys(before)[0]}`);
  }

  /** Draws the open dialog again, and leaves the focus where it was. */
  #renderAt(selector: string): void {
    this.#render();
    this.#dialog.focus(selector);
  }
}

function isPictureSetting(name: SettingName): name is PictureSetting {
  return PICTURE_SETTINGS.some((other) => other === name);
}

function rowsOf(labels: ToolLabels): Row[] {
  const { automatic } = labels;
  const words = (name: SettingName, word: (value: string) => string) =>
    (CHOICES[name] as readonly string[]).map((value) => [value, value === '' ? automatic : word(value)] as const);
  return [
    {
      name: 'size',
      title: labels.resolution,
      cost: labels.resolutionCost,
      choices: words('size', (value) => value.replace('x', ' × ')),
    },
    { name: 'fps', title: labels.frameRate, cost: labels.frameRateCost, choices: words('fps', (value) => value) },
    {
      name: 'bitrate',
      title: labels.bitrateMax,
      cost: labels.bitrateCost,
      choices: words('bitrate', (value) => `${Number(value) / 1e6} Mbit/s`),
    },
    {
      name: 'scaling',
      title: labels.scaling,
      cost: labels.scalingCost,
      choices: words('scaling', (value) => (value === 'sharp' ? labels.sharp : labels.smooth)),
    },
    { name: 'language', title: labels.language, choices: words('language', (value) => LANGUAGES[value as Language]) },
  ];
}

/** Makes a row of the panel: the name of a control, the control, and a line about what it costs. */
function rowFor(control: HTMLElement, title: string, cost?: string): Node {
  const note = cost === undefined ? undefined : make('small', { id: `${control.id}-cost` }, cost);
  if (note) control.setAttribute('aria-describedby', note.id);
  return make('div', { class: 'row' }, make('label', { for: control.id }, title), control, note);
}
