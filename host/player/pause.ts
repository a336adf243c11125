import type { Notice } from '../base/protocol.ts';
import type { ToolLabels } from './tool-labels.ts';

const UPDATE_MS = 1000;
/** A screen reader reads each change, so the time that is left changes rarely. */
const STEP_SECONDS = 10;

export type PauseNotesOptions = {
  /** The words that say that the game rests. */
  text(): Element | null;
  labels(): ToolLabels;
  /** Shows a caption, and ends one. */
  captions: { show(text: string): void; withdraw(text: string): void };
  /** Ends the notes. */
  signal: AbortSignal;
};

/** Says why the game rests: how long it takes until it starts again, or that the server is being updated. */
export class PauseNotes {
  readonly #options: PauseNotesOptions;
  #resumesAt: number | undefined;

  constructor(options: PauseNotesOptions) {
    this.#options = options;
    const timer = setInterval(() => this.#update(), UPDATE_MS);
    options.signal.addEventListener('abort', () => clearInterval(timer));
  }

  /** Takes a notice of the host. */
  onNotice(notice: Notice): void {
    const { captions, labels } = this.#options;
    const { kind } = notice;
    if (kind === 'paused' || kind === 'joined') this.#resumesAt = undefined;
    if (kind === 'joined') captions.withdraw(labels().updating);
    if (kind === 'moved' && notice.why === 'update') captions.show(labels().updating);
    if (kind !== 'paused' || notice.afterMs === undefined) return;
    this.#resumesAt = performance.now() + notice.afterMs;
    this.#update();
  }

  #update(): void {
    if (this.#resumesAt === undefined) return;
    const { text, labels } = this.#options;
    const { between, betweenLong } = labels();
    const steps = Math.ceil((this.#resumesAt - performance.now()) / 1000 / STEP_SECONDS);
    const words = steps > 0 ? betweenLong(steps * STEP_SECONDS) : between;
    const line = text();
    if (line && line.textContent !== words) line.textContent = words;
  }
}
