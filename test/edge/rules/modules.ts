import {
  ANSWER_WORDS,
  FACTS_PLAYERS,
  OCCASION_JOIN,
  OCCASION_PLAY,
  READY_WORDS,
  RULE_ANSWER,
  RULE_READY,
  RULE_VERSION,
} from '../../../renderer/contract/rule.ts';
import { good, store, submit, writeBlock } from '../../engine/modules.ts';

/**
 * Numbers of players in the facts at which the rules of tests do something else than answer. At `slow`, the stand-in answers when the
 * test says so.
 */
export const PLAYERS = { trap: 66, endless: 67, broken: 68, slow: 69 } as const;
const [READY, ANSWER, FACTS] = [4096, 4160, 8192];

/** The command that a rule submits in its init. */
export function ready({
  occasions = OCCASION_JOIN | OCCASION_PLAY,
  version = RULE_VERSION,
  address = FACTS,
} = {}): number[] {
  return [(READY_WORDS << 16) | RULE_READY, version, occasions, address];
}

/** The command that a rule submits for a decision. */
export function answer({ verdict = 0, score = 0, reason = '' } = {}): number[] {
  const words = new Uint32Array(ANSWER_WORDS);
  words[0] = (ANSWER_WORDS << 16) | RULE_ANSWER;
  words[1] = verdict;
  new Float32Array(words.buffer)[2] = score;
  words[3] = reason.length;
  new Uint8Array(words.buffer).set(new TextEncoder().encode(reason), 16);
  return [...words];
}

export interface RuleParts {
  /** The reason with which the rule allows, so that a test sees which version has decided. */
  reason?: string;
  occasions?: number;
  /** The address at which the rule wants its facts. */
  address?: number;
  /** WAT at the beginning of every decision. */
  first?: string;
  /** The answer as words. */
  words?: number[];
}

/** Makes the module of a rule that allows, except at the PLAYERS. */
export function ruleModule({
  reason = '',
  occasions = OCCASION_JOIN | OCCASION_PLAY,
  address = FACTS,
  first = '',
  words = answer({ reason }),
}: RuleParts = {}): Uint8Array {
  const at = (players: number, what: string) =>
    `(if (i32.eq (i32.load (i32.const ${FACTS + FACTS_PLAYERS})) (i32.const ${players})) (then ${what}))`;
  const made = ready({ occasions, address });
  return good({
    init: `${store(READY, made)} ${submit(READY, 4 * made.length)} ${writeBlock()}`,
    tick: `${first} ${at(PLAYERS.trap, '(unreachable)')} ${at(PLAYERS.endless, '(loop $again (br $again))')}
      ${store(ANSWER, words)} ${at(PLAYERS.broken, `(i32.store (i32.const ${ANSWER + 4}) (i32.const 3))`)}
      ${submit(ANSWER, 4 * words.length)}`,
  });
}
