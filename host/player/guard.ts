type KeyboardLock = { lock(keys?: readonly string[]): Promise<void>; unlock(): void };

export type PlayGuardOptions = {
  /** Whether the game is being played now. */
  isPlaying(): boolean;
  /** Whether the pointer is locked to the picture. */
  isPointerLocked(): boolean;
  /** Whether the player fills the screen. */
  isFull(): boolean;
};

/**
 * Keeps a player from leaving a game by accident, until `detach`: the screen stays on, and in full screen every key goes to the
 * game, Escape and Ctrl+W included, where the browser can do that. Escape then frees the pointer first; the browser leaves full
 * screen when it is held.
 */
export class PlayGuard {
  readonly #options: PlayGuardOptions;
  readonly #listeners = new AbortController();
  #wake: WakeLockSentinel | undefined;
  #hasKeyboard = false;

  constructor(options: PlayGuardOptions) {
    this.#options = options;
    const { signal } = this.#listeners;
    document.addEventListener('visibilitychange', () => this.update(), { signal });
    document.addEventListener('fullscreenchange', () => void this.#lockKeyboard(), { signal });
    const freePointer = (event: KeyboardEvent): void => {
      if (event.code === 'Escape' && this.#hasKeyboard && options.isPointerLocked()) document.exitPointerLock();
    };
    addEventListener('keydown', freePointer, { signal });
  }

  /** Whether the page gets the keys that browsers otherwise keep, such as those pressed with Control. */
  get hasKeyboard(): boolean {
    return this.#hasKeyboard;
  }

  /** Keeps the screen on while the game is played, and not otherwise. Call it when that has changed. */
  update(): void {
    if (!this.#isWanted) {
      void this.#wake?.release();
      this.#wake = undefined;
    } else if (!this.#wake || this.#wake.released) void this.#stayAwake();
  }

  detach(): void {
    this.#listeners.abort();
    this.update();
    if (this.#hasKeyboard) keyboardOf(navigator)?.unlock();
    this.#hasKeyboard = false;
  }

  get #isWanted(): boolean {
    return this.#options.isPlaying() && !document.hidden && !this.#listeners.signal.aborted;
  }

  async #stayAwake(): Promise<void> {
    // Browsers refuse it without a secure context, or with a low battery. The game can still be played.
    this.#wake = await navigator.wakeLock?.request('screen').catch(() => undefined);
    if (!this.#isWanted) this.update();
  }

  async #lockKeyboard(): Promise<void> {
    const keyboard = keyboardOf(navigator);
    const had = this.#hasKeyboard;
    this.#hasKeyboard = false;
    if (!this.#options.isFull()) {
      if (had) keyboard?.unlock();
    } else if (keyboard) {
      const locked = await keyboard.lock().then(
        () => true,
        () => false,
      );
      this.#hasKeyboard = locked && !this.#listeners.signal.aborted;
    }
  }
}

function keyboardOf(browser: Navigator): KeyboardLock | undefined {
  return (browser as Navigator & { keyboard?: KeyboardLock }).keyboard;
}
