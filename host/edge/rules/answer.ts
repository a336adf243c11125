import {
  ANSWER_REASON,
  ANSWER_REASON_BYTES,
  ANSWER_SCORE,
  ANSWER_VERDICT,
  ANSWER_WORDS,
  OCCASION_JOIN,
  OCCASION_PLAY,
  READY_FACTS,
  READY_OCCASIONS,
  READY_VERSION,
  READY_WORDS,
  REASON_BYTES_MAX,
  RULE_ANSWER,
  RULE_READY,
  RULE_VERSION,
} from '../../../renderer/contract/rule.ts';
import { NearlightError } from '../../base/errors.ts';

/** Verdicts by their numbers in the contract. */
const VERDICTS = ['allow', 'flag', 'refuse'] as const;
const REASON = /^[a-z0-9-]+$/;

/** The answer of one rule about one player. */
export interface Answer {
  verdict: (typeof VERDICTS)[number];
  /** Why, in characters that fit into codes and labels; empty if there is nothing to say. */
  reason: string;
  /** How suspicious the player is, from 0 to 1. */
  score: number;
}

/** The wishes of a rule to its host. */
export interface Ready {
  /** A sum of OCCASION_ numbers. */
  occasions: number;
  /** Where the rule wants its facts in its memory. */
  address: number;
}

/** Reads what the `init` of a rule has submitted. @throws NearlightError NL_RULE */
export function readReady(words: Uint32Array): Ready {
  if (words[0] !== ((READY_WORDS << 16) | RULE_READY) || words.length !== READY_WORDS)
    throw refused('it is a game and not a rule; build it with @nearlight/sdk/rule');
  const version = words[READY_VERSION] ?? 0;
  const occasions = words[READY_OCCASIONS] ?? 0;
  const address = words[READY_FACTS] ?? 0;
  if (version !== RULE_VERSION)
    throw refused(
      `it was built for version ${version} of the interface of rules, and this host supports version ${RULE_VERSION}; build it again with the SDK of this release`,
    );
  if (occasions === 0) throw refused('it decides nothing; call atJoin or duringPlay at the top level of the rule');
  if ((occasions & ~(OCCASION_JOIN | OCCASION_PLAY)) !== 0)
    throw refused('it wants to decide at an occasion that this host does not know');
  if (address === 0 || address % 8 !== 0) throw refused('the address for its facts is not a multiple of 8');
  return { occasions, address };
}

/** Reads what the `tick` of a rule has submitted. @throws NearlightError NL_RULE */
export function readAnswer(words: Uint32Array): Answer {
  if (words[0] !== ((ANSWER_WORDS << 16) | RULE_ANSWER) || words.length !== ANSWER_WORDS)
    throw refused('it has not submitted exactly one answer');
  const verdict = VERDICTS[words[ANSWER_VERDICT] ?? VERDICTS.length];
  if (verdict === undefined) throw refused(`its verdict ${words[ANSWER_VERDICT]} is unknown`);
  const score = new Float32Array(words.slice(ANSWER_SCORE, ANSWER_SCORE + 1).buffer)[0] ?? Number.NaN;
  if (!(score >= 0 && score <= 1)) throw refused(`its score ${score} is not a number from 0 to 1`);
  const length = words[ANSWER_REASON_BYTES] ?? 0;
  if (length > REASON_BYTES_MAX)
    throw refused(`its reason has ${length} bytes, and ${REASON_BYTES_MAX} are allowed (REASON_BYTES_MAX)`);
  const bytes = new Uint8Array(words.slice(ANSWER_REASON).buffer, 0, length);
  const reason = String.fromCharCode(...bytes);
  if (reason === '' ? verdict !== 'allow' : !REASON.test(reason))
    throw refused('its reason is not made of the characters a-z, 0-9 and "-"');
  return { verdict, reason, score };
}

const refused = (detail: string) => new NearlightError('NL_RULE', detail);
