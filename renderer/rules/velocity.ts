/** Refuses those who join again and again: more often than a person who closes a tab and opens it again. */
import { Answer, atJoin, Facts } from '@nearlight/sdk/rule';

export { init, join, leave, render, tick, version } from '@nearlight/sdk/rule';

/** Joins of one account in a minute. */
const ACCOUNT_JOINS_MAX: u32 = 6;
/** Joins from one address in a minute. A whole school may have one address. */
const ADDRESS_JOINS_MAX: u32 = 60;
/** Refused joins from one address in a minute, as when someone tries out tokens. */
const REFUSALS_MAX: u32 = 20;

atJoin((facts: Facts, answer: Answer): void => {
  // Returns to a seat follow a bad line, and not a decision of the player.
  if (facts.isReturning) return;
  if (facts.account !== 0 && facts.accountJoins >= ACCOUNT_JOINS_MAX) answer.refuse('account-too-fast');
  else if (facts.addressRefusals >= REFUSALS_MAX) answer.refuse('address-refused-often');
  else if (facts.addressJoins >= ADDRESS_JOINS_MAX) answer.refuse('address-too-fast');
  else answer.allow(<f32>facts.accountJoins / <f32>ACCOUNT_JOINS_MAX);
});
