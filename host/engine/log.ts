import type { LogLevel } from './engine.ts';

export const LOG_LINE_BYTES_MAX = 2048;

const levels: readonly LogLevel[] = ['error', 'warn', 'info', 'debug'];
const linesPerSecond = 100;
const text = new TextDecoder();

/** What a module logs, on its way to the host's log: bounded in rate, free of control characters. */
export class GuestLog {
  /** The newest line, dropped ones included: it often says why a module trapped. */
  last = '';
  private readonly write: (level: LogLevel, message: string) => void;
  private windowStart = 0;
  private lines = 0;
  private dropped = 0;

  constructor(write: (level: LogLevel, message: string) => void) {
    this.write = write;
  }

  /** Takes one line, UTF-8; `level` counts from LOG_ERROR. */
  line(level: number, bytes: Uint8Array): void {
    const decoded = text.decode(bytes.subarray(0, LOG_LINE_BYTES_MAX));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
    this.last = decoded.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trimEnd();
    this.startWindow();
    if (this.lines++ < linesPerSecond) this.write(levels[level] ?? 'debug', this.last);
    else this.dropped++;
  }

  /** Counts lines that were lost before they came here. */
  drop(count: number): void {
    this.startWindow();
    this.dropped += count;
  }

  /** Says what was dropped and not yet told. */
  flush(): void {
    if (this.dropped > 0) this.write('warn', `${this.dropped} log lines of the module were dropped`);
    this.dropped = 0;
  }

  private startWindow(): void {
    const now = performance.now();
    if (now - this.windowStart < 1000) return;
    this.flush();
    this.windowStart = now;
    this.lines = 0;
  }
}
