import type { Notice } from '../base/protocol.ts';
import { PlayerClient } from './client.ts';
import { ControlSettings } from './controls.ts';
import { figuresOf, summaryOf } from './figures.ts';
import { LatencyGraph } from './graph.ts';
import { PlayGuard } from './guard.ts';
import { PageInput } from './input.ts';
import type { ViewQuery } from './link.ts';
import { fill } from './markup.ts';
import { PageRequests } from './requests.ts';
import { Speaker, type SpeakerState } from './speaker.ts';
import type { PlayerState } from './state.ts';
import { takeStorageName } from './storage.ts';
import { FIRE_BUTTON, JUMP_BUTTON, TouchInput } from './touch.ts';
import { wordsOf } from './words.ts';

/** How long the page says that its picture is smaller than it asked for. */
const SMALLER_MS = 10_000;
const FIGURES_MS = 500;
/** On a screen whose shorter side is below this, in CSS pixels, the page asks for a smaller picture by itself. */
const PHONE_PIXELS = 600;
const PHONE_SIZE = '848x480';

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

type Flag = 'started' | 'locked' | 'seen' | 'paused' | 'smaller' | 'spectate';

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
  readonly #graph: LatencyGraph;
  readonly #guard: PlayGuard;
  readonly #input: PageInput;
  readonly #touch: TouchInput;
  readonly #requests: PageRequests;
  readonly #listeners = new AbortController();
  readonly #coarse = matchMedia('(pointer: coarse)');
  readonly #figuresTimer: ReturnType<typeof setInterval>;
  readonly #storageName: ReturnType<typeof takeStorageName>;
  #smallerTimer: ReturnType<typeof setTimeout> | undefined;
  #query: ViewQuery = {};
  #isClosed = false;

  constructor(options: PlayerPageOptions) {
    this.#options = options;
    this.#storageName = takeStorageName(options.url);
    fill(options.root);
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
    });
    this.#graph = new LatencyGraph({
      canvas: this.#element<HTMLCanvasElement>('graph'),
      legend: this.#element('stages'),
      history: this.client.history,
    });
    const controls = new ControlSettings(storageOf('localStorage'));
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
      onLock: (locked) => this.#toggle('locked', locked),
      controls,
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
      controls,
    });
    this.#requests = new PageRequests({
      input: this.#input,
      writer: this.client.input,
      container: this.#page,
      isTouch: () => this.#isTouch,
      onClosed: () => this.#stage.focus({ preventScroll: true }),
    });
    this.#listen();
    this.#figuresTimer = setInterval(() => this.#showFigures(), FIGURES_MS);
    this.client.setHidden(document.hidden);
  }

  /** Connects, and asks for a picture and a game. A connection that is open is closed; its seat is taken again. */
  connect(query: ViewQuery): void {
    this.#query = query;
    const phone = this.#coarse.matches && Math.min(screen.width, screen.height) < PHONE_PIXELS;
    this.client.connect({ ...query, size: query.size ?? (phone ? PHONE_SIZE : undefined) });
  }

  /** Frees the seat and removes everything. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#listeners.abort();
    clearInterval(this.#figuresTimer);
    this.#graph.show(false);
    clearTimeout(this.#smallerTimer);
    this.#requests.detach();
    this.#input.detach();
    this.#touch.detach();
    this.client.leave();
    this.#guard.detach();
    this.speaker.detach();
    this.#video.srcObject = null;
    this.#storageName.release();
    this.#options.root.replaceChildren();
  }

  #listen(): void {
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
    onClick('speaker', () => this.speaker.toggle());
    onClick('figures', (event) => {
      this.#stats.hidden = !this.#stats.hidden;
      this.#graph.show(!this.#stats.hidden);
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
    addEventListener('pagehide', () => this.client.suspend(), { signal });
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
    const label = { silent: '', blocked: 'Sound: off until you click', off: 'Sound: off', on: 'Sound: on' }[state];
    this.#page.dataset.sound = state;
    this.#element('loudness').hidden = state === 'silent';
    const button = this.#element('speaker');
    button.setAttribute('aria-label', label);
    button.title = label;
    button.setAttribute('aria-pressed', String(state === 'on'));
  }

  #showNotice(notice: Notice): void {
    const { dataset } = this.#page;
    this.#requests.onNotice(notice);
    this.#toggle('paused', notice.kind === 'paused');
    if (notice.kind === 'joined') {
      dataset.game = gameTitle(notice.game);
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
    const describe = ({ width, height, fps }: typeof wanted) => `${width} × ${height} at ${fps} fps`;
    this.#text('smaller-text', `This server is busy: your picture is ${describe(got)} instead of ${describe(wanted)}.`);
    this.#smallerTimer = setTimeout(() => this.#toggle('smaller', false), SMALLER_MS);
  }

  #showState(state: PlayerState): void {
    if (state.kind !== 'playing') this.#requests.stop();
    if (!this.#isClosed) this.#present(state);
    this.#options.onState(state);
  }

  #present(state: PlayerState): void {
    const { dataset } = this.#page;
    this.#guard.update();
    if (state.kind === 'reconnecting' && dataset.state !== 'reconnecting') this.#keepPicture();
    if (state.kind === 'playing') this.#toggle('seen', true);
    dataset.state = state.kind;
    const words = wordsOf(state, { game: dataset.game, spectates: this.#options.spectates });
    this.#text('status', words.status);
    this.#text('title', words.title);
    this.#text('message', words.message);
    this.#text('code', words.code);
    this.#text('away-text', state.kind === 'reconnecting' ? words.message : '');
    this.#text('announcement', words.announcement);
    this.#card.setAttribute('aria-label', state.kind === 'ended' ? 'Stopped' : 'Start');
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

  /** Says how long the player's seat still waits. */
  #showHold(): void {
    const { state } = this.client;
    const heldUntil = state.kind === 'reconnecting' ? state.heldUntil : undefined;
    const seconds = Math.ceil(((heldUntil ?? 0) - performance.now()) / 1000);
    this.#text('away-left', seconds > 0 ? `Your seat is kept for ${seconds} s.` : '');
  }

  #showEnd(): void {
    if (this.#input.locked) document.exitPointerLock();
    // The site may have put a control of its own in the place of the button.
    const slot = this.#options.root.querySelector<HTMLSlotElement>('slot[name=ended]');
    const [control = this.#element('retry')] = slot?.assignedElements() ?? [];
    if (this.#hasFocus && !this.#isTouch) (control as HTMLElement).focus();
  }

  #showFigures(): void {
    this.#showHold();
    if (this.client.state.kind !== 'playing') return;
    const { dataset } = this.#page;
    const stats = this.client.stats();
    dataset.quality = stats.quality;
    const words = [this.#options.spectates ? 'watching' : '', summaryOf(stats)].filter((part) => part !== '');
    this.#text('status', 'paused' in dataset ? 'waiting…' : words.join(' · ') || 'playing');
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

/** Returns a storage of the browser; undefined if it keeps nothing for this page. */
function storageOf(name: 'localStorage' | 'sessionStorage'): Storage | undefined {
  try {
    return globalThis[name];
  } catch {
    return undefined;
  }
}
