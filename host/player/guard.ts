type KeyboardLock = { lock(keys?: readonly string[]): Promise<void>; unlock(): void };

export type PlayGuardOptions = {
  /** Whether the game is being played now. */
  isPlaying(): boolean;
  /** Whether the pointer is locked to the picture. */
  isPointerLocked(): boolean;
};

/**
 * Keeps a player from leaving a game by accident: the browser asks before it closes the page, the screen stays on, and in full
 * screen every key goes to the game, Escape and Ctrl+W included, where the browser can do that. Escape then frees the pointer
 * first; the browser leaves full screen when it is held.
 */
export class PlayGuard {
  readonly #options: PlayGuardOptions;
  #wake: WakeLockSentinel | undefined;
  #hasKeyboard = false;

  constructor(options: PlayGuardOptions) {
    this.#options = options;
    addEventListener('beforeunload', (event) => {
      if (options.isPlaying()) event.preventDefault();
    });
    document.addEventListener('visibilitychange', () => this.update());
    document.addEventListener('fullscreenchange', () => void this.#lockKeyboard());
    addEventListener('keydown', (event) => {
      if (event.code === 'Escape' && this.#hasKeyboard && options.isPointerLocked()) document.exitPointerLock();
    });
  }

  /** Whether the page gets the keys that browsers otherwise keep, such as those pressed with Control. */
  get hasKeyboard(): boolean {
    return this.#hasKeyboard;
  }

  /** Keeps the screen on while the game is played, and not otherwise. Call it when that has changed. */
  update(): void {
    const wanted = this.#options.isPlaying() && !document.hidden;
    if (!wanted) {
      void this.#wake?.release();
      this.#wake = undefined;
    } else if (!this.#wake || this.#wake.released) void this.#stayAwake();
  }

  async #stayAwake(): Promise<void> {
    // Browsers refuse it without a secure context, or with a low battery. The game can still be played.
    this.#wake = await navigator.wakeLock?.request('screen').catch(() => undefined);
    if (!this.#options.isPlaying()) this.update();
  }

  async #lockKeyboard(): Promise<void> {
    const { keyboard } = navigator as Navigator & { keyboard?: KeyboardLock };
    const isFull = document.fullscreenElement !== null;
    this.#hasKeyboard = false;
    if (!isFull) keyboard?.unlock();
    else if (keyboard)
      this.#hasKeyboard = await keyboard.lock().then(
        () => true,
        () => false,
      );
  }
}
