import { NearlightError } from './errors.ts';

const LEVELS = ['error', 'warn', 'info', 'debug'] as const;

export type Level = (typeof LEVELS)[number];
export type Log = (level: Level, message: string) => void;

/**
 * Writes lines of time (UTC), level and message to standard error; `level` is the least important that is written.
 * @throws NearlightError NL_SETTING for a level that there is not
 */
export function createLog(level: string): Log {
  const most = (LEVELS as readonly string[]).indexOf(level);
  if (most < 0) throw new NearlightError('NL_SETTING', `LOG_LEVEL=${level} is none of ${LEVELS.join(', ')}`);
  return (of, message) => {
    if (LEVELS.indexOf(of) > most) return;
    const time = new Date().toISOString().slice(11, 23);
    process.stderr.write(`${time} ${of.padEnd(5)} ${message.trimEnd().replaceAll('\n', '\n                   ')}\n`);
  };
}
