/** Which regions are near enough to the players of a request. */

/** A round-trip time that the page of a player has measured. */
export interface Latency {
  readonly region: string;
  readonly ms: number;
  /** How long ago it was measured. */
  readonly ageSeconds: number;
}

export interface Reach {
  /** Regions within the bound, the nearest first; undefined if there is nothing to judge by. */
  readonly near: readonly string[] | undefined;
  /** All regions that were measured, the nearest first. */
  readonly measured: readonly string[];
}

export interface ReachBounds {
  msMax: number;
  ageSecondsMax: number;
}

/**
 * Returns the regions that all players of a request can reach. A region is as far away as it is for the player for whom it is farthest. Players
 * without measurements have no say, and measurements that are too old count as none.
 */
export function reachOf(players: readonly { latencies: readonly Latency[] }[], bounds: ReachBounds): Reach {
  const fresh = players
    .map(({ latencies }) => latencies.filter(({ ageSeconds }) => ageSeconds <= bounds.ageSecondsMax))
    .filter((latencies) => latencies.length > 0);
  if (fresh.length === 0) return { near: undefined, measured: [] };
  const farthest = new Map<string, number>();
  const counts = new Map<string, number>();
  for (const latencies of fresh)
    for (const { region, ms } of new Map(latencies.map((each) => [each.region, each])).values()) {
      farthest.set(region, Math.max(farthest.get(region) ?? 0, ms));
      counts.set(region, (counts.get(region) ?? 0) + 1);
    }
  // A region that one of the players has not measured may be far away for that player.
  const known = [...farthest].filter(([region]) => counts.get(region) === fresh.length);
  const sorted = known.sort(([, a], [, b]) => a - b);
  return {
    near: sorted.filter(([, ms]) => ms <= bounds.msMax).map(([region]) => region),
    measured: sorted.map(([region]) => region),
  };
}
