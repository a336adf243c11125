import type { Tier } from '../base/tiers.ts';
import type { PlayerState } from './state.ts';

/** Returns what the host does for a page in this state; undefined if the page has no seat. */
export function tierOf(state: PlayerState, isHidden: boolean): Tier | undefined {
  if (state.kind === 'playing') return isHidden ? 'warm' : 'hot';
  return 'heldUntil' in state ? 'cold' : undefined;
}
