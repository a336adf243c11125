/** The minutes that a line of cron names: minute, hour, day of the month, month, day of the week (crontab(5)). */
export interface Cron {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly days: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  readonly weekdays: ReadonlySet<number>;
  /** Whether the day of the month and the day of the week are both restricted. Then a day that fits one of them fits. */
  readonly isEitherDay: boolean;
}

const FIELDS = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12 },
  // Sunday is 0 and 7.
  { min: 0, max: 7 },
] as const;
const CHARACTERS_MAX = 200;

/** Parses a line of cron with numbers, lists, ranges and steps, such as "0 18 * * 1-5"; undefined if the text is not one. */
export function readCron(text: string): Cron | undefined {
  const parts = text.trim().split(/\s+/);
  if (text.length > CHARACTERS_MAX || parts.length !== FIELDS.length) return undefined;
  const [minutes, hours, days, months, weekdays] = FIELDS.map((bounds, index) => readField(parts[index] ?? '', bounds));
  if (!minutes || !hours || !days || !months || !weekdays) return undefined;
  const isEitherDay = !parts[2]?.startsWith('*') && !parts[4]?.startsWith('*');
  return { minutes, hours, days, months, weekdays: new Set([...weekdays].map((day) => day % 7)), isEitherDay };
}

function readField(text: string, { min, max }: { min: number; max: number }): Set<number> | undefined {
  const found = new Set<number>();
  for (const part of text.split(',')) {
    const [, range = '', from = '', to = from, step = '1'] =
      /^(\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(part) ?? [];
    const isAll = range === '*';
    // "5/15" has no meaning that all programs share.
    const isStepped = part.includes('/');
    const [first, last, by] = [isAll ? min : Number(from), isAll ? max : Number(to), Number(step)];
    const isValid = range !== '' && first >= min && first <= last && last <= max && by >= 1;
    if (!isValid || (isStepped && !isAll && !range.includes('-'))) return undefined;
    for (let value = first; value <= last; value += by) found.add(value);
  }
  return found;
}

/** Whether a line of cron names a minute. @param local the local time, as if it were UTC */
export function fits(cron: Cron, local: Date): boolean {
  const isDay = cron.days.has(local.getUTCDate());
  const isWeekday = cron.weekdays.has(local.getUTCDay());
  return (
    cron.minutes.has(local.getUTCMinutes()) &&
    cron.hours.has(local.getUTCHours()) &&
    cron.months.has(local.getUTCMonth() + 1) &&
    (cron.isEitherDay ? isDay || isWeekday : isDay && isWeekday)
  );
}
