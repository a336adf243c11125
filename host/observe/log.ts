const LEVELS = ['error', 'warn', 'info', 'debug'] as const;

export type Level = (typeof LEVELS)[number];
export type Log = (level: Level, message: string) => void;

/** Writes lines of time, level and message to standard error; `level` is the least important that is written. */
export function createLog(level: string): Log {
  const most = Math.max(0, (LEVELS as readonly string[]).indexOf(level));
  return (of, message) => {
    if (LEVELS.indexOf(of) > most) return;
    const time = new Date().toISOString().slice(11, 23);
    process.stderr.write(`${time} ${of.padEnd(5)} ${message.trimEnd().replaceAll('\n', '\n                   ')}\n`);
  };
}
