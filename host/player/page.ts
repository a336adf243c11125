import type { Notice } from '../base/protocol.ts';
import { PlayerClient } from './client.ts';
import { ControlSettings } from './controls.ts';
import { PageDisplay } from './display.ts';
import type { PlayGuard } from './guard.ts';
import { PageInput } from './input.ts';
import { chooseLanguage } from './languages.ts';
import type { ViewQuery } from './link.ts';
import { PageParts } from './parts.ts';
import { hasChosenPicture, PICTURE_SETTINGS, Settings, viewQuery } from './settings.ts';
import { Speaker } from './speaker.ts';
import type { PlayerState } from './state.ts';
import { storageOf, takeStorageName } from './storage.ts';
import type { TokenSource } from './token-source.ts';

const FIGURES_MS = 500;
/** On a screen whose shorter side is below this, in CSS pixels, the page asks for a smaller picture by itself. */
const PHONE_PIXELS = 600;
/** How often the page says how to free the mouse. */
const LOCK_HINTS = 3;

export type PlayerPageOptions = {
  /** The element that holds the page. Keys are for the game while it has the focus. */
  host: HTMLElement;
  /** The element's shadow root, which is empty. */
  root: ShadowRoot;
  /** URL of the host's WHEP endpoint. */
  url: string;
  /** Whether the page watches the game without playing. */
  spectates: boolean;
  /** Returns the player's token, if the host asks for one. */
  token: TokenSource;
  /** Whether the sound starts turned off, whatever the player chose at an earlier visit. */
  isMuted: boolean;
  /** Whether gamepads are for this page. It may share the document with others. */
  hasGamepads(): boolean;
  /** Called when the player turns the sound off or on. */
  onMuted(isMuted: boolean): void;
  onState(state: PlayerState): void;
  onNotice(notice: Notice): void;
};

/**
 * All that a player sees and operates: the picture, the card over it, the bar, statistics, notices and touch controls, in the
 * shadow root of an element. It lives from its construction to `close`, which leaves nothing behind.
 */
export class PlayerPage {
  readonly client: PlayerClient;
  readonly speaker: Speaker;
  readonly #options: PlayerPageOptions;
  readonly #listeners = new AbortController();
  readonly #display: PageDisplay;
  readonly #parts: PageParts;
  /** Undefined until it is loaded. */
  #guard: PlayGuard | undefined;
  readonly #input: PageInput;
  readonly #coarse = matchMedia('(pointer: coarse)');
  readonly #figuresTimer: ReturnType<typeof setInterval>;
  readonly #storageName: ReturnType<typeof takeStorageName>;
  readonly #controls = new ControlSettings(storageOf('localStorage'));
  readonly #settings = new Settings(storageOf('localStorage'));
  #lockHints = 0;
  #query: ViewQuery = {};

  constructor(options: PlayerPageOptions) {
    this.#options = options;
    const { signal } = this.#listeners;
    const display = new PageDisplay({ ...options, signal });
    this.#display = display;
    this.#storageName = takeStorageName(options.url);
    const { page, stage, video } = display;
    page.classList.toggle('touch', this.#coarse.matches);
    const audio = document.createElement('audio');
    audio.autoplay = true;
    stage.append(audio);
    this.speaker = new Speaker({
      audio,
      onState: (state) => {
        display.showSound(state);
        // Before the first sound, the page does not know whether the game has any.
        if (state !== 'silent') this.client?.input.mute(state !== 'on');
        this.#parts?.tools?.showSound(state);
      },
      onOff: (isOff) => options.onMuted(isOff),
      storage: storageOf('localStorage'),
      isOff: options.isMuted,
    });
    this.client = new PlayerClient({
      video,
      sound: this.speaker,
      url: options.url,
      spectates: options.spectates,
      token: options.token,
      storage: storageOf('sessionStorage'),
      storageName: this.#storageName.name,
      onState: (state) => this.#showState(state),
      onNotice: (notice) => this.#showNotice(notice),
      onExchange: () => display.coverExchange(),
    });
    // The game does not wait for it.
    void import('./guard.ts').then(
      ({ PlayGuard }) => {
        if (this.#isClosed) return;
        this.#guard = new PlayGuard({
          isPlaying: () => this.#isPlaying,
          isPointerLocked: () => this.#input.locked,
          isFull: () => display.isFull,
        });
        this.#guard.update();
      },
      () => {},
    );
    this.#input = new PageInput({
      stage,
      video,
      writer: this.client.input,
      alignY: () => (display.isTouch && display.isUpright ? 0.3 : 0.5),
      hasKeyboard: () => this.#guard?.hasKeyboard ?? false,
      hasFocus: () => display.hasFocus,
      hasGamepads: () => options.hasGamepads(),
      onAct: () => display.hideCard(),
      onLock: (locked) => this.#showLock(locked),
      controls: this.#controls,
    });
    this.#parts = new PageParts({ display, client: this.client, input: this.#input, signal });
    void this.#parts.loadTouch(this.#controls);
    this.#listen(audio);
    this.#figuresTimer = setInterval(() => {
      display.showSummary(this.client.stats());
      this.#parts.updateStatistics();
    }, FIGURES_MS);
    this.client.setHidden(document.hidden);
    void this.#applySettings();
    if (!options.spectates) this.#loadTools(audio);
    else void import('./tools-style.ts').then(({ adoptStyle }) => adoptStyle(options.root)).catch(() => {});
  }

  /**
   * Connects, and asks for a picture and a game. A connection that is open is closed; its seat is taken again. If the page has stopped
   * because the player plays in another tab, it takes over.
   */
  connect(query: ViewQuery): void {
    const { state } = this.client;
    this.#query = query;
    this.client.connect(this.#viewQuery(), { takesOver: state.kind === 'ended' && state.code === 'NL_SEAT_IN_USE' });
  }

  /** The name of the game as players read it; '' before the player has joined. */
  get game(): string {
    return this.#display.game;
  }

  /** Returns the picture and the game to ask the host for. The attributes of the element win over the player's settings. */
  #viewQuery(): ViewQuery {
    const isPhone = this.#coarse.matches && Math.min(screen.width, screen.height) < PHONE_PIXELS;
    return viewQuery(this.#settings.values, this.#query, isPhone);
  }

  /** Frees the seat and removes everything. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#listeners.abort();
    clearInterval(this.#figuresTimer);
    this.#input.detach();
    this.client.leave();
    this.#guard?.detach();
    this.speaker.detach();
    this.#display.video.srcObject = null;
    this.#storageName.release();
    this.#options.root.replaceChildren();
  }

  get #isClosed(): boolean {
    return this.#listeners.signal.aborted;
  }

  get #isPlaying(): boolean {
    return this.client.state.kind === 'playing';
  }

  #listen(audio: HTMLAudioElement): void {
    const { signal } = this.#listeners;
    const display = this.#display;
    const { page, card, stats } = display;
    const onClick = (id: string, act: (event: Event) => void) => display.element(id).addEventListener('click', act);
    card.addEventListener('click', () => this.#start());
    onClick('play', () => this.client.state.kind === 'idle' && this.connect(this.#query));
    for (const id of ['again', 'retry']) onClick(id, () => this.connect(this.#query));
    const volume = display.element<HTMLInputElement>('volume');
    volume.value = String(this.speaker.volume);
    volume.addEventListener('input', () => {
      this.speaker.volume = volume.valueAsNumber;
    });
    audio.addEventListener('volumechange', () => {
      volume.value = String(this.speaker.volume);
    });
    onClick('speaker', () => this.speaker.toggle());
    onClick('figures', (event) => {
      void this.#parts.toggleStatistics();
      (event.currentTarget as HTMLElement).setAttribute('aria-expanded', String(!stats.hidden));
    });
    const full = display.element('full');
    full.hidden = !document.fullscreenEnabled;
    onClick('full', () => void this.#fullScreen());
    page.addEventListener('pointerdown', (event) => {
      if (event.pointerType === 'touch') page.classList.add('touch');
    });
    const fullScreenChanged = () => full.setAttribute('aria-pressed', String(display.isFull));
    document.addEventListener('fullscreenchange', fullScreenChanged, { signal });
    document.addEventListener('visibilitychange', () => this.client.setHidden(document.hidden), { signal });
    const leave = () => {
      this.#parts.tools?.endRecording();
      this.client.suspend();
    };
    addEventListener('pagehide', leave, { signal });
    addEventListener('pageshow', (event) => event.persisted && this.connect(this.#query), { signal });
    addEventListener('online', () => this.client.wake(), { signal });
    const { connection } = navigator as { connection?: EventTarget };
    connection?.addEventListener('change', () => this.client.wake(), { signal });
  }

  /** Starts to play, because the player has clicked the card. */
  #start(): void {
    if (!this.#isPlaying) return;
    const { stage, video, isTouch } = this.#display;
    this.#display.hideCard();
    stage.focus({ preventScroll: true });
    void video.play().catch(() => {});
    if (!isTouch) void this.#input.lock();
  }

  #showNotice(notice: Notice): void {
    this.#parts.onNotice(notice);
    // A game that rests may still get too much input.
    if (notice.kind !== 'dropped') this.#display.showPause(notice.kind === 'paused' ? notice.code : undefined);
    if (notice.kind === 'joined') this.#display.showJoined(notice);
    this.#options.onNotice(notice);
  }

  #showState(state: PlayerState): void {
    if (state.kind !== 'playing') this.#parts.stopRequests();
    if (state.kind === 'ended') {
      this.#parts.tools?.endRecording();
      if (!this.#isClosed && this.#dropRefusedPicture(state.code)) {
        queueMicrotask(() => this.connect(this.#query));
        return;
      }
      if (this.#input.locked) document.exitPointerLock();
    }
    if (!this.#isClosed) {
      this.#guard?.update();
      this.#display.show(state);
    }
    this.#options.onState(state);
  }

  /** Says how the mouse gets free again, the first few times that the game takes it, and until it is free. */
  #showLock(isLocked: boolean): void {
    this.#display.mark('locked', isLocked);
    const { lockedFull, lockedKeys } = this.#display.translator.labels;
    if (!isLocked) for (const hint of [lockedFull, lockedKeys]) this.#parts.withdrawCaption(hint);
    else if (this.#lockHints++ < LOCK_HINTS)
      this.#parts.showCaption(this.#guard?.hasKeyboard ? lockedFull : lockedKeys);
  }

  /**
   * Drops the player's own choice of a picture if the host may have refused the page because of it.
   * @returns whether the page should connect again
   */
  #dropRefusedPicture(code: string): boolean {
    if (code !== 'NL_REQUEST' || !hasChosenPicture(this.#settings.values, this.#query)) return false;
    this.#settings.set(Object.fromEntries(PICTURE_SETTINGS.map((name) => [name, ''])));
    this.#parts.showCaption(this.#display.translator.labels.settingsDropped);
    return true;
  }

  /** Shows what the settings say, and all texts in the player's language. */
  async #applySettings(): Promise<void> {
    const { language, scaling } = this.#settings.values;
    this.#display.page.dataset.scaling = scaling;
    await this.#display.showLanguage(language || chooseLanguage(navigator.languages));
  }

  #loadTools(audio: HTMLAudioElement): void {
    const display = this.#display;
    const { page, stage, video, translator } = display;
    this.#parts.loadTools({
      container: page,
      bar: this.#options.root.querySelector('nav') ?? page,
      stage,
      video,
      audio,
      client: this.client,
      speaker: this.speaker,
      settings: this.#settings,
      controls: this.#controls,
      asked: () => this.#query,
      query: () => this.#viewQuery(),
      hasFocus: () => display.hasFocus,
      game: () => display.game,
      labels: () => translator.labels,
      named: () => display.named,
      applySettings: () => this.#applySettings(),
      signal: this.#listeners.signal,
    });
  }

  async #fullScreen(): Promise<void> {
    if (this.#display.isFull) return document.exitFullscreen();
    await this.#options.host.requestFullscreen({ navigationUI: 'hide' });
    const orientation = screen.orientation as ScreenOrientation & { lock?(to: string): Promise<void> };
    // Only some phones can lock the screen's orientation.
    if (this.#coarse.matches) await orientation.lock?.('landscape').catch(() => {});
  }
}
