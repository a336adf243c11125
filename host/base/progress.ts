const TERMINAL_MS = 100;
const LINE_MS_MIN = 2000;
const LINE_MS_MAX = 60_000;

/** Tells on standard error how far pictures are: on a terminal in one line, else in lines ever further apart. */
export class Progress {
  readonly #of: string;
  readonly #begun = performance.now();
  #told = 0;

  /** @param frames pictures that there will be; Infinity where nobody knows */
  constructor(frames: number) {
    this.#of = Number.isFinite(frames) ? ` of ${frames}` : '';
  }

  /** @param frame pictures that are done */
  tell(frame: number): void {
    const { isTTY } = process.stderr;
    const ms = performance.now() - this.#begun;
    const least = isTTY ? TERMINAL_MS : Math.min(Math.max(this.#told, LINE_MS_MIN), LINE_MS_MAX);
    if (ms - this.#told < least) return;
    this.#told = ms;
    const line = `picture ${frame}${this.#of}, ${((frame * 1000) / ms).toFixed(1)} a second`;
    process.stderr.write(isTTY ? `\r\x1b[K${line}` : `${line}\n`);
  }

  /** Takes the line off a terminal. */
  end(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  }
}
