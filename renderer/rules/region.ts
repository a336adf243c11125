/** Lets players join from the listed regions, and refuses them elsewhere. Spectators may watch from everywhere. */
import { Answer, atJoin, Facts } from '@nearlight/sdk/rule';

export { init, join, leave, render, tick, version } from '@nearlight/sdk/rule';

/** Countries, or parts of them, in which the game may be played. */
const OPEN: StaticArray<string> = ['DE', 'AT', 'CH', 'FR', 'US'];
/** Parts of those in which it may not. */
const CLOSED: StaticArray<string> = ['US-WA'];

function isListed(facts: Facts, regions: StaticArray<string>): bool {
  for (let i = 0; i < regions.length; i++) if (facts.inRegion(unchecked(regions[i]))) return true;
  return false;
}

atJoin((facts: Facts, answer: Answer): void => {
  if (facts.isSpectator) return;
  if (!facts.hasRegion) answer.flag('region-unknown', 0.5);
  else if (!isListed(facts, OPEN) || isListed(facts, CLOSED)) answer.refuse('region-closed');
});
