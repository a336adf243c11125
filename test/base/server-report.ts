import type { HostReport } from '../../host/base/host-report.ts';

export const GAME = 'arena';

/** Describes a game server with four seats. */
export function reportFor(
  uid: string,
  { all = 4, taken = 0, ...more }: Partial<Omit<HostReport, 'seats'>> & { all?: number; taken?: number } = {},
): HostReport {
  return {
    uid,
    game: GAME,
    state: taken === 0 ? 'ready' : taken < all ? 'allocated' : 'full',
    seats: { all, taken, reserved: 0 },
    arrived: {},
    measures: {},
    ...more,
  };
}
