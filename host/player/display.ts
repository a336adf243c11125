import type { Notice } from '../base/protocol.ts';
import type { NamedActions } from './actions.ts';
import { FIRE_BUTTON, JUMP_BUTTON } from './controls.ts';
import { summaryOf } from './figures.ts';
import type { Language } from './languages.ts';
import { fill } from './markup.ts';
import type { SpeakerState } from './speaker.ts';
import type { PlayerState, PlayerStats } from './state.ts';
import type { TouchButton } from './touch.ts';
import { Translator } from './translator.ts';
import { wordsOf } from './words.ts';

/** How long the page says that its picture is smaller than it asked for. */
const SMALLER_MS = 10_000;

type Flag = 'started' | 'locked' | 'seen' | 'paused' | 'smaller' | 'spectate' | 'exchanging';
type Joined = Notice & { kind: 'joined' };

export type PageDisplayOptions = {
  /** The element that holds the page. */
  host: HTMLElement;
  /** The element's shadow root, which is empty. */
  root: ShadowRoot;
  /** Whether the page watches the game without playing. */
  spectates: boolean;
  /** Ends the display. */
  signal: AbortSignal;
};

/** Shows the page to the player, in the player's language: the state of the connection, the sound, the picture's size and statistics. */
export class PageDisplay {
  readonly page: HTMLElement;
  readonly stage: HTMLElement;
  readonly video: HTMLVideoElement;
  readonly card: HTMLElement;
  readonly stats: HTMLElement;
  /** The buttons on a touch screen. */
  readonly touchButtons: readonly TouchButton[];
  readonly translator: Translator;
  readonly #options: PageDisplayOptions;
  #state: PlayerState = { kind: 'idle' };
  #sound: SpeakerState = 'silent';
  #joined: Joined | undefined;
  #smallerTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: PageDisplayOptions) {
    this.#options = options;
    const { root, spectates, signal } = options;
    fill(root);
    this.translator = new Translator(root);
    this.page = this.element('page');
    this.stage = this.element('stage');
    this.video = this.element<HTMLVideoElement>('picture');
    this.card = this.element('card');
    this.stats = this.element('stats');
    this.touchButtons = [
      { element: this.element('fire'), button: FIRE_BUTTON },
      { element: this.element('jump'), button: JUMP_BUTTON },
    ];
    // It scrolls where it does not fit, and not all browsers let the keyboard do that by themselves.
    this.stats.tabIndex = 0;
    // A copy of a template's video does not take this from its attribute.
    this.video.muted = true;
    this.mark('spectate', spectates);
    signal.addEventListener('abort', () => clearTimeout(this.#smallerTimer));
  }

  /** Whether the player uses a touch screen. */
  get isTouch(): boolean {
    return this.page.classList.contains('touch');
  }

  get isUpright(): boolean {
    return this.stage.clientHeight > this.stage.clientWidth;
  }

  get hasFocus(): boolean {
    return this.#document.activeElement === this.#options.host;
  }

  get isFull(): boolean {
    return this.#document.fullscreenElement === this.#options.host;
  }

  /** The game's name as players read it; '' before the player has joined. */
  get game(): string {
    return this.page.dataset.game ?? '';
  }

  /** The actions of the game, named in the player's language. */
  get named(): NamedActions {
    return { actions: this.#joined?.actions ?? [], language: this.translator.language };
  }

  element<T extends HTMLElement = HTMLElement>(id: string): T {
    return this.#options.root.getElementById(id) as T;
  }

  /** Sets a flag of the page, which the style sheet reads, or removes it. */
  mark(flag: Flag, on: boolean): void {
    if (on) this.page.dataset[flag] = '';
    else delete this.page.dataset[flag];
  }

  /** Hides the card with the instructions if the game is playing. */
  hideCard(): void {
    if (this.#state.kind !== 'playing' || 'started' in this.page.dataset) return;
    this.mark('started', true);
    this.stage.tabIndex = 0;
    this.#keepFocus();
  }

  /** Shows the state of the connection. */
  show(state: PlayerState): void {
    const { translator } = this;
    const { labels } = translator;
    const { dataset } = this.page;
    this.#state = state;
    if (state.kind === 'reconnecting' && dataset.state !== 'reconnecting') this.#keepPicture();
    if (state.kind === 'playing') this.mark('seen', true);
    // A page that something keeps from connecting looks like one that has stopped, although it goes on trying.
    dataset.state = state.kind === 'connecting' && state.code !== undefined ? 'blocked' : state.kind;
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
    this.#text('retry', words.retry);
    // A site's own control leads away from a failure, but not back to the seat.
    this.#retrySlot.name = words.code === 'NL_SEAT_IN_USE' ? 'elsewhere' : 'ended';
    this.#text('away-text', state.kind === 'reconnecting' ? words.message : '');
    this.#text('announcement', words.announcement);
    this.card.setAttribute('aria-label', state.kind === 'ended' ? labels.stopped : labels.start);
    this.#showHold();
    if (state.kind === 'ended') this.#offerRetry();
    this.#keepFocus();
    if ('code' in state && state.code !== undefined) void this.#explain(state);
  }

  /** Shows the game that the player has joined, and whether the host gives the picture that the page asked for. */
  showJoined(joined: Joined): void {
    this.#joined = joined;
    this.page.dataset.game = gameTitle(joined.game);
    if (this.#state.kind === 'playing') this.show(this.#state);
    this.#showPicture(joined);
    void this.#showActions();
  }

  /** Shows whether the game rests, and why. @param code why; undefined if it does not */
  showPause(code: string | undefined): void {
    this.mark('paused', code !== undefined);
    const { noPlayers, between } = this.translator.labels;
    if (code !== undefined) this.#text('interval-text', code === 'NL_NO_PLAYERS' ? noPlayers : between);
  }

  /** Shows whether the player hears the game. A game without sound has no such button. */
  showSound(state: SpeakerState): void {
    this.#sound = state;
    const { soundBlocked, soundOff, soundOn } = this.translator.labels;
    const label = { silent: '', blocked: soundBlocked, off: soundOff, on: soundOn }[state];
    this.page.dataset.sound = state;
    this.element('loudness').hidden = state === 'silent';
    const button = this.element('speaker');
    button.setAttribute('aria-label', label);
    button.title = label;
    button.setAttribute('aria-pressed', String(state === 'on'));
  }

  /** Shows the connection's statistics in a few words, and how long a seat still waits. Call it about twice a second. */
  showSummary(stats: PlayerStats): void {
    this.#showHold();
    if (this.#state.kind !== 'playing') return;
    const { dataset } = this.page;
    dataset.quality = stats.quality;
    const { labels } = this.translator;
    const words = [this.#options.spectates ? labels.watching : '', summaryOf(stats, labels)];
    const summary = words.filter((part) => part !== '').join(' · ');
    this.#text('status', 'paused' in dataset ? labels.waitingShort : summary || labels.playing);
  }

  /** Shows all texts in a language, which may have to be loaded. */
  async showLanguage(language: Language): Promise<void> {
    if (!(await this.translator.show(language)) || this.#options.signal.aborted) return;
    this.show(this.#state);
    this.showSound(this.#sound);
    if (this.#joined) this.#showPicture(this.#joined);
    void this.#showActions();
  }

  /** Covers the video with its last picture until another connection has brought its first one. */
  coverExchange(): void {
    this.#keepPicture();
    this.mark('exchanging', true);
    this.video.requestVideoFrameCallback(() => this.mark('exchanging', false));
  }

  /** Says more about an obstacle that keeps the page from connecting, with words that few pages need. */
  async #explain(state: PlayerState): Promise<void> {
    const loaded = await import('./obstacles.ts').catch(() => undefined);
    if (!loaded || state !== this.#state || this.#options.signal.aborted) return;
    loaded.showObstacle(state, this.translator.labels, (id, text) => this.#text(id, text));
  }

  /** The place of the button that connects again, which a site may fill with a control of its own. */
  get #retrySlot(): HTMLSlotElement {
    return this.element('retry').parentElement as HTMLSlotElement;
  }

  get #document(): Document | ShadowRoot {
    return this.#options.host.getRootNode() as Document | ShadowRoot;
  }

  #text(id: string, value: string): void {
    const node = this.element(id);
    if (node.textContent !== value) node.textContent = value;
  }

  /** Gives the focus to the picture if the control that had it is no longer there. The browser would give it to the document. */
  #keepFocus(): void {
    const { activeElement } = this.#options.root;
    if (activeElement && !activeElement.checkVisibility()) this.stage.focus({ preventScroll: true });
  }

  /** Says for a while that the server gives a smaller picture or a lower rate than the page asked for, if it does. */
  #showPicture({ wanted, ...got }: Joined): void {
    clearTimeout(this.#smallerTimer);
    this.mark('smaller', wanted !== undefined);
    if (wanted === undefined) return;
    const { busy, picture } = this.translator.labels;
    const describe = ({ width, height, fps }: typeof wanted) => picture(width, height, fps);
    this.#text('smaller-text', busy(describe(got), describe(wanted)));
    this.#smallerTimer = setTimeout(() => this.mark('smaller', false), SMALLER_MS);
  }

  /** Says what the player can do in the game, on the card and for the buttons on the screen. */
  async #showActions(): Promise<void> {
    if (this.named.actions.length === 0) return;
    const loaded = await import('./actions.ts').catch(() => undefined);
    if (!loaded || this.#options.signal.aborted) return;
    loaded.nameButtons(this.touchButtons, this.named);
    loaded.addHints(this.element('hints'), this.named);
  }

  /** Keeps a copy of the last picture, because the video shows nothing while it waits for the next connection's first one. */
  #keepPicture(): void {
    const { videoWidth: width, videoHeight: height } = this.video;
    const last = this.element<HTMLCanvasElement>('last');
    if (width > 0) Object.assign(last, { width, height });
    if (width > 0) last.getContext('2d')?.drawImage(this.video, 0, 0);
  }

  /** Says how long the player's seat still waits. */
  #showHold(): void {
    const state = this.#state;
    const heldUntil = state.kind === 'reconnecting' ? state.heldUntil : undefined;
    const seconds = Math.ceil(((heldUntil ?? 0) - performance.now()) / 1000);
    this.#text('away-left', seconds > 0 ? this.translator.labels.seatKept(seconds) : '');
  }

  /** Gives the focus to the control that plays again. */
  #offerRetry(): void {
    // The site may have put a control of its own in the place of the button.
    const controls = this.#retrySlot.assignedElements();
    // The host's own page says there what the table of labels has in other languages.
    for (const { firstChild } of controls)
      if (firstChild instanceof Text) firstChild.data = this.translator.translate(firstChild.data);
    const [control = this.element('retry')] = controls;
    if (this.hasFocus && !this.isTouch) (control as HTMLElement).focus();
  }
}

/** Returns how a player reads the name of a game. A game is named after its module's file, so its name may contain hyphens. */
function gameTitle(name: string): string {
  return name.replace(/[-_]+/g, ' ');
}
