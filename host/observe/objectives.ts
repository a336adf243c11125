import type { ErrorCode } from '../base/errors.ts';
import { type Expression, max, plus, rate } from './expression.ts';
import type { Part } from './panel.ts';

/** A promise to the players, of which operators watch how much of the permitted failures is used up. */
export interface Objective {
  readonly id: string;
  readonly title: string;
  readonly about: string;
  /** The part of all events, or of the time, that must be good. */
  readonly goal: number;
  readonly failures: Failures;
  /** Says where to look for what fails. */
  readonly advice: string;
  readonly part?: Part;
}

/** How failures are measured: as some of all events, or as the time in which a gauge is above a bound. */
export type Failures =
  | {
      readonly kind: 'events';
      readonly bad: Expression;
      readonly all: Expression;
      /** Alerts stay silent while the longer window of an alert has fewer events, because one failure would be too large a part. */
      readonly least: number;
    }
  | { readonly kind: 'time'; readonly gauge: Expression; readonly above: number };

/** Refusals of requests that are the host's fault: it has no memory, no files, no GPU or no game, or it failed. */
export const HOST_FAULTS = [
  'NL_HOST_MEMORY',
  'NL_HOST_FILES',
  'NL_ROOM_ENDED',
  'NL_CONNECTION',
] as const satisfies readonly ErrorCode[];

/** Refusals of joins because something that decides about them does not answer (host/edge/admission/reasons.ts). */
export const UNDECIDED = ['issuer-down', 'edge-down', 'policy-down', 'risk-failed'] as const;

const DECISIONS = 'nearlight_admission_decisions_total';
const BY_FLEET = 'The board "Fleet" shows by reason and by code what fails.';

const faults = rate('nearlight_requests_refused_total', { match: { code: HOST_FAULTS } });
const connectionsLost = rate('nearlight_sessions_ended_total', { match: { reason: 'failed' } });
const stepsMissed = rate('nearlight_ticks_skipped_total');

/** How long a node may be offline. Its events should have reached the centre by then. */
const OFFLINE_SECONDS_MAX = 24 * 60 * 60;

export const OBJECTIVES: readonly Objective[] = [
  {
    id: 'availability',
    title: 'Availability',
    about: 'Connections and requests that no fault of a host has ended.',
    goal: 0.999,
    failures: {
      kind: 'events',
      bad: plus(connectionsLost, faults),
      all: plus(rate('nearlight_sessions_ended_total'), faults),
      least: 20,
    },
    advice: BY_FLEET,
  },
  {
    id: 'battles',
    title: 'Availability of battles',
    about: 'Simulation steps of running games that were made in time and not skipped.',
    goal: 0.9999,
    failures: { kind: 'events', bad: stepsMissed, all: plus(rate('nearlight_ticks_total'), stepsMissed), least: 1000 },
    advice: BY_FLEET,
  },
  {
    id: 'admission',
    title: 'Admission',
    about: 'Requests to join that were decided, and not refused because a service that decides does not answer.',
    goal: 0.999,
    part: 'admission',
    failures: {
      kind: 'events',
      bad: rate(DECISIONS, { match: { code: UNDECIDED } }),
      // Each request passes this step first.
      all: rate(DECISIONS, { match: { step: 'address' } }),
      least: 20,
    },
    advice: 'The board "Admission" shows which step refuses, and the board "Dependencies" which service fails.',
  },
  {
    id: 'offline',
    title: 'Offline success',
    about: 'Time in which no node has an event that waits for the centre for longer than a day.',
    goal: 0.99,
    part: 'store',
    failures: { kind: 'time', gauge: max('nearlight_outbox_oldest_seconds'), above: OFFLINE_SECONDS_MAX },
    advice: 'The board "Edge autonomy" shows what waits on which node.',
  },
];

/**
 * Rates at which failures use up what a goal permits, as multiples of the rate that uses up exactly all of it in 30 days. An alert
 * fires if both of its windows are above its rate (Site Reliability Workbook, chapter 5). The short window ends it soon after
 * the failures have ended.
 */
export const BURN_RATES = [
  { times: 14.4, long: '1h', short: '5m', severity: 'page' },
  { times: 6, long: '6h', short: '30m', severity: 'page' },
  { times: 3, long: '1d', short: '2h', severity: 'ticket' },
  { times: 1, long: '3d', short: '6h', severity: 'ticket' },
] as const;
