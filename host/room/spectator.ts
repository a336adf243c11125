import type { HeldState, InputSink, PlayerConnection } from '../stream/player.ts';

/**
 * A page that watches. Nothing that it sends reaches the game, but what it says about its own attention counts: a hidden page gets no
 * pictures, and a muted one no sound.
 */
export class Spectator {
  readonly connection: PlayerConnection;
  readonly #attention: Attention;
  videoBitsPerSecond = 0;
  /** Whether pictures were left out, so that the page can decode nothing before the next keyframe. */
  #needsKeyframe = false;

  constructor(connection: PlayerConnection, attention: Attention) {
    this.connection = connection;
    this.#attention = attention;
  }

  get isHidden(): boolean {
    return this.#attention.isHidden;
  }

  get isMuted(): boolean {
    return this.#attention.isMuted;
  }

  /** Whether the page takes a picture now. */
  takes(isKeyframe: boolean): boolean {
    if (this.isHidden) this.#needsKeyframe = true;
    else if (isKeyframe) this.#needsKeyframe = false;
    return !this.#needsKeyframe;
  }
}

/** Takes the input of a spectator, and remembers whether the page is hidden or muted. */
export class Attention implements InputSink {
  isHidden = false;
  isMuted = false;
  readonly #onHidden: () => void;

  /** @param onHidden called when the page has become hidden, or is shown again */
  constructor(onHidden: () => void) {
    this.#onHidden = onHidden;
  }

  held({ hidden, muted = false }: Readonly<HeldState>): void {
    this.isMuted = muted;
    if (hidden === this.isHidden) return;
    this.isHidden = hidden;
    this.#onHidden();
  }

  key(): void {}
  button(): void {}
  padButton(): void {}
  releaseAll(): void {}
  pointer(): void {}
  text(): void {}
  pace(): void {}
}
