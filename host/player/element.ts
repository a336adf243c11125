import type { Notice } from '../base/protocol.ts';
import type { PlayerClient } from './client.ts';
import { PlayerPage } from './page.ts';
import type { PlayerState, PlayerStats } from './state.ts';

export type { Notice } from '../base/protocol.ts';
export type { Milli } from '../base/time.ts';
export type { Quality } from './quality.ts';
export type { PlayerState, PlayerStats } from './state.ts';

/** The seat that a player has got, and the picture that the host sends. */
export type Seat = {
  /** Number of the seat in the game, from 0, and the number of seats that the game has. */
  seat: number;
  seats: number;
  /** Name of the game on the host. */
  game: string;
  /** Size of the picture in pixels, and pictures per second. A busy host sends smaller or fewer ones than the element asked for. */
  width: number;
  height: number;
  fps: number;
};

/** The events of a player's element, by name. They do not bubble. */
export interface NearlightPlayerEventMap extends HTMLElementEventMap {
  /** The state has changed. `detail` is the new one. */
  statechange: CustomEvent<PlayerState>;
  /** The host has sent a notice: the player has joined, the game pauses, or it has ended. */
  notice: CustomEvent<Notice>;
  /** The player has got a seat. A player who comes back after a lost connection gets one again. */
  seat: CustomEvent<Seat>;
}

export interface NearlightPlayer {
  addEventListener<K extends keyof NearlightPlayerEventMap>(
    type: K,
    listener: (this: NearlightPlayer, event: NearlightPlayerEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof NearlightPlayerEventMap>(
    type: K,
    listener: (this: NearlightPlayer, event: NearlightPlayerEventMap[K]) => unknown,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
}

declare global {
  interface HTMLElementTagNameMap {
    'nearlight-player': NearlightPlayer;
  }
}

const NAME = 'nearlight-player';
/** A server that renders a site's pages loads this module too, and has no elements. */
const Base = globalThis.HTMLElement ?? (class {} as unknown as typeof HTMLElement);

/** The element whose player had the focus last, or else the first one. Gamepads, which have no focus, are for its game. */
let latest: NearlightPlayer | undefined;

/**
 * `<nearlight-player src="https://host/" game="arena">` plays a game of a Nearlight host. It connects when it is put into a
 * document, keeps its seat through lost connections, and frees it when it is removed. Its attributes can change at any time.
 *
 * | attribute | meaning | default |
 * |---|---|---|
 * | `src` | URL of the host, http or https, relative to the document. Without it, the element is idle. | |
 * | `game` | name of a game on the host | the host's first game |
 * | `size` | size of the picture, WIDTHxHEIGHT in pixels, both even | the host's setting, or 848x480 on a phone |
 * | `fps` | pictures per second, a whole number from 1 | the host's setting |
 * | `bitrate` | most bits per second of the picture, a whole number | the host's setting |
 * | `muted` | the sound is off. It is set and removed when the player turns the sound off and on. | |
 * | `controls` | `none` hides all that covers the picture, except touch controls; `full` shows it | `full` |
 * | `spectate` | watches the game without taking a seat | |
 *
 * A host lets pages of other origins play only if its setting ALLOWED_ORIGINS names theirs.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the interface adds the types of events to methods that HTMLElement has.
export class NearlightPlayer extends Base {
  static readonly observedAttributes = ['src', 'game', 'size', 'fps', 'bitrate', 'muted', 'spectate'];
  readonly #root: ShadowRoot;
  #page: PlayerPage | undefined;
  /** The attributes that have changed since the page last followed them. */
  readonly #changed = new Set<string>();
  #ended: PlayerState | undefined;
  /**
   * Returns the player's token for a host that lets in only players who have signed in: a JWT of its issuer, or a join ticket of the host.
   * The element calls it for each attempt to connect, so it can renew what has expired.
   */
  getToken: (() => string | undefined | Promise<string | undefined>) | undefined;

  constructor() {
    super();
    this.#root = this.attachShadow({ mode: 'open', delegatesFocus: true });
    this.addEventListener('focusin', () => {
      latest = this;
    });
  }

  /** URL of the host as an absolute URL; '' if there is none. */
  get src(): string {
    const src = this.getAttribute('src');
    return src !== null && URL.canParse(src, document.baseURI) ? new URL(src, document.baseURI).href : (src ?? '');
  }

  set src(src: string) {
    this.setAttribute('src', src);
  }

  /** Name of the game; '' for the host's first one. */
  get game(): string {
    return this.getAttribute('game') ?? '';
  }

  set game(game: string) {
    this.#reflect('game', game);
  }

  /** Size of the picture that the element asks for, WIDTHxHEIGHT in pixels; '' for the default. */
  get size(): string {
    return this.getAttribute('size') ?? '';
  }

  set size(size: string) {
    this.#reflect('size', size);
  }

  /** Pictures per second that the element asks for; 0 for the default. */
  get fps(): number {
    return Number(this.getAttribute('fps') ?? 0) || 0;
  }

  set fps(fps: number) {
    this.#reflect('fps', fps === 0 ? '' : String(fps));
  }

  /** Most bits per second of the picture that the element asks for; 0 for the default. */
  get bitrate(): number {
    return Number(this.getAttribute('bitrate') ?? 0) || 0;
  }

  set bitrate(bitrate: number) {
    this.#reflect('bitrate', bitrate === 0 ? '' : String(bitrate));
  }

  /** Whether the sound is off. Sound that is on is heard after the player's first click, tap or key: browsers demand that. */
  get muted(): boolean {
    return this.hasAttribute('muted');
  }

  set muted(muted: boolean) {
    this.toggleAttribute('muted', muted);
  }

  /** Whether the element shows its own controls and words, or only the picture. */
  get controls(): 'full' | 'none' {
    return this.getAttribute('controls') === 'none' ? 'none' : 'full';
  }

  set controls(controls: 'full' | 'none') {
    this.setAttribute('controls', controls);
  }

  /** Whether the element only watches the game. */
  get spectate(): boolean {
    return this.hasAttribute('spectate');
  }

  set spectate(spectate: boolean) {
    this.toggleAttribute('spectate', spectate);
  }

  /** State of the connection. The times in it are milliseconds on the clock of performance.now(). */
  get state(): PlayerState {
    return this.#page?.client.state ?? this.#ended ?? { kind: 'idle' };
  }

  /** Volume of the sound from 0 to 1. */
  get volume(): number {
    return this.#page?.speaker.volume ?? 1;
  }

  /** The game's name as the element shows it; '' before the player has joined. @internal */
  get gameTitle(): string {
    return this.#page?.game ?? '';
  }

  /** The client that plays the game; undefined while the element is idle. @internal */
  get client(): PlayerClient | undefined {
    return this.#page?.client;
  }

  /** Returns statistics of play in the last ten seconds; undefined while the element is idle. */
  stats(): PlayerStats | undefined {
    return this.#page?.client.stats();
  }

  /**
   * Connects, for example after `disconnect` or when the game has ended. An element in a document does that by itself. A connection
   * that is open is closed, and its seat is taken again. Failures are reported as states.
   * @throws DOMException InvalidStateError if the element is in no document or has no `src`
   */
  connect(): void {
    if (!this.isConnected || !this.hasAttribute('src'))
      throw new DOMException(`<${NAME}> connects in a document and with the attribute src.`, 'InvalidStateError');
    if (this.#page) this.#request();
    else this.#open();
  }

  /** Leaves the game and frees the seat. The element is idle until `connect` is called, or it is put into a document again. */
  disconnect(): void {
    this.#page?.client.leave();
  }

  /**
   * Sets the volume, which the browser keeps for the player's next visit. A volume above 0 turns the sound on, and 0 turns it off.
   * @param volume 0 to 1 @throws RangeError if it is not @throws DOMException InvalidStateError if the element is idle
   */
  setVolume(volume: number): void {
    if (!(volume >= 0 && volume <= 1)) throw new RangeError(`A volume is a number from 0 to 1, not ${volume}.`);
    if (!this.#page) throw new DOMException(`<${NAME}> has a volume while it is in use.`, 'InvalidStateError');
    this.#page.speaker.volume = volume;
  }

  /** @internal */
  connectedCallback(): void {
    if (!this.#page) this.#open();
  }

  /** @internal */
  disconnectedCallback(): void {
    // An element that is only moved to another place in the document is connected again by the time that the script has run.
    queueMicrotask(() => {
      if (!this.isConnected) this.#close();
    });
  }

  /** @internal */
  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (name === 'muted') this.#page?.speaker.mute(after !== null);
    if (name === 'muted' || before === after || !this.isConnected) return;
    // A script that changes several attributes causes one new connection.
    if (this.#changed.size === 0) queueMicrotask(() => this.#follow());
    this.#changed.add(name);
  }

  /** Follows the attributes that have changed. */
  #follow(): void {
    const changed = new Set(this.#changed);
    this.#changed.clear();
    if (!this.isConnected || changed.size === 0) return;
    if (!this.#page || changed.has('src') || changed.has('spectate')) {
      this.#close();
      this.#open();
    } else if (this.#page.client.state.kind !== 'idle') {
      if (changed.has('game')) this.#page.client.leave();
      this.#request();
    }
  }

  #open(): void {
    const src = this.getAttribute('src');
    this.#ended = undefined;
    // When an element that the parser has made becomes a player, the browser reports the attributes that it has.
    this.#changed.clear();
    if (src === null) return;
    const url = endpointOf(src);
    if (url === undefined) {
      this.#fail({
        kind: 'ended',
        code: 'NL_REQUEST',
        message: 'src must be the http or https URL of a Nearlight host.',
      });
      return;
    }
    this.#page = new PlayerPage({
      host: this,
      root: this.#root,
      url,
      spectates: this.spectate,
      token: async () => this.getToken?.(),
      isMuted: this.muted,
      hasGamepads: () => {
        latest ??= this;
        return latest === this;
      },
      onMuted: (isMuted) => {
        this.muted = isMuted;
      },
      onState: (state) => this.#emit('statechange', state),
      onNotice: (notice) => this.#onNotice(notice),
    });
    this.muted = this.#page.speaker.isOff;
    this.#request();
  }

  #close(): void {
    this.#page?.close();
    this.#page = this.#ended = undefined;
    if (latest === this) latest = undefined;
  }

  #request(): void {
    const [game, size, fps, bitrate] = ['game', 'size', 'fps', 'bitrate'].map(
      (name) => this.getAttribute(name) ?? undefined,
    );
    this.#page?.connect({ game, size, fps, bitrate });
  }

  #fail(state: PlayerState): void {
    this.#ended = state;
    this.#emit('statechange', state);
  }

  #onNotice(notice: Notice): void {
    this.#emit('notice', notice);
    if (notice.kind !== 'joined' || this.spectate) return;
    const { seat, seats, game, width, height, fps } = notice;
    this.#emit('seat', { seat, seats, game, width, height, fps });
  }

  #emit<K extends 'statechange' | 'notice' | 'seat'>(type: K, detail: NearlightPlayerEventMap[K]['detail']): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #reflect(name: string, value: string): void {
    if (value === '') this.removeAttribute(name);
    else this.setAttribute(name, value);
  }
}

/** Returns the URL of a host's WHEP endpoint; undefined if `src` cannot be the URL of a host. */
function endpointOf(src: string): string | undefined {
  if (!URL.canParse(src, document.baseURI)) return undefined;
  const url = new URL(src, document.baseURI);
  if (!/^https?:$/.test(url.protocol)) return undefined;
  url.search = url.hash = '';
  // A host behind a proxy may have a path, which is a folder whether or not the URL ends with a slash.
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return new URL('whep', url).href;
}

if (globalThis.customElements && !customElements.get(NAME)) customElements.define(NAME, NearlightPlayer);
