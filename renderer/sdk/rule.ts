import { ABI_VERSION, INPUT_STRIDE, IO_INPUTS, IO_MAGIC, IO_SEATS, IO_SIZE } from '../contract/abi';
import * as rule from '../contract/rule';
// The compiler finds `abort` by its path; the import makes the file a part of every rule.
import './abort';
import { submit } from './nearlight';

const block: usize = heap.alloc(IO_INPUTS + INPUT_STRIDE);
const facts: usize = heap.alloc(rule.FACTS_BYTES);
const command: usize = heap.alloc(rule.ANSWER_WORDS * 4);

/** The facts that the host knows about a player. A number that it does not know is 0. */
export class Facts {
  /** The time of the decision in seconds since 1970. */
  get time(): f64 {
    return load<f64>(facts, rule.FACTS_TIME);
  }

  /** A number that stands for the account; 0 if the player has none. It tells nothing else, and differs from node to node. */
  get account(): u64 {
    return load<u64>(facts, rule.FACTS_ACCOUNT);
  }

  /** A number that stands for the network address. It tells nothing else, and differs from node to node. */
  get address(): u64 {
    return load<u64>(facts, rule.FACTS_ADDRESS);
  }

  /** Whether the region is known. */
  get hasRegion(): bool {
    return load<u8>(facts, rule.FACTS_REGION) !== 0;
  }

  /** Whether the player is in a country, as in `inRegion('DE')`, or in a part of one, as in `inRegion('US-CA')`. */
  inRegion(code: string): bool {
    if (code.length > rule.REGION_BYTES_MAX) return false;
    for (let i = 0; i < code.length; i++)
      if (load<u8>(facts + <usize>i, rule.FACTS_REGION) !== <u8>code.charCodeAt(i)) return false;
    if (code.length === rule.REGION_BYTES_MAX) return true;
    const next = load<u8>(facts + <usize>code.length, rule.FACTS_REGION);
    return next === 0 || next === 0x2d;
  }

  /** Whether this is someone who wants to watch. */
  get isSpectator(): bool {
    return load<u32>(facts, rule.FACTS_ROLE) === rule.ROLE_SPECTATOR;
  }

  /** Whether this is a player who returns to a seat after a lost connection. */
  get isReturning(): bool {
    return load<u32>(facts, rule.FACTS_ROLE) === rule.ROLE_RETURNING;
  }

  /** Number of seats of the game. */
  get seats(): u32 {
    return load<u32>(facts, rule.FACTS_SEATS);
  }

  /** Number of seats that are taken. */
  get players(): u32 {
    return load<u32>(facts, rule.FACTS_PLAYERS);
  }

  /** Joins of this account in the last minute, before this one. */
  get accountJoins(): u32 {
    return load<u32>(facts, rule.FACTS_ACCOUNT_JOINS);
  }

  /** Joins from this address in the last minute, before this one. */
  get addressJoins(): u32 {
    return load<u32>(facts, rule.FACTS_ADDRESS_JOINS);
  }

  /** Those of `addressJoins` that were refused. */
  get addressRefusals(): u32 {
    return load<u32>(facts, rule.FACTS_ADDRESS_REFUSALS);
  }

  /** Joins at this node in the last minute, before this one. */
  get nodeJoins(): u32 {
    return load<u32>(facts, rule.FACTS_NODE_JOINS);
  }

  /** How often rules have flagged the player in this session. */
  get flags(): u32 {
    return load<u32>(facts, rule.FACTS_FLAGS);
  }

  /** During play: length of the time that the numbers below are about, in seconds. */
  get seconds(): f32 {
    return load<f32>(facts, rule.FACTS_SECONDS);
  }

  /** During play: presses of keys and buttons. */
  get actions(): u32 {
    return load<u32>(facts, rule.FACTS_ACTIONS);
  }

  /** During play: presses of keys and buttons per second. */
  get actionsPerSecond(): f32 {
    return this.seconds > 0 ? <f32>this.actions / this.seconds : 0;
  }

  /** During play: most presses within one second. */
  get actionsPeak(): u32 {
    return load<u32>(facts, rule.FACTS_ACTIONS_PEAK);
  }

  /** During play: mean time between two presses in milliseconds; 0 without two presses. */
  get pauseMean(): f32 {
    return load<f32>(facts, rule.FACTS_PAUSE_MEAN);
  }

  /** During play: standard deviation of the time between two presses in milliseconds. */
  get pauseDeviation(): f32 {
    return load<f32>(facts, rule.FACTS_PAUSE_DEVIATION);
  }

  /** During play: fast turns of the pointer, 200 CSS pixels or more within 50 ms. */
  get turns(): u32 {
    return load<u32>(facts, rule.FACTS_TURNS);
  }

  /** During play: the share of fast turns that began and ended at rest within 50 ms, 0 to 1. */
  get impossibleShare(): f32 {
    return this.turns > 0 ? <f32>load<u32>(facts, rule.FACTS_IMPOSSIBLE_TURNS) / <f32>this.turns : 0;
  }

  /** During play: number of presses of a button that followed a fast turn. */
  get reactions(): u32 {
    return this.reactionsBelow(u32.MAX_VALUE);
  }

  /** During play: how many of `reactions` came less than `milliseconds` after the turn, a multiple of 25, at most 375. */
  reactionsBelow(milliseconds: u32): u32 {
    const end = min<u32>(milliseconds / rule.REACTION_BUCKET_MS, rule.REACTION_BUCKETS);
    let sum: u32 = 0;
    for (let n: u32 = 0; n < end; n++) sum += load<u32>(facts + ((<usize>n) << 2), rule.FACTS_REACTIONS);
    return sum;
  }
}

/** The answer of a rule. Without a call of one of its methods, the rule allows. */
export class Answer {
  /** Lets the player join or go on. `score` says how suspicious the player is, from 0 to 1. */
  allow(score: f32 = 0): void {
    this.set(rule.VERDICT_ALLOW, '', score);
  }

  /** Lets the player join or go on, and tells the operator why that is suspicious. `reason` is as in `refuse`. */
  flag(reason: string, score: f32): void {
    this.set(rule.VERDICT_FLAG, reason, score);
  }

  /** Refuses a join, or ends the player's session. `reason` has at most 32 of the characters a-z, 0-9 and "-". */
  refuse(reason: string, score: f32 = 1): void {
    this.set(rule.VERDICT_REFUSE, reason, score);
  }

  private set(verdict: u32, reason: string, score: f32): void {
    if (reason.length > rule.REASON_BYTES_MAX) throw new Error('a reason has at most 32 characters');
    memory.fill(command, 0, rule.ANSWER_WORDS * 4);
    word(0, (rule.ANSWER_WORDS << 16) | rule.RULE_ANSWER);
    word(rule.ANSWER_VERDICT, verdict);
    store<f32>(command + rule.ANSWER_SCORE * 4, score);
    word(rule.ANSWER_REASON_BYTES, reason.length);
    for (let i = 0; i < reason.length; i++) store<u8>(command + rule.ANSWER_REASON * 4 + i, <u8>reason.charCodeAt(i));
  }
}

/** A function that looks at the facts and may call one method of `answer`. It keeps nothing from one decision to the next. */
export type Decide = (facts: Facts, answer: Answer) => void;

let joining: Decide | null = null;
let playing: Decide | null = null;
const known = new Facts();
const answer = new Answer();

/** Sets the function that decides when someone wants to join. Call it at the top level. */
export function atJoin(decide: Decide): void {
  joining = decide;
}

/** Sets the function that decides every few seconds about each player who plays. Call it at the top level. */
export function duringPlay(decide: Decide): void {
  playing = decide;
}

/** Returns the version of the contract that this module was built for. */
export function version(): i32 {
  return ABI_VERSION;
}

/** Tells the host where the facts go. Returns 0 if the module is used as a game with several seats. */
export function init(_seedLow: u32, _seedHigh: u32, _tickRate: u32, seats: u32): usize {
  if (seats !== 1) return 0;
  const bytes = IO_INPUTS + INPUT_STRIDE;
  memory.fill(block, 0, bytes);
  store<u32>(block, IO_MAGIC);
  store<u32>(block, bytes, IO_SIZE);
  store<u32>(block, seats, IO_SEATS);
  word(0, (rule.READY_WORDS << 16) | rule.RULE_READY);
  word(rule.READY_VERSION, rule.RULE_VERSION);
  word(rule.READY_OCCASIONS, (joining !== null ? rule.OCCASION_JOIN : 0) | (playing !== null ? rule.OCCASION_PLAY : 0));
  word(rule.READY_FACTS, <u32>facts);
  submit(command, rule.READY_WORDS * 4);
  return block;
}

/** Decides about the facts that the host has written. */
export function tick(_n: u32): void {
  answer.allow();
  const decide = load<u32>(facts, rule.FACTS_OCCASION) === rule.OCCASION_JOIN ? joining : playing;
  if (decide !== null) decide(known, answer);
  submit(command, rule.ANSWER_WORDS * 4);
}

// The contract needs these exports, and a rule has no use for them.
export function join(_seat: i32): void {}
export function leave(_seat: i32): void {}
export function render(_seat: i32, _width: u32, _height: u32): void {}

function word(index: u32, value: u32): void {
  store<u32>(command + ((<usize>index) << 2), value);
}
