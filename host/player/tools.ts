import type { Notice } from '../base/protocol.ts';
import type { NamedActions } from './actions.ts';
import { Captions } from './captions.ts';
import type { PlayerClient } from './client.ts';
import type { ControlSettings } from './controls.ts';
import { make, makeIcon } from './dom.ts';
import { download, fileNameFor } from './download.ts';
import type { Invitation } from './invitation.ts';
import type { Labels } from './labels.ts';
import type { ViewQuery } from './link.ts';
import { PauseNotes } from './pause.ts';
import type { Recorder } from './recorder.ts';
import { takeScreenshot } from './screenshot.ts';
import type { Settings } from './settings.ts';
import { SettingsPanel } from './settings-panel.ts';
import type { SpeakerState } from './speaker.ts';
import { ENGLISH_TOOLS, type ToolLabels } from './tool-labels.ts';
import { adoptStyle } from './tools-style.ts';

const ICONS = {
  settings: 'M4 7h9M19 7h1M4 17h1M11 17h9M16 4v6M8 14v6',
  screenshot: 'M4 8h3l2-3h6l2 3h3v11H4zM15.5 13a3.5 3.5 0 1 1-7 0 3.5 3.5 0 0 1 7 0z',
  record: 'M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0zM15 12a3 3 0 1 1-6 0 3 3 0 0 1 6 0z',
  invite: 'M13 8a4 4 0 1 1-8 0 4 4 0 0 1 8 0zM2.5 20c.5-4 3-6 6.5-6s6 2 6.5 6M18 8v6M15 11h6',
};

export type PlayerToolsOptions = {
  /** The element or shadow root to which dialogs and captions are added. */
  container: ParentNode & Node;
  /** The bar's list of buttons, to whose front the tools add theirs. */
  bar: HTMLElement;
  /** Takes the keyboard for the game. */
  stage: HTMLElement;
  video: HTMLVideoElement;
  audio: HTMLAudioElement;
  client: PlayerClient;
  speaker: { volume: number; readonly state: SpeakerState };
  settings: Settings;
  controls: ControlSettings;
  /** The picture and game that the site asks for, which win over the settings. */
  asked(): ViewQuery;
  /** The picture and game to ask the server for. */
  query(): ViewQuery;
  /** Whether keys are for this player. */
  hasFocus(): boolean;
  /** The game's name, which begins the names of files. */
  game(): string;
  labels(): Labels;
  /** The actions of the game, named in the player's language. */
  named(): NamedActions;
  /** Shows what the settings say, and all texts in the player's language. */
  applySettings(): Promise<void>;
  /** Removes the tools. */
  signal: AbortSignal;
};

/** The player's tools around the game: settings, screenshots, recordings, invitations and captions. */
export class PlayerTools {
  readonly captions: Captions;
  readonly #pauses: PauseNotes;
  readonly #options: PlayerToolsOptions;
  readonly #panel: SettingsPanel;
  /** Loaded when the player invites others for the first time, and the recorder at the first recording. */
  #invitation: Invitation | undefined;
  #recorder: Recorder | undefined;
  readonly #mark = make('span', { class: 'recording', hidden: true }, make('span', { class: 'dot' }));
  readonly #clock = make('span', { class: 'time' });
  #timer: ReturnType<typeof setInterval> | undefined;
  /** The markup of the buttons in the bar, which are replaced only if it changes. */
  #drawn = '';
  /** Whether the player pressed the last button with the keyboard, and stays at it. */
  #isByKeyboard = false;

  constructor(options: PlayerToolsOptions) {
    this.#options = options;
    const { container, bar, signal } = options;
    const labels = () => this.#labels;
    adoptStyle(container.getRootNode());
    this.captions = new Captions({ container, signal });
    const text = () => container.querySelector('#interval-text');
    this.#pauses = new PauseNotes({ text, labels, captions: this.captions, signal });
    this.#panel = new SettingsPanel({
      container,
      labels,
      named: options.named,
      signal,
      onClose: () => this.#leaveDialog(),
      settings: options.settings,
      controls: options.controls,
      speaker: options.speaker,
      asked: options.asked,
      changePicture: () => options.client.change(options.query()),
      onChange: () => this.#apply(),
      actions: () => this.#buttons(true),
    });
    this.#mark.append(this.#clock);
    bar.before(this.#mark);
    globalThis.addEventListener('keydown', (event) => this.#onKey(event), { signal, capture: true });
    bar.addEventListener('keydown', (event) => event.code === 'Escape' && this.#focusGame(), { signal });
    signal.addEventListener('abort', () => {
      this.endRecording();
      this.#mark.remove();
    });
    this.#drawButtons();
    void this.#apply();
    this.showSound(options.speaker.state);
  }

  /** Completes a recording, because the game has ended. */
  endRecording(): void {
    void this.#recorder?.stop();
  }

  /** Shows whether the player hears the game. */
  showSound(state: SpeakerState): void {
    const { soundBlocked, soundOff } = this.#labels;
    this.captions.setState(state === 'blocked' ? soundBlocked : '');
    if (state === 'off') this.captions.show(soundOff);
  }

  /** Shows what the settings say, and all texts in the player's language. */
  async #apply(): Promise<void> {
    await this.#options.applySettings();
    this.#drawButtons();
  }

  /** Draws the buttons in the bar again if they have changed. The focus stays where it is. */
  #drawButtons(): void {
    const { bar } = this.#options;
    const buttons = this.#buttons(false);
    const drawn = buttons.map(({ outerHTML }) => outerHTML).join('');
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    const before = [...bar.querySelectorAll<HTMLElement>('.tool')];
    const focused = before.findIndex((button) => button.matches(':focus'));
    for (const button of before) button.remove();
    bar.prepend(...buttons);
    buttons[focused]?.focus();
  }

  /** Makes the buttons of the tools: for the settings' own panel with words, for the bar without. */
  #buttons(isInPanel: boolean): HTMLButtonElement[] {
    const { invite, screenshot, record, stopRecording, settings } = this.#labels;
    const { screenshotKey } = this.#options.settings.values;
    const tool = (name: keyof typeof ICONS, label: string, run: () => void, hint = label) =>
      this.#button({ name, label, hint, run, isInPanel });
    const isRecording = this.#recorder?.isRecording === true;
    const buttons = [
      tool('invite', invite, () => void this.#invite()),
      tool('screenshot', screenshot, () => void this.screenshot(), `${screenshot} (${screenshotKey})`),
      tool('record', isRecording ? stopRecording : record, () => void this.#record()),
    ];
    buttons[2]?.classList.toggle('active', isRecording);
    return isInPanel ? buttons : [...buttons, tool('settings', settings, () => this.#panel.open())];
  }

  #button(options: { name: keyof typeof ICONS; label: string; hint: string; isInPanel: boolean; run(): void }) {
    const { name, label, hint, isInPanel, run } = options;
    const words = isInPanel ? {} : { 'aria-label': label };
    const button = make('button', { type: 'button', class: `tool ${name}`, title: hint, ...words });
    button.append(makeIcon(ICONS[name]), ...(isInPanel ? [label] : []));
    button.addEventListener('click', (event) => {
      this.#isByKeyboard = event.detail === 0;
      if (isInPanel) this.#panel.close();
      run();
      // A mouse leaves the keyboard to the game.
      if (!this.#isByKeyboard && !this.#isOpen) this.#focusGame();
    });
    return button;
  }

  /** Saves the picture as a file. */
  async screenshot(): Promise<void> {
    const { screenshotSaved, screenshotFailed } = this.#labels;
    const file = await takeScreenshot(this.#options.video);
    if (file) download(file, fileNameFor(this.#options.game(), new Date(), 'png'));
    this.captions.show(file ? screenshotSaved : screenshotFailed);
  }

  /** Takes a notice of the host. */
  onNotice(notice: Notice): void {
    // The host has left out a part of the player's input.
    if (notice.kind === 'dropped') this.captions.show(this.#labels.tooMuchInput);
    this.#pauses.onNotice(notice);
  }

  async #invite(): Promise<void> {
    const { container, signal } = this.#options;
    const labels = () => this.#labels;
    const loaded = await this.#load(import('./invitation.ts'));
    if (!loaded) return;
    const onClose = () => this.#leaveDialog();
    this.#invitation ??= new loaded.Invitation({ container, labels, signal, onClose });
    this.#invitation.open();
  }

  async #record(): Promise<void> {
    const { video, audio } = this.#options;
    const labels = () => this.#labels;
    if (this.#recorder?.isRecording) return this.#recorder.stop();
    const loaded = await this.#load(import('./recorder.ts'));
    if (!loaded) return;
    this.#recorder ??= new loaded.Recorder({
      video,
      audio,
      game: () => this.#options.game(),
      onState: (isRecording) => this.#showRecording(isRecording),
      onSaved: (isLast) => this.captions.show(isLast ? labels().recordingSaved : labels().recordingPart),
      onError: (message) => this.captions.show(labels().recordingFailed(message)),
    });
    if (!loaded.Recorder.isSupported) this.captions.show(labels().cannotRecord);
    else if (video.videoWidth === 0) this.captions.show(labels().screenshotFailed);
    else await this.#recorder.start();
  }

  /** Waits for a part of the page that is loaded when it is needed. Says so and returns undefined if the server does not answer. */
  #load<T>(loading: Promise<T>): Promise<T | undefined> {
    return loading.catch(() => {
      this.captions.show(this.#labels.noAnswer);
      return undefined;
    });
  }

  #showRecording(isRecording: boolean): void {
    clearInterval(this.#timer);
    if (isRecording) this.#timer = setInterval(() => this.#showTime(), 500);
    this.#mark.hidden = !isRecording;
    this.#showTime();
    this.#drawButtons();
    if (isRecording) this.captions.show(this.#labels.recording);
  }

  #showTime(): void {
    const seconds = this.#recorder?.seconds() ?? 0;
    const text = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
    if (this.#clock.textContent !== text) this.#clock.textContent = text;
  }

  /** Takes a screenshot at its key, which the game does not get. */
  #onKey(event: KeyboardEvent): void {
    const isPlain = !(event.ctrlKey || event.altKey || event.metaKey || event.shiftKey);
    if (event.code !== this.#options.settings.values.screenshotKey || !isPlain || this.#isOpen) return;
    if (!this.#options.hasFocus()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!event.repeat) void this.screenshot();
  }

  /** All texts in the player's language. Only English ones come in two parts. */
  get #labels(): ToolLabels {
    return { ...ENGLISH_TOOLS, ...this.#options.labels() };
  }

  get #isOpen(): boolean {
    return this.#panel.isOpen || this.#invitation?.isOpen === true;
  }

  /** Someone who opened a dialog with the keyboard stays at its button. */
  #leaveDialog(): void {
    if (!this.#isByKeyboard) this.#focusGame();
  }

  /** Gives the keyboard back to the game. */
  #focusGame(): void {
    if (this.#options.client.state.kind === 'playing') this.#options.stage.focus({ preventScroll: true });
  }
}
