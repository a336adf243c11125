import type { Notice } from '../base/protocol.ts';
import { PlayerClient } from './client.ts';
import { ControlSettings } from './controls.ts';
import { figuresOf, summaryOf } from './figures.ts';
import type { LatencyGraph } from './graph.ts';
import { PlayGuard } from './guard.ts';
import { PageInput } from './input.ts';
import { chooseLanguage, type Language } from './languages.ts';
import type { ViewQuery } from './link.ts';
import { fill } from './markup.ts';
import type { PageRequests } from './requests.ts';
import { hasChosenPicture, PICTURE_SETTINGS, Settings, viewQuery } from './settings.ts';
import { Speaker, type SpeakerState } from './speaker.ts';
import type { PlayerState } from './state.ts';
import { takeStorageName } from './storage.ts';
import type { PlayerTools } from './tools.ts';
import { FIRE_BUTTON, JUMP_BUTTON, TouchInput } from './touch.ts';
import { Translator } from './translator.ts';
import { wordsOf } from './words.ts';

/** How long the page says that its picture is smaller than it asked for. */
const SMALLER_MS = 10_000;
const FIGURES_MS = 500;
/** On a screen whose shorter side is below this, in CSS pixels, the page asks for a smaller picture by itself. */
const PHONE_PIXELS = 600;
/** How often the page says how to free the mouse. */
const LOCK_HINTS = 3;
/** Parameters of a page's URL that are about one player's picture, and not about the game. */
const OWN_PARAMETERS = ['size', 'fps', 'bitrate', 'muted', 'controls', 'spectate'];

export type PlayerPageOptions = {
  /** The element that holds the page. Keys are for the game while it has the focus. */
  host: HTMLElement;
  /** The element's shadow root, which is empty. */
  root: ShadowRoot;
  /** URL of the host's WHEP endpoint. */
  url: string;
  /** Whether the page watches the game without playing. */
  spectates: boolean;
  /** Whether the sound starts turned off, whatever the player chose at an earlier visit. */
  isMuted: boolean;
  /** Whether gamepads are for this page. It may share the document with others. */
  hasGamepads(): boolean;
  /** Called when the player turns the sound off or on. */
  onMuted(isMuted: boolean): void;
  onState(state: PlayerState): void;
  onNotice(notice: Notice): void;
};

type Flag = 'started' | 'locked' | 'seen' | 'paused' | 'smaller' | 'spectate' | 'exchanging';

/**
 * All that a player sees and operates: the picture, the card over it, the bar, statistics, notices and touch controls, in the
 * shadow root of an element. It lives from its construction to `close`, which leaves nothing behind.
 */
export class PlayerPage {
  readonly client: PlayerClient;
  readonly speaker: Speaker;
  readonly #options: PlayerPageOptions;
  readonly #page: HTMLElement;
  readonly #stage: HTMLElement;
  readonly #video: HTMLVideoElement;
  readonly #card: HTMLElement;
  readonly #stats: HTMLElement;
  /** Loaded when the statistics are shown for the first time. */
  #graph: LatencyGraph | undefined;
  readonly #guard: PlayGuard;
  readonly #input: PageInput;
  readonly #touch: TouchInput;
  /** Does what the game asks of the player, and is loaded when a game asks for the first time. */
  #requests: Promise<PageRequests | undefined> | undefined;
  readonly #listeners = new AbortController();
  readonly #coarse = matchMedia('(pointer: coarse)');
  readonly #figuresTimer: ReturnType<typeof setInterval>;
  readonly #storageName: ReturnType<typeof takeStorageName>;
  readonly #translator: Translator;
  readonly #controls = new ControlSettings(storageOf('localStorage'));
  readonly #settings = new Settings(storageOf('localStorage'));
  /** Settings, captions, screenshots and the like, which are loaded after everything else. */
  #tools: PlayerTools | undefined;
  #joined: (Notice & { kind: 'joined' }) | undefined;
  #lockHints = 0;
  #smallerTimer: ReturnType<typeof setTimeout> | undefined;
  #query: ViewQuery = {};
  #isClosed = false;

  constructor(options: PlayerPageOptions) {
    this.#options = options;
    this.#storageName = takeStorageName(options.url);
    fill(options.root);
    this.#translator = new Translator(options.root);
    this.#page = this.#element('page');
    this.#stage = this.#element('stage');
    this.#video = this.#element<HTMLVideoElement>('picture');
    this.#card = this.#element('card');
    this.#stats = this.#element('stats');
    // It scrolls where it does not fit, and not all browsers let the keyboard do that by themselves.
    this.#stats.tabIndex = 0;
    // A copy of a template's video does not take this from its attribute.
    this.#video.muted = true;
    this.#page.classList.toggle('touch', this.#coarse.matches);
    this.#toggle('spectate', options.spectates);
    const audio = document.createElement('audio');
    audio.autoplay = true;
    this.#stage.append(audio);
    this.speaker = new Speaker({
      audio,
      onState: (state) => this.#showSpeaker(state),
      onOff: (isOff) => options.onMuted(isOff),
      storage: storageOf('localStorage'),
      isOff: options.isMuted,
    });
    this.client = new PlayerClient({
      video: this.#video,
      sound: this.speaker,
      url: options.url,
      spectates: options.spectates,
      storage: storageOf('sessionStorage'),
      storageName: this.#storageName.name,
      onState: (state) => this.#showState(state),
      onNotice: (notice) => this.#showNotice(notice),
      onExchange: () => this.#coverExchange(),
    });
    this.#guard = new PlayGuard({
      isPlaying: () => this.client.state.kind === 'playing',
      isPointerLocked: () => this.#input.locked,
      isFull: () => this.#isFull,
    });
    this.#input = new PageInput({
      stage: this.#stage,
      video: this.#video,
      writer: this.client.input,
      alignY: () => (this.#isTouch && this.#isUpright ? 0.3 : 0.5),
      hasKeyboard: () => this.#guard.hasKeyboard,
      hasFocus: () => this.#hasFocus,
      hasGamepads: () => options.hasGamepads(),
      onAct: () => this.#hideCard(),
      onLock: (locked) => this.#showLock(locked),
      controls: this.#controls,
    });
    this.#touch = new TouchInput({
      stage: this.#stage,
      stick: this.#element('stick'),
      knob: this.#element('knob'),
      buttons: [
        { element: this.#element('fire'), button: FIRE_BUTTON },
        { element: this.#element('jump'), button: JUMP_BUTTON },
      ],
      writer: this.client.input,
      onAct: () => this.#hideCard(),
      controls: this.#controls,
    });
    this.#listen(audio);
    this.#figuresTimer = setInterval(() => this.#showFigures(), FIGURES_MS);
    this.client.setHidden(document.hidden);
    void this.#applySettings();
    if (!options.spectates) void this.#loadTools(audio);
  }

  /** Connects, and asks for a picture and a game. A connection that is open is closed; its seat is taken again. */
  connect(query: ViewQuery): void {
    this.#query = query;
    this.client.connect(this.#viewQuery());
  }

  /** Returns the picture and the game to ask the host for. The attributes of the element win over the player's settings. */
  #viewQuery(): ViewQuery {
    const isPhone = this.#coarse.matches && Math.min(screen.width, screen.height) < PHONE_PIXELS;
    return viewQuery(this.#settings.values, this.#query, isPhone);
  }

  /** Frees the seat and removes everything. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#tools?.endRecording();
    this.#listeners.abort();
    clearInterval(this.#figuresTimer);
    this.#graph?.show(false);
    clearTimeout(this.#smallerTimer);
    void this.#requests?.then((requests) => requests?.detach());
    this.#input.detach();
    this.#touch.detach();
    this.client.leave();
    this.#guard.detach();
    this.speaker.detach();
    this.#video.srcObject = null;
    this.#storageName.release();
    this.#options.root.replaceChildren();
  }

  #listen(audio: HTMLAudioElement): void {
    const { signal } = this.#listeners;
    const onClick = (id: string, act: (event: Event) => void) => this.#element(id).addEventListener('click', act);
    this.#card.addEventListener('click', () => this.#start());
    onClick('play', () => this.client.state.kind === 'idle' && this.connect(this.#query));
    onClick('retry', () => this.connect(this.#query));
    const volume = this.#element<HTMLInputElement>('volume');
    volume.value = String(this.speaker.volume);
    volume.addEventListener('input', () => {
      this.speaker.volume = volume.valueAsNumber;
    });
    audio.addEventListener('volumechange', () => {
      volume.value = String(this.speaker.volume);
    });
    onClick('speaker', () => this.speaker.toggle());
    onClick('figures', (event) => {
      this.#stats.hidden = !this.#stats.hidden;
      void this.#showGraph();
      (event.currentTarget as HTMLElement).setAttribute('aria-expanded', String(!this.#stats.hidden));
      this.#showFigures();
    });
    const full = this.#element('full');
    full.hidden = !document.fullscreenEnabled;
    onClick('full', () => void this.#fullScreen());
    this.#page.addEventListener('pointerdown', (event) => {
      if (event.pointerType === 'touch') this.#page.classList.add('touch');
    });
    const fullScreenChanged = () => full.setAttribute('aria-pressed', String(this.#isFull));
    document.addEventListener('fullscreenchange', fullScreenChanged, { signal });
    document.addEventListener('visibilitychange', () => this.client.setHidden(document.hidden), { signal });
    const leave = () => {
      this.#tools?.endRecording();
      this.client.suspend();
    };
    addEventListener('pagehide', leave, { signal });
    addEventListener('pageshow', (event) => event.persisted && this.connect(this.#query), { signal });
    addEventListener('online', () => this.client.wake(), { signal });
    const { connection } = navigator as { connection?: EventTarget };
    connection?.addEventListener('change', () => this.client.wake(), { signal });
  }

  get #isTouch(): boolean {
    return this.#page.classList.contains('touch');
  }

  get #isUpright(): boolean {
    return this.#stage.clientHeight > this.#stage.clientWidth;
  }

  get #hasFocus(): boolean {
    const { host } = this.#options;
    return (host.getRootNode() as Document | ShadowRoot).activeElement === host;
  }

  get #isFull(): boolean {
    const { host } = this.#options;
    return (host.getRootNode() as Document | ShadowRoot).fullscreenElement === host;
  }

  #element<T extends HTMLElement = HTMLElement>(id: string): T {
    return this.#options.root.getElementById(id) as T;
  }

  #toggle(flag: Flag, on: boolean): void {
    if (on) this.#page.dataset[flag] = '';
    else delete this.#page.dataset[flag];
  }

  #text(id: string, value: string): void {
    const node = this.#element(id);
    if (node.textContent !== value) node.textContent = value;
  }

  /** Starts to play, because the player has clicked the card. */
  #start(): void {
    if (this.client.state.kind !== 'playing') return;
    this.#hideCard();
    this.#stage.focus({ preventScroll: true });
    void this.#video.play().catch(() => {});
    if (!this.#isTouch) void this.#input.lock();
  }

  /** Hides the card with the instructions if the game is playing. */
  #hideCard(): void {
    if (this.client.state.kind !== 'playing' || 'started' in this.#page.dataset) return;
    this.#toggle('started', true);
    this.#stage.tabIndex = 0;
    this.#keepFocus();
  }

  /** Gives the focus to the picture if the control that had it is no longer there. The browser would give it to the document. */
  #keepFocus(): void {
    const { activeElement } = this.#options.root;
    if (activeElement && !activeElement.checkVisibility()) this.#stage.focus({ preventScroll: true });
  }

  /** Shows whether the player hears the game. A game without sound has no such button. */
  #showSpeaker(state: SpeakerState): void {
    const { soundBlocked, soundOff, soundOn } = this.#translator.labels;
    const label = { silent: '', blocked: soundBlocked, off: soundOff, on: soundOn }[state];
    if (this.#page.dataset.sound !== state) this.#tools?.showSound(state);
    this.#page.dataset.sound = state;
    this.#element('loudness').hidden = state === 'silent';
    const button = this.#element('speaker');
    button.setAttribute('aria-label', label);
    button.title = label;
    button.setAttribute('aria-pressed', String(state === 'on'));
  }

  #showNotice(notice: Notice): void {
    const { dataset } = this.#page;
    if (notice.kind === 'rumble' || notice.kind === 'text') this.#requests ??= this.#loadRequests();
    void this.#requests?.then((requests) => requests?.onNotice(notice));
    this.#toggle('paused', notice.kind === 'paused');
    if (notice.kind === 'joined') {
      this.#joined = notice;
      dataset.game = gameTitle(notice.game);
      if (this.#tools) this.#tools.game = dataset.game;
      if (this.client.state.kind === 'playing') this.#present(this.client.state);
      this.#showPicture(notice);
    }
    this.#options.onNotice(notice);
  }

  /** Says for a while that the server gives a smaller picture or a lower rate than the page asked for, if it does. */
  #showPicture({ wanted, ...got }: Notice & { kind: 'joined' }): void {
    clearTimeout(this.#smallerTimer);
    this.#toggle('smaller', wanted !== undefined);
    if (wanted === undefined) return;
    const { busy, picture } = this.#translator.labels;
    const describe = ({ width, height, fps }: typeof wanted) => picture(width, height, fps);
    this.#text('smaller-text', busy(describe(got), describe(wanted)));
    this.#smallerTimer = setTimeout(() => this.#toggle('smaller', false), SMALLER_MS);
  }

  #showState(state: PlayerState): void {
    if (state.kind !== 'playing') void this.#requests?.then((requests) => requests?.stop());
    if (state.kind === 'ended') {
      this.#tools?.endRecording();
      if (!this.#isClosed && this.#dropRefusedPicture(state.code)) {
        queueMicrotask(() => this.connect(this.#query));
        return;
      }
    }
    if (!this.#isClosed) this.#present(state);
    this.#options.onState(state);
  }

  #present(state: PlayerState): void {
    const { dataset } = this.#page;
    this.#guard.update();
    if (state.kind === 'reconnecting' && dataset.state !== 'reconnecting') this.#keepPicture();
    if (state.kind === 'playing') this.#toggle('seen', true);
    dataset.state = state.kind;
    const translator = this.#translator;
    const { labels } = translator;
    const words = wordsOf(state, {
      game: dataset.game,
      spectates: this.#options.spectates,
      labels,
      translate: (text) => translator.translate(text),
    });
    this.#text('status', words.status);
    this.#text('title', words.title);
    this.#text('message', words.message);
    this.#text('code', words.code);
    this.#text('away-text', state.kind === 'reconnecting' ? words.message : '');
    this.#text('announcement', words.announcement);
    this.#card.setAttribute('aria-label', state.kind === 'ended' ? labels.stopped : labels.start);
    this.#showHold();
    if (state.kind === 'ended') this.#showEnd();
    this.#keepFocus();
  }

  /** Keeps a copy of the last picture, because the video shows nothing while it waits for the next connection's first one. */
  #keepPicture(): void {
    const { videoWidth: width, videoHeight: height } = this.#video;
    const last = this.#element<HTMLCanvasElement>('last');
    if (width > 0) Object.assign(last, { width, height });
    if (width > 0) last.getContext('2d')?.drawImage(this.#video, 0, 0);
  }

  /** Covers the video with its last picture until another connection has brought its first one. */
  #coverExchange(): void {
    this.#keepPicture();
    this.#toggle('exchanging', true);
    this.#video.requestVideoFrameCallback(() => this.#toggle('exchanging', false));
  }

  /** Says how the mouse gets free again, the first few times that the game takes it. */
  #showLock(isLocked: boolean): void {
    this.#toggle('locked', isLocked);
    const { lockedFull, lockedKeys } = this.#translator.labels;
    if (isLocked && this.#lockHints++ < LOCK_HINTS)
      this.#tools?.captions.show(this.#guard.hasKeyboard ? lockedFull : lockedKeys);
  }

  /**
   * Drops the player's own choice of a picture if the host may have refused the page because of it.
   * @returns whether the page should connect again
   */
  #dropRefusedPicture(code: string): boolean {
    if (code !== 'NL_REQUEST' || !hasChosenPicture(this.#settings.values, this.#query)) return false;
    this.#settings.set(Object.fromEntries(PICTURE_SETTINGS.map((name) => [name, ''])));
    this.#tools?.captions.show(this.#translator.labels.settingsDropped);
    return true;
  }

  /** Shows what the settings say, and all texts in the player's language. */
  async #applySettings(): Promise<void> {
    const { language, scaling } = this.#settings.values;
    this.#page.dataset.scaling = scaling;
    await this.#showLanguage(language || chooseLanguage(navigator.languages));
  }

  /** Shows all texts in a language, which may have to be loaded. */
  async #showLanguage(language: Language): Promise<void> {
    if (!(await this.#translator.show(language)) || this.#isClosed) return;
    this.#present(this.client.state);
    this.#showSpeaker(this.speaker.state);
    if (this.#joined) this.#showPicture(this.#joined);
  }

  async #loadRequests(): Promise<PageRequests | undefined> {
    const loaded = await import('./requests.ts').catch(() => undefined);
    if (!loaded || this.#isClosed) return undefined;
    return new loaded.PageRequests({
      input: this.#input,
      writer: this.client.input,
      container: this.#page,
      isTouch: () => this.#isTouch,
      onClosed: () => this.#stage.focus({ preventScroll: true }),
    });
  }

  /** Loads the tools. The game does not wait for them. */
  async #loadTools(audio: HTMLAudioElement): Promise<void> {
    const loaded = await import('./tools.ts').catch(() => undefined);
    if (!loaded || this.#isClosed) return;
    this.#tools = new loaded.PlayerTools({
      container: this.#page,
      bar: this.#options.root.querySelector('nav') ?? this.#page,
      stage: this.#stage,
      video: this.#video,
      audio,
      client: this.client,
      speaker: this.speaker,
      settings: this.#settings,
      controls: this.#controls,
      asked: () => this.#query,
      query: () => this.#viewQuery(),
      hasFocus: () => this.#hasFocus,
      link: shareableUrl,
      labels: () => this.#translator.labels,
      applySettings: () => this.#applySettings(),
      signal: this.#listeners.signal,
    });
    this.#tools.game = this.#page.dataset.game ?? '';
    this.#tools.showSound(this.speaker.state);
  }

  /** Says how long the player's seat still waits. */
  #showHold(): void {
    const { state } = this.client;
    const heldUntil = state.kind === 'reconnecting' ? state.heldUntil : undefined;
    const seconds = Math.ceil(((heldUntil ?? 0) - performance.now()) / 1000);
    this.#text('away-left', seconds > 0 ? this.#translator.labels.seatKept(seconds) : '');
  }

  #showEnd(): void {
    if (this.#input.locked) document.exitPointerLock();
    // The site may have put a control of its own in the place of the button.
    const slot = this.#options.root.querySelector<HTMLSlotElement>('slot[name=ended]');
    const [control = this.#element('retry')] = slot?.assignedElements() ?? [];
    if (this.#hasFocus && !this.#isTouch) (control as HTMLElement).focus();
  }

  /** Draws the latency of each stage while the statistics are shown. */
  async #showGraph(): Promise<void> {
    const loaded = await import('./graph.ts').catch(() => undefined);
    if (!loaded || this.#isClosed) return;
    this.#graph ??= new loaded.LatencyGraph({
      canvas: this.#element<HTMLCanvasElement>('graph'),
      legend: this.#element('stages'),
      history: this.client.history,
      translate: (name) => this.#translator.translate(name),
    });
    this.#graph.show(!this.#stats.hidden);
  }

  #showFigures(): void {
    this.#showHold();
    if (this.client.state.kind !== 'playing') return;
    const { dataset } = this.#page;
    const stats = this.client.stats();
    dataset.quality = stats.quality;
    const { labels } = this.#translator;
    const words = [this.#options.spectates ? labels.watching : '', summaryOf(stats, labels)];
    const summary = words.filter((part) => part !== '').join(' · ');
    this.#text('status', 'paused' in dataset ? labels.waitingShort : summary || labels.playing);
    if (this.#stats.hidden) return;
    for (const [id, text] of Object.entries(figuresOf(stats))) this.#text(id, text);
  }

  async #fullScreen(): Promise<void> {
    if (this.#isFull) return document.exitFullscreen();
    await this.#options.host.requestFullscreen({ navigationUI: 'hide' });
    const orientation = screen.orientation as ScreenOrientation & { lock?(to: string): Promise<void> };
    // Only some phones can lock the screen's orientation.
    if (this.#coarse.matches) await orientation.lock?.('landscape').catch(() => {});
  }
}

/** Returns how a player reads the name of a game. A game is named after its module's file, so its name may contain hyphens. */
function gameTitle(name: string): string {
  return name.replace(/[-_]+/g, ' ');
}

/** Returns the URL of this document for other players, who have pictures of their own. */
function shareableUrl(): string {
  const url = new URL(location.href);
  url.hash = '';
  for (const name of OWN_PARAMETERS) url.searchParams.delete(name);
  return url.href;
}

/** Returns a storage of the browser; undefined if it keeps nothing for this page. */
function storageOf(name: 'localStorage' | 'sessionStorage'): Storage | undefined {
  try {
    return globalThis[name];
  } catch {
    return undefined;
  }
}
