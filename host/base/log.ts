import { NearlightError } from './errors.ts';
import { losses } from './losses.ts';
import { currentSpan } from './trace-context.ts';

const LEVELS = ['error', 'warn', 'info', 'debug'] as const;
const FORMATS = ['text', 'json'] as const;

/** How many bytes of the log may wait for a reader. Further lines are dropped, so that a reader that stops fills no memory. */
const WAITING_BYTES_MAX = 2 ** 20;

export type Level = (typeof LEVELS)[number];
export type Log = (level: Level, message: string, about?: About) => void;

/** The subject of a line of the log, for programs that read the log. A person reads it in the message. */
export interface About {
  /** Name of the game. */
  room?: string;
  /** Number of the player's seat in the room. */
  player?: number;
  /** `host` for a line of the program that runs a pod's game, among the lines of the game. */
  source?: 'host';
  /** Ids of the trace and the span that the line belongs to (W3C Trace Context); by default those of the code that writes it. */
  traceId?: string;
  spanId?: string;
}

/**
 * Creates a log that writes lines of time (UTC), level and message to standard error. It omits lines less severe than `level`.
 * @param format `text` for people, or `json` for programs: one JSON object per line (jsonLine)
 * @throws NearlightError NL_SETTING for an unknown level or format
 */
export function createLog(level: string, format = 'text'): Log {
  const last = (LEVELS as readonly string[]).indexOf(level);
  if (last < 0)
    throw new NearlightError('NL_SETTING', `LOG_LEVEL=${level} is unknown; set it to one of ${LEVELS.join(', ')}`);
  if (!(FORMATS as readonly string[]).includes(format))
    throw new NearlightError('NL_SETTING', `LOG_FORMAT=${format} is unknown; set it to one of ${FORMATS.join(', ')}`);
  const line = format === 'json' ? jsonLine : textLine;
  return (entry, message, about) => {
    if (LEVELS.indexOf(entry) <= last) write(line, entry, message, { ...currentSpan().ids, ...about });
  };
}

type Line = (level: Level, message: string, about?: About) => string;

/**
 * Returns a line of the log as a JSON object with `time` (RFC 3339), `level`, `message` and, where they apply, `source`, `room`,
 * `player`, `trace_id` and `span_id`, the names that Grafana looks for.
 */
export function jsonLine(level: Level, message: string, { source, room, player, traceId, spanId }: About = {}): string {
  const time = new Date().toISOString();
  const ids = { trace_id: traceId, span_id: spanId };
  return `${JSON.stringify({ time, level, message: message.trimEnd(), source, room, player, ...ids })}\n`;
}

const textLine: Line = (level, message) => {
  const time = new Date().toISOString().slice(11, 23);
  return `${time} ${level.padEnd(5)} ${message.trimEnd().replaceAll('\n', '\n                   ')}\n`;
};

/** Lines that were lost since the last one that could be written. */
let lost = 0;

/** Writes a line. The first line after a gap is preceded by one that says how many were lost. */
function write(line: Line, ...entry: Parameters<Line>): void {
  if (process.stderr.writableLength > WAITING_BYTES_MAX) {
    losses.log++;
    lost++;
    return;
  }
  const gap = lost;
  const notice = gap === 0 ? '' : line('warn', `${gap} lines of this log are lost: they could not be written`);
  lost = 0;
  process.stderr.write(notice + line(...entry), (error) => {
    // guardProcess() counts the loss and lets the process go on.
    if (error) lost += gap + 1;
  });
}
