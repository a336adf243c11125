const TERMINAL_MS = 100;
const LINE_MS_MIN = 2000;
const LINE_MS_MAX = 60_000;

/** Shows on standard error how many pictures are drawn: on a terminal in one line, elsewhere in lines at growing intervals. */
export class Progress {
  readonly #total: string;
  readonly #startMs = performance.now();
  #shownMs = 0;

  /** @param frames number of pictures to draw in total; Infinity if unknown */
  constructor(frames: number) {
    this.#total = Number.isFinite(frames) ? ` of ${frames}` : '';
  }

  /** @param frame number of pictures drawn so far */
  show(frame: number): void {
    const { isTTY } = process.stderr;
    const ms = performance.now() - this.#startMs;
    const least = isTTY ? TERMINAL_MS : Math.min(Math.max(this.#shownMs, LINE_MS_MIN), LINE_MS_MAX);
    if (ms - this.#shownMs < least) return;
    this.#shownMs = ms;
    const line = `picture ${frame}${this.#total}, ${((frame * 1000) / ms).toFixed(1)} a second`;
    process.stderr.write(isTTY ? `\r\x1b[K${line}` : `${line}\n`);
  }

  /** Removes the progress line from a terminal; idempotent. */
  end(): void {
    if (process.stderr.isTTY && this.#shownMs > 0) process.stderr.write('\r\x1b[K');
    this.#shownMs = 0;
  }
}
