/**
 * Looks for players whose input no hand makes. One sign flags the player, and the session ends after three: a single figure
 * can have an innocent cause, such as a network that delivers the movement of half a second at once.
 */
import { Answer, duringPlay, Facts } from '@nearlight/sdk/rule';

export { init, join, leave, render, tick, version } from '@nearlight/sdk/rule';

/** The fastest players reach about 15 presses per second for a moment. */
const ACTIONS_PEAK_MAX: u32 = 30;
/** Presses whose distance varies less than this come from a clock. */
const DEVIATION_MS_MIN: f32 = 2;
const ACTIONS_MIN: u32 = 40;
/** A press this soon after a turn was decided before the turn. People need 150 ms and more. */
const REACTION_MS_MIN: u32 = 50;
const REACTIONS_MIN: u32 = 10;
const TURNS_MIN: u32 = 20;
const IMPOSSIBLE_SHARE_MAX: f32 = 0.5;
const FLAGS_MAX: u32 = 3;

function report(facts: Facts, answer: Answer, reason: string, score: f32): void {
  if (facts.flags >= FLAGS_MAX) answer.refuse(reason, score);
  else answer.flag(reason, score);
}

duringPlay((facts: Facts, answer: Answer): void => {
  if (facts.actionsPeak > ACTIONS_PEAK_MAX) report(facts, answer, 'too-many-actions', 0.9);
  else if (facts.actions >= ACTIONS_MIN && facts.pauseDeviation < DEVIATION_MS_MIN)
    report(facts, answer, 'clockwork', 0.8);
  else if (facts.turns >= TURNS_MIN && facts.impossibleShare > IMPOSSIBLE_SHARE_MAX)
    report(facts, answer, 'impossible-turns', facts.impossibleShare);
  else if (facts.reactions >= REACTIONS_MIN && facts.reactionsBelow(REACTION_MS_MIN) * 2 > facts.reactions)
    report(facts, answer, 'reactions-too-fast', 0.7);
});
