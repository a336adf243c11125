/**
 * The interface between a risk rule and its host. A rule is a module of the contract with one seat that draws nothing
 * (ABI.md); this file says what its calls mean. The constants here are integers only, because the compilers of
 * AssemblyScript and of TypeScript both compile them.
 *
 *   init       submits one command, RULE_READY, with the address at which the rule wants its facts
 *   tick       decides: the host has written a record of facts there, and the rule submits one command, RULE_ANSWER
 *
 * `n` of tick is always 0, and so is the seed: a rule sees no time and no randomness but what its facts hold. The host may
 * replace the instance between two decisions, so a rule keeps nothing. Fields are little-endian and u32 unless said otherwise.
 */

export const RULE_VERSION = 1;

/** Opcodes of a rule's two commands. No command of a game has them. */
export const RULE_READY = 0x7f01;
export const RULE_ANSWER = 0x7f02;

// Words of RULE_READY, counted from the command's head.
export const READY_VERSION = 1;
/** Word of RULE_READY: the occasions at which the rule decides, a sum of OCCASION_ numbers. */
export const READY_OCCASIONS = 2;
/** Word of RULE_READY: address of FACTS_BYTES bytes for the facts, a multiple of 8. */
export const READY_FACTS = 3;
export const READY_WORDS = 4;

/** The occasion of a decision: someone wants to join. */
export const OCCASION_JOIN = 1;
/** The occasion of a decision: someone has played for a while. */
export const OCCASION_PLAY = 2;

// Words of RULE_ANSWER, counted from the command's head.
export const ANSWER_VERDICT = 1;
/** Word of RULE_ANSWER: an f32 from 0, harmless, to 1. */
export const ANSWER_SCORE = 2;
/** Word of RULE_ANSWER: length in bytes of the reason, at most REASON_BYTES_MAX. */
export const ANSWER_REASON_BYTES = 3;
/** Words of RULE_ANSWER from here on: the reason, of the characters a-z, 0-9 and "-". Needed unless the verdict is VERDICT_ALLOW. */
export const ANSWER_REASON = 4;
export const REASON_BYTES_MAX = 32;
export const ANSWER_WORDS = 12;

export const VERDICT_ALLOW = 0;
/** The player may go on, and the operator learns of the reason. */
export const VERDICT_FLAG = 1;
/** The player may not join, or the player's session ends. */
export const VERDICT_REFUSE = 2;

// Byte offsets of the fields of the facts.
export const FACTS_VERSION = 0;
/** Field of the facts: OCCASION_JOIN or OCCASION_PLAY. Fields of the other occasion are 0. */
export const FACTS_OCCASION = 4;
/** Field of the facts: the time of the decision in seconds since 1970, an f64. */
export const FACTS_TIME = 8;
/** Field of the facts: a number of 64 bits that stands for the account; 0 if the player has none. It differs from node to node. */
export const FACTS_ACCOUNT = 16;
/** Field of the facts: a number of 64 bits that stands for the network address. It differs from node to node. */
export const FACTS_ADDRESS = 24;
/** Field of the facts: country (ISO 3166-1), or country and subdivision (ISO 3166-2), as in "DE" and "US-CA", padded with zeros. */
export const FACTS_REGION = 32;
export const REGION_BYTES_MAX = 8;
/** Field of the facts: a ROLE_ number. */
export const FACTS_ROLE = 40;
/** Fields of the facts: number of seats of the game, and how many are taken. */
export const FACTS_SEATS = 44;
export const FACTS_PLAYERS = 48;
// Recent joins, this one not included.
/** Field of the facts: joins of the account within JOIN_WINDOW_SECONDS. */
export const FACTS_ACCOUNT_JOINS = 52;
/** Field of the facts: joins from the address within JOIN_WINDOW_SECONDS. */
export const FACTS_ADDRESS_JOINS = 56;
/** Field of the facts: joins from the address within JOIN_WINDOW_SECONDS that were refused. */
export const FACTS_ADDRESS_REFUSALS = 60;
/** Field of the facts: joins at this node within JOIN_WINDOW_SECONDS. */
export const FACTS_NODE_JOINS = 64;
/** Field of the facts: how often rules have flagged the player in this session. */
export const FACTS_FLAGS = 68;
// The player's input since the decision before this one.
/** Field of the facts: length of that time in seconds, an f32. */
export const FACTS_SECONDS = 72;
/** Field of the facts: presses of keys and buttons. */
export const FACTS_ACTIONS = 76;
/** Field of the facts: most presses within one second. */
export const FACTS_ACTIONS_PEAK = 80;
/** Field of the facts: mean time between two presses in milliseconds, an f32; 0 without two presses. */
export const FACTS_PAUSE_MEAN = 84;
/** Field of the facts: standard deviation of that time, an f32. People are irregular, and scripts often are not. */
export const FACTS_PAUSE_DEVIATION = 88;
/** Field of the facts: fast turns of the pointer, TURN_PIXELS or more within TURN_MS. */
export const FACTS_TURNS = 92;
/** Field of the facts: fast turns that began from rest and ended at rest within TURN_MS, as no hand does it. */
export const FACTS_IMPOSSIBLE_TURNS = 96;
/**
 * Field of the facts: a histogram of REACTION_BUCKETS numbers, the times from a fast turn to the next press of a button. Each bucket
 * is REACTION_BUCKET_MS wide, and the last one has everything up to REACTION_MS_MAX. The host does not know what a game shows, so it
 * knows no other reaction.
 */
export const FACTS_REACTIONS = 100;
export const REACTION_BUCKETS = 16;
export const REACTION_BUCKET_MS = 25;
export const REACTION_MS_MAX = 1000;
export const FACTS_BYTES = 168;

export const JOIN_WINDOW_SECONDS = 60;
export const TURN_PIXELS = 200;
export const TURN_MS = 50;

export const ROLE_PLAYER = 1;
export const ROLE_SPECTATOR = 2;
/** A player who returns to a seat after a lost connection. */
export const ROLE_RETURNING = 3;
