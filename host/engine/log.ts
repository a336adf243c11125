import type { LogLevel } from './engine.ts';

export const LOG_LINE_BYTES_MAX = 2048;

/** The log level for each number that a module can pass to `log`, beginning with LOG_ERROR = 0. */
const LEVELS: readonly LogLevel[] = ['error', 'warn', 'info', 'debug'];
const LINES_PER_SECOND = 100;
const WINDOW_MS = 1000;
const UTF8 = new TextDecoder();

/** Passes the lines that a module logs on to the host's log. Limits their rate and removes control characters. */
export class GuestLog {
  /** The last line that the module logged, even if it was dropped. It often explains why a module trapped. */
  last = '';
  readonly #write: (level: LogLevel, message: string) => void;
  #windowStartMs = 0;
  /** Number of lines that the module logged in the current window of WINDOW_MS. */
  #lines = 0;
  /** Number of lines dropped since the last warning about dropped lines. */
  #dropped = 0;

  constructor(write: (level: LogLevel, message: string) => void) {
    this.#write = write;
  }

  /** Logs one line of the module. @param level 0 for LOG_ERROR and so on @param bytes the line in UTF-8 */
  line(level: number, bytes: Uint8Array): void {
    const decoded = UTF8.decode(bytes.subarray(0, LOG_LINE_BYTES_MAX));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the expression removes them
    this.last = decoded.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trimEnd();
    this.#startWindow();
    if (this.#lines++ < LINES_PER_SECOND) this.#write(LEVELS[level] ?? 'debug', this.last);
    else this.#dropped++;
  }

  /** Counts lines of the module that were lost before they reached this log, for the next warning. */
  drop(count: number): void {
    this.#startWindow();
    this.#dropped += count;
  }

  /** Logs a warning if lines of the module were dropped since the last warning. */
  flush(): void {
    if (this.#dropped > 0) this.#write('warn', `${this.#dropped} log lines of the module were dropped`);
    this.#dropped = 0;
  }

  #startWindow(): void {
    const nowMs = performance.now();
    if (nowMs - this.#windowStartMs < WINDOW_MS) return;
    this.flush();
    this.#windowStartMs = nowMs;
    this.#lines = 0;
  }
}
