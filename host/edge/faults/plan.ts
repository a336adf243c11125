import { NearlightError } from '../../base/errors.ts';
import { FAULT_PLACES, type FaultKind, type FaultPlace } from '../../base/faults.ts';

/** A fault that an operator asks for. */
export interface Fault {
  readonly place: FaultPlace;
  readonly kind: FaultKind;
  /** Part of the events that it strikes, above 0 and at most 1. */
  readonly share: number;
  /** Time after which it ends by itself. */
  readonly seconds: number;
  /** Delay of `latency`, and milliseconds by which the clock of `skew` is ahead; else 0. */
  readonly ms: number;
}

/** Bounds of what an operator may ask for. */
export const PLAN_BYTES_MAX = 16_384;
export const FAULTS_MAX = 16;
export const FAULT_SECONDS_MAX = 3600;
export const LATENCY_MS_MAX = 60_000;
export const SKEW_MS_MAX = 7 * 24 * 3_600_000;

const FIELDS = ['place', 'kind', 'share', 'seconds', 'ms'];

/**
 * Reads the faults in a JSON document `{ "faults": [{ "place", "kind", "share", "seconds", "ms" }] }`. `share` is 1 if it is left out,
 * and `ms` belongs to `latency` and `skew` alone.
 * @throws NearlightError NL_FAULT saying what is wrong
 */
export function readPlan(text: string): Fault[] {
  const bytes = Buffer.byteLength(text);
  if (bytes > PLAN_BYTES_MAX) refuse(`they have ${bytes} bytes; at most ${PLAN_BYTES_MAX} are read`);
  const { faults, ...others } = objectOf(parse(text), 'the document');
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) refuse(`the document has the field ${named(unknown)}; there is only "faults"`);
  if (!Array.isArray(faults) || faults.length > FAULTS_MAX)
    refuse(`"faults" must be a list of at most ${FAULTS_MAX} faults`);
  const read = (faults as unknown[]).map(readFault);
  const twice = read.find(({ place, kind }, index) =>
    read.some((other, before) => before < index && other.place === place && other.kind === kind),
  );
  if (twice) refuse(`${twice.place} has two faults of the kind ${twice.kind}; give one of them`);
  return read;
}

function readFault(value: unknown, index: number): Fault {
  const where = `faults[${index}]`;
  const entry = objectOf(value, where);
  const unknown = Object.keys(entry).find((name) => !FIELDS.includes(name));
  if (unknown !== undefined) refuse(`${where} has the field ${named(unknown)}; there are ${FIELDS.join(', ')}`);
  const { place, kind, share = 1, seconds, ms } = entry;
  if (typeof place !== 'string' || !Object.hasOwn(FAULT_PLACES, place))
    return refuse(`${where}.place must be one of ${Object.keys(FAULT_PLACES).join(', ')}`);
  const kinds: readonly FaultKind[] = FAULT_PLACES[place as FaultPlace];
  const known = kinds.find((name) => name === kind);
  if (known === undefined) return refuse(`${where}.kind must be one of ${kinds.join(', ')} for ${place}`);
  if (typeof share !== 'number' || !(share > 0 && share <= 1))
    return refuse(`${where}.share must be above 0 and at most 1`);
  if (known === 'full' && share !== 1) refuse(`${where}.share must be 1: a disk is full for everyone, or for no one`);
  return {
    place: place as FaultPlace,
    kind: known,
    share,
    seconds: integer(`${where}.seconds`, seconds, 1, FAULT_SECONDS_MAX),
    ms: readMs(`${where}.ms`, known, ms),
  };
}

function readMs(where: string, kind: FaultKind, ms: unknown): number {
  if (kind === 'latency') return integer(where, ms, 1, LATENCY_MS_MAX);
  if (kind === 'skew') return integer(where, ms, -SKEW_MS_MAX, SKEW_MS_MAX);
  if (ms !== undefined) refuse(`${where} belongs to latency and skew alone; leave it out`);
  return 0;
}

function integer(where: string, value: unknown, least: number, most: number): number {
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
  return refuse(`${where} must be a whole number from ${least} to ${most}`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return refuse('they are not JSON');
  }
}

function objectOf(value: unknown, where: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  return refuse(`${where} must be an object`);
}

/** A name from outside in a message. */
function named(name: string): string {
  return JSON.stringify(name.slice(0, 40));
}

function refuse(what: string): never {
  throw new NearlightError('NL_FAULT', what);
}
