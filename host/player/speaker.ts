/** State of a player's loudspeaker, as the page shows it. `blocked`: the browser plays nothing until the player does something. */
export type SpeakerState = 'silent' | 'blocked' | 'off' | 'on';

export interface SpeakerOptions {
  /** The element that plays the sound. It needs the attribute autoplay. */
  audio: HTMLAudioElement;
  /** Called with each new state, and first with `silent`: the game has sent no sound yet. */
  onState(state: SpeakerState): void;
  /** Keeps the volume for the next visit. */
  storage?: Pick<Storage, 'getItem' | 'setItem'> | undefined;
  /** Whether the sound starts turned off, whatever the storage says. */
  isOff?: boolean;
  /** Called when the player turns the sound off or on. */
  onOff?(isOff: boolean): void;
}

const VOLUME_KEY = 'nearlight.volume';
const OFF_KEY = 'nearlight.sound';
const GESTURES = ['pointerdown', 'pointerup', 'keydown', 'touchend'] as const;

/**
 * Plays a game's sound. Browsers let a page make noise only after its player has clicked, tapped or pressed a key. So the sound
 * starts muted, and becomes audible at the first of these, unless the player has turned it off.
 */
export class Speaker {
  readonly #options: SpeakerOptions;
  readonly #listeners = new AbortController();
  #state: SpeakerState | undefined;
  /** Whether sound has arrived. */
  #hasSound = false;
  #isOff: boolean;
  /** Whether the player has done something that allows the browser to play sound. */
  #isAllowed = false;

  constructor(options: SpeakerOptions) {
    this.#options = options;
    this.#isOff = options.isOff === true || this.#read(OFF_KEY) === 'off';
    const volume = Number.parseFloat(this.#read(VOLUME_KEY) ?? '1');
    options.audio.volume = volume >= 0 && volume <= 1 ? volume : 1;
    options.audio.muted = true;
    const { signal } = this.#listeners;
    for (const gesture of GESTURES) addEventListener(gesture, this.#allow, { capture: true, passive: true, signal });
    this.#update();
  }

  get state(): SpeakerState {
    return this.#state ?? 'silent';
  }

  /** The volume, from 0 to 1. Setting one above 0 turns the sound on, and 0 turns it off. */
  get volume(): number {
    return this.#options.audio.volume;
  }

  set volume(volume: number) {
    this.#options.audio.volume = Math.min(1, Math.max(0, volume));
    this.#store(VOLUME_KEY, String(this.#options.audio.volume));
    this.#turn(volume === 0);
  }

  /** Whether the sound is turned off. */
  get isOff(): boolean {
    return this.#isOff;
  }

  /** Turns the sound off or on for this visit only. */
  mute(isOff: boolean): void {
    if (isOff === this.#isOff) return;
    this.#isOff = isOff;
    this.#play();
  }

  /** Turns the sound off if it is on, and on otherwise. */
  toggle(): void {
    this.#turn(this.#state === 'on');
  }

  /** Plays the sound of a connection. */
  attach(stream: MediaStream): void {
    const { audio } = this.#options;
    audio.srcObject = stream;
    for (const track of stream.getAudioTracks()) track.addEventListener('unmute', this.#onSound);
    this.#play();
  }

  /** Stops the sound and all listening. The speaker cannot be used again. */
  detach(): void {
    this.#listeners.abort();
    const { audio } = this.#options;
    audio.pause();
    audio.srcObject = null;
  }

  readonly #onSound = (): void => {
    this.#hasSound = true;
    this.#play();
  };

  readonly #allow = (): void => {
    // A browser may count only some of these events as the player's will, so all are tried until the sound plays.
    if (this.#isAllowed && !this.#options.audio.paused) return;
    this.#isAllowed = true;
    this.#play();
  };

  #turn(isOff: boolean): void {
    const before = this.#isOff;
    this.#isOff = isOff;
    this.#store(OFF_KEY, isOff ? 'off' : 'on');
    this.#play();
    if (isOff !== before) this.#options.onOff?.(isOff);
  }

  #play(): void {
    const { audio } = this.#options;
    audio.muted = this.#isOff || !this.#isAllowed;
    if (audio.srcObject)
      audio.play().then(
        () => this.#update(),
        () => {
          this.#isAllowed = false;
          audio.muted = true;
          this.#update();
        },
      );
    this.#update();
  }

  #update(): void {
    if (this.#listeners.signal.aborted) return;
    const audible = this.#isOff ? 'off' : this.#isAllowed ? 'on' : 'blocked';
    const state = this.#hasSound ? audible : 'silent';
    if (state === this.#state) return;
    this.#state = state;
    this.#options.onState(state);
  }

  /** Reads what an earlier visit stored; undefined if there is nothing, or the browser keeps nothing for this page. */
  #read(key: string): string | undefined {
    try {
      return this.#options.storage?.getItem(key) ?? undefined;
    } catch {
      return undefined;
    }
  }

  #store(key: string, value: string): void {
    try {
      this.#options.storage?.setItem(key, value);
    } catch {
      // The volume lasts as long as the page then.
    }
  }
}
