import { BusCounts } from '../base/bus.ts';
import { DEPENDENCIES, type DependencyName, ENDPOINTS, type EndpointName } from '../base/dependencies.ts';
import { type ErrorCode, errors } from '../base/errors.ts';
import { FaultCounts } from '../base/faults.ts';
import { JOIN_STEPS, type JoinStep } from '../base/join-steps.ts';
import { JointOutage, Outage } from '../base/outage.ts';
import { ProtectionCounts } from '../base/protection.ts';
import { CLOSE_REASONS, type CloseReason } from '../base/protocol.ts';
import { PAGE_STAGES, type PageStage } from '../base/stages.ts';
import type { Tier } from '../base/tiers.ts';
import { DependencyMeter, type EndpointMeter } from './dependency-meter.ts';
import { Histogram } from './histogram.ts';

/** Codes with which a game ends that has started. */
const END_CODES = [
  'NL_GUEST_EXIT',
  'NL_GUEST_TRAP',
  'NL_GUEST_TIMEOUT',
  'NL_GUEST_MEMORY',
  'NL_GUEST_CRASH',
  'NL_GUEST_KILLED',
  'NL_GUEST_PROTOCOL',
  'NL_COMMAND',
  'NL_SHADER',
  'NL_GPU_VALIDATION',
  'NL_GPU_TIME',
  'NL_GPU_LOST',
  'NL_ENCODER',
  'NL_HOST_MEMORY',
  'NL_HOST_FILES',
  'NL_INTERNAL',
] as const satisfies readonly ErrorCode[];

/** Codes with which the host ends a connection because of what the page sent, or drops what a player sent. */
const INPUT_CODES = ['NL_INPUT', 'NL_INPUT_RATE'] as const satisfies readonly ErrorCode[];

/** Codes with which a request is refused. */
const REFUSAL_CODES = (Object.keys(errors) as ErrorCode[]).filter((code) => 'http' in errors[code]);

/**
 * Returns counters that begin at 0. Prometheus sees the rate of a counter only from its second value on, so the first event of a
 * counter that does not exist before would be lost.
 */
function fromZero(codes: readonly ErrorCode[]): Map<ErrorCode, number> {
  return new Map(codes.map((code) => [code, 0]));
}

/** The steps of joins that depend on something, with the outcome that says that it fails. */
const DEPENDENT_STEPS = [
  ['token', 'issuer-down'],
  ['policy', 'policy-down'],
  ['risk', 'risk-failed'],
] as const satisfies readonly (readonly [JoinStep, string])[];

/** Counts of traces and of their spans. */
export interface TraceCounts {
  /** Traces that were kept, that were left out by the sampler, and work that was not traced because too much was going on. */
  kept: number;
  leftOut: number;
  untraced: number;
  /** Spans that the receiver has taken, and that were dropped. */
  sent: number;
  dropped: number;
}

/** A host's counters over its whole life, across all games and players. The pipeline's stages add to them. */
export class Meters {
  // Callers add durations to the histograms in milliseconds.
  readonly tick = new Histogram();
  /** Delay from the time when a simulation tick was due to its start. */
  readonly tickLate = new Histogram();
  readonly render = new Histogram();
  readonly replay = new Histogram();
  readonly readback = new Histogram();
  readonly encode = new Histogram();
  readonly send = new Histogram();
  readonly inputToSend = new Histogram();
  /** Times of the newest input in a picture: until a tick or the picture reads it, in that tick, and until the picture is due. */
  readonly inputWait = new Histogram();
  readonly inputTick = new Histogram();
  readonly inputTurn = new Histogram();
  /** Time from handing a picture over to sending its last packet, because large pictures are spread in time. */
  readonly pace = new Histogram();
  /** Times of pictures as players' pages report them. A page can report anything, within bounds. */
  readonly page = Object.fromEntries(PAGE_STAGES.map((stage) => [stage, new Histogram()])) as Record<
    PageStage,
    Histogram
  >;
  /** Time from sending a packet of video to the report of its arrival: the round trip, and up to a picture more. */
  readonly roundTrip = new Histogram();
  /** Number of packets of video that were sent, repeated ones included, and of those that were sent again. */
  readonly packets = { sent: 0, resent: 0 };
  /** Time that one write of the store to the disk takes, with all calls that share it. */
  readonly storeCommit = new Histogram();
  ticksSkipped = 0;
  framesDropped = 0;
  encodedBytes = 0;
  /** CPU time that another process has spent on compiling this host's games, in milliseconds. */
  compileCpuMs = 0;
  /** Total GPU time of the players' pictures in milliseconds. Undefined if the GPU has no timestamps. */
  gpuMs: number | undefined;
  /** Number of pages that are connected now. */
  sessions = 0;
  /** Number of pages that have connected since the host started. */
  sessionsJoined = 0;
  /** Number of connections that ended, by reason. Includes connections that were never established. */
  readonly sessionsEnded = Object.fromEntries(CLOSE_REASONS.map((reason) => [reason, 0])) as Record<
    CloseReason,
    number
  >;
  /** How often the GPU was lost. */
  gpuLosses = 0;
  /** Number of connections that the host ended because of what the page sent, by error code. */
  readonly pagesDismissed = fromZero(INPUT_CODES);
  /** Number of messages about pointer, sticks and held keys in whose place the game got a newer one. */
  inputsCoalesced = 0;
  /** Number of presses and messages of players that were dropped, by error code. */
  readonly inputsDropped = fromZero(INPUT_CODES);
  /** The times in which the input of at least one page was more than the governor let pass. */
  readonly inputOutage = new JointOutage();
  /** Number of places of players and spectators by tier, and of the changes between two tiers, as in "hot warm". */
  readonly tiers: Record<Tier, number> = { hot: 0, warm: 0, cold: 0 };
  readonly tierChanges = new Map<`${Tier} ${Tier}`, number>();
  /** Time of a change to a tier: to `hot` until the first picture is sent, and to `cold` since the page's last packet. */
  readonly tierChange: Record<Tier, Histogram> = { hot: new Histogram(), warm: new Histogram(), cold: new Histogram() };
  /** Number of team fights that began and ended in all games. */
  readonly situations = { fight: 0, calm: 0 };
  readonly traces: TraceCounts = { kept: 0, leftOut: 0, untraced: 0, sent: 0, dropped: 0 };
  /** Messages between rooms. */
  readonly bus = new BusCounts();
  /** Services outside the host that it asks. */
  readonly dependencies = Object.fromEntries(DEPENDENCIES.map((name) => [name, new DependencyMeter()])) as Record<
    DependencyName,
    DependencyMeter
  >;
  /** Everything that a rule of ENDPOINT_RULES can limit. */
  readonly endpoints = Object.fromEntries(ENDPOINTS.map((name) => [name, { queued: 0, rejected: 0 }])) as Record<
    EndpointName,
    EndpointMeter
  >;
  /** Faults that an operator injects, and pressure that was recognised. */
  readonly faults = new FaultCounts();
  readonly protection = new ProtectionCounts();
  /** Number of games that ended by themselves or through an error, by error code. */
  readonly gamesEnded = fromZero(END_CODES);

  /** Decisions of risk rules, by rule and verdict. `failed` counts those that a rule could not make, in place of a verdict. */
  readonly ruleDecisions = new Map<string, { rule: string; verdict: string; count: number }>();
  /** Time that a decision of a risk rule took, with waiting. */
  readonly ruleDecision = new Histogram();

  /** Number of HTTP requests that were refused, by error code. */
  readonly requestsRefused = fromZero(REFUSAL_CODES);

  /** Counts a decision of a risk rule. @param ms time that it took */
  countRuleDecision(rule: string, verdict: string, ms: number): void {
    const key = `${rule} ${verdict}`;
    const entry = this.ruleDecisions.get(key) ?? { rule, verdict, count: 0 };
    entry.count++;
    this.ruleDecisions.set(key, entry);
    this.ruleDecision.add(ms);
  }

  /** Moves of players: from this host, which were done, undone or never begun, and to this host. */
  readonly moves = { committed: 0, compensated: 0, refused: 0, arrived: 0 };
  /** Moves that are not finished. */
  readonly movesOpen = { departures: 0, arrivals: 0 };
  /** Time of a move until it was done or undone, and of undoing it. Callers add milliseconds. */
  readonly move = new Histogram();
  readonly moveUndo = new Histogram();

  /** Time that each step of a join took. Callers add milliseconds. */
  readonly joinSteps = Object.fromEntries(JOIN_STEPS.map((step) => [step, new Histogram()])) as Record<
    JoinStep,
    Histogram
  >;
  /** Number of outcomes of each step: `ok`, or why it refused. */
  readonly joinDecisions = Object.fromEntries(JOIN_STEPS.map((step) => [step, new Map([['ok', 0]])])) as Record<
    JoinStep,
    Map<string, number>
  >;

  /** The times in which what a step depends on has failed. */
  readonly joinOutages = Object.fromEntries(DEPENDENT_STEPS.map(([step]) => [step, new Outage()])) as Record<
    (typeof DEPENDENT_STEPS)[number][0],
    Outage
  >;

  /** Counts an outcome of a step of a join. With a `count` of 0 it makes the outcome known, so that its rate is right from the start. */
  countJoinStep(step: JoinStep, outcome: string, count = 1): void {
    const outcomes = this.joinDecisions[step];
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + count);
    const dependent = DEPENDENT_STEPS.find(([name]) => name === step);
    if (count === 0 || !dependent) return;
    const [name, failure] = dependent;
    if (outcome === failure) this.joinOutages[name].fail();
    else if (outcome === 'ok') this.joinOutages[name].succeed();
  }

  countRefusedRequest(code: ErrorCode): void {
    count(this.requestsRefused, code);
  }

  countEndedGame(code: ErrorCode): void {
    count(this.gamesEnded, code);
  }

  countDismissedPage(code: ErrorCode): void {
    count(this.pagesDismissed, code);
  }

  countDroppedInput(code: ErrorCode): void {
    count(this.inputsDropped, code);
  }

  countTierChange(from: Tier, to: Tier): void {
    count(this.tierChanges, `${from} ${to}`);
  }

  countSituation(situation: 'fight' | 'calm'): void {
    this.situations[situation]++;
  }
}

function count<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
