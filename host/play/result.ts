import type { MatchResult } from '../base/bus.ts';
import type { EdgeStore } from '../edge/store/store.ts';

/** Describes the result of a match for the store and the centre: game, number of the tick, and the bytes in base64. */
export function describeResult(
  { id, game, origin, tick, bytes }: MatchResult,
  endedAt: number,
): Parameters<EdgeStore['addResult']>[0] {
  const data = JSON.stringify({ game, tick, result: Buffer.from(bytes).toString('base64') });
  return { id, match: `${game}/${origin}`, endedAt, data, local: false };
}
