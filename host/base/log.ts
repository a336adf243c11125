import { NearlightError } from './errors.ts';
import { losses } from './losses.ts';

const LEVELS = ['error', 'warn', 'info', 'debug'] as const;

/** How many bytes of the log may wait for a reader. Further lines are dropped, so that a reader that stops fills no memory. */
const WAITING_BYTES_MAX = 2 ** 20;

export type Level = (typeof LEVELS)[number];
export type Log = (level: Level, message: string) => void;

/**
 * Creates a log that writes lines of time (UTC), level and message to standard error. It omits lines less severe than `level`.
 * @throws NearlightError NL_SETTING for an unknown level
 */
export function createLog(level: string): Log {
  const last = (LEVELS as readonly string[]).indexOf(level);
  if (last < 0)
    throw new NearlightError('NL_SETTING', `LOG_LEVEL=${level} is unknown; set it to one of ${LEVELS.join(', ')}`);
  return (entry, message) => {
    if (LEVELS.indexOf(entry) > last) return;
    const time = new Date().toISOString().slice(11, 23);
    const line = `${time} ${entry.padEnd(5)} ${message.trimEnd().replaceAll('\n', '\n                   ')}\n`;
    write(line, `${time} warn  `);
  };
}

/** Lines that were lost since the last one that could be written. */
let lost = 0;

/** Writes a line. The first line after a gap is preceded by one that says how many were lost. */
function write(line: string, prefix: string): void {
  if (process.stderr.writableLength > WAITING_BYTES_MAX) {
    losses.log++;
    lost++;
    return;
  }
  const gap = lost;
  const notice = gap === 0 ? '' : `${prefix}${gap} lines of this log are lost: they could not be written\n`;
  lost = 0;
  process.stderr.write(notice + line, (error) => {
    // guardProcess() counts the loss and lets the process go on.
    if (error) lost += gap + 1;
  });
}
