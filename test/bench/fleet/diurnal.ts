/**
 * Joins in each hour of a day, as a part of the busiest one: least at 5:00, most from 20:00 to 22:00, as the mission says. Between them it
 * rises almost linearly and falls fast after midnight, as published measurements of game servers do: PARC PlayOn, "Hours of the day"
 * (August 2006, World of Warcraft), and Jiang et al., "Statistical properties of online avatar numbers" (arXiv 0904.4827).
 */
export const JOINS_BY_HOUR: readonly number[] = [
  0.55, 0.4, 0.28, 0.2, 0.15, 0.12, 0.15, 0.21, 0.28, 0.35, 0.42, 0.48, 0.54, 0.58, 0.62, 0.67, 0.74, 0.82, 0.9, 0.97,
  1, 1, 0.92, 0.74,
];

const HOUR_MS = 3_600_000;
const SECONDS = 3600;
/** The area below the curve: so many busiest hours would have the joins of a day. It is linear between hours, so the sum is exact. */
export const HOURS = JOINS_BY_HOUR.reduce((sum, part) => sum + part, 0);

/** Returns how many players join in a second. @param now milliseconds since 1970; the hours are those of UTC */
export function joinsPerSecond(playersPerDay: number, now: number): number {
  const hours = (now / HOUR_MS) % 24;
  const hour = Math.floor(hours);
  const [from = 0, to = 0] = [JOINS_BY_HOUR[hour], JOINS_BY_HOUR[(hour + 1) % 24]];
  return (playersPerDay / (HOURS * SECONDS)) * (from + (to - from) * (hours - hour));
}
