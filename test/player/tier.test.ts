import { expect, test } from 'vitest';
import { milli } from '../../host/base/time.ts';
import type { PlayerState } from '../../host/player/state.ts';
import { tierOf } from '../../host/player/tier.ts';

test.each<[PlayerState, isHidden: boolean, tier: string | undefined]>([
  [{ kind: 'connecting', attempt: 1 }, false, undefined],
  [{ kind: 'playing' }, false, 'hot'],
  [{ kind: 'playing' }, true, 'warm'],
  [{ kind: 'reconnecting', attempt: 1, heldUntil: milli(9000) }, true, 'cold'],
  // Without a seat that waits, the page has none.
  [{ kind: 'reconnecting', attempt: 2 }, true, undefined],
  [{ kind: 'ended', code: 'NL_INPUT_RATE', message: 'too much' }, false, undefined],
])('the tier of a page that is %o, hidden: %s, is %s', (state, isHidden, tier) => {
  expect(tierOf(state, isHidden)).toBe(tier);
});
