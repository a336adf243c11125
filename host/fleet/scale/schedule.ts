import { type Cron, fits } from './cron.ts';

/** A least number of servers from the minutes on that a line of cron names, for some time. */
export interface Floor {
  readonly cron: Cron;
  /** Name of the time zone in which the line is meant, such as Europe/Berlin. */
  readonly zone: string;
  /** For how long the number holds from each of these minutes. */
  readonly minutes: number;
  readonly servers: number;
}

/** A floor that always holds is the least number of the policy. */
export const FLOOR_MINUTES_MAX = 24 * 60;

const MINUTE_MS = 60_000;
/** Zones change their clocks at whole quarters of an hour. */
const SLOT_MS = 15 * MINUTE_MS;
const OFFSETS_MAX = 4096;
/** A change of a clock by more than this is not daylight saving time, but a zone that has moved. */
const JUMP_MINUTES_MAX = 180;

/** Returns the greatest number of servers that a schedule asks for at a time, or 0. @param now milliseconds since 1970 */
export function floorAt(schedule: readonly Floor[], now: number): number {
  return schedule.reduce((most, floor) => (floor.servers > most && isOn(floor, now) ? floor.servers : most), 0);
}

/** Whether a floor has begun less than its time ago. */
function isOn({ cron, zone, minutes }: Floor, now: number): boolean {
  const newest = Math.floor(now / MINUTE_MS) * MINUTE_MS;
  for (let back = 0; back < minutes; back++) {
    const at = newest - back * MINUTE_MS;
    const local = at + offsetMs(zone, at);
    // The minutes that a clock leaves out when it is put forward come all at once.
    const before = at - MINUTE_MS + offsetMs(zone, at - MINUTE_MS);
    const first = local - before > JUMP_MINUTES_MAX * MINUTE_MS ? local : Math.min(local, before + MINUTE_MS);
    for (let minute = first; minute <= local; minute += MINUTE_MS) if (fits(cron, new Date(minute))) return true;
  }
  return false;
}

const formats = new Map<string, Intl.DateTimeFormat>();
const offsets = new Map<string, number>();

/** Whether this machine knows a time zone. */
export function isZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

/** Returns by how much the clocks of a zone are ahead of UTC. Formatting a time is slow, so answers are kept. */
function offsetMs(zone: string, at: number): number {
  const slot = Math.floor(at / SLOT_MS);
  const key = `${zone} ${slot}`;
  const known = offsets.get(key);
  if (known !== undefined) return known;
  if (offsets.size >= OFFSETS_MAX) offsets.clear();
  const offset = localMs(zone, slot * SLOT_MS) - slot * SLOT_MS;
  offsets.set(key, offset);
  return offset;
}

/** Returns the local time in a zone, as if it were UTC. */
function localMs(zone: string, at: number): number {
  let format = formats.get(zone);
  if (!format) {
    const numbers = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' } as const;
    format = new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', ...numbers });
    formats.set(zone, format);
  }
  const part = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0 } = part;
  return Date.UTC(year, month - 1, day, hour, minute);
}
