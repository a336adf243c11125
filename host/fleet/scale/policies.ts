import { NearlightError } from '../../base/errors.ts';
import { MEASURE_NAMES, MEASURES, type MeasureName } from '../../base/measures.ts';
import { readCron } from './cron.ts';
import type { Direction, RateLimit, ScalePolicy } from './policy.ts';
import { FLOOR_MINUTES_MAX, type Floor, isZone } from './schedule.ts';

const CHARACTERS_MAX = 1_000_000;
const POLICIES_MAX = 256;
const FLOORS_MAX = 64;
const LIMITS_MAX = 8;
const SERVERS_MAX = 1_000_000;
const SEATS_MAX = 65_536;
const SECONDS_MAX = 3600;
const PERCENT_MAX = 1000;
/** A name of Kubernetes: a DNS label (RFC 1123). */
const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

const DEFAULTS = {
  namespace: 'nearlight',
  min: 1,
  max: 1000,
  seatsPerServer: 10,
  buffer: { seats: 20, percent: 25 },
  up: { stabiliseSeconds: 0, limits: [{ servers: 20, percent: 100, periodSeconds: 60 }] },
  down: { stabiliseSeconds: 600, limits: [{ servers: 2, percent: 15, periodSeconds: 300 }] },
  tolerancePercent: 10,
  staleSeconds: 15,
  unknownPercentMax: 5,
};

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads policies from JSON: a list of objects (host/fleet/SCALING.md). Everything but the name of the game has a default.
 * @throws NearlightError NL_SETTING that names the policy, the field and its bounds
 */
export function readPolicies(text: string): ScalePolicy[] {
  if (text.length > CHARACTERS_MAX) throw refusal('the file', `has more than ${CHARACTERS_MAX} characters`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw refusal('the file', `is not JSON: ${(cause as Error).message}`);
  }
  const policies = list(value, { name: 'the file', max: POLICIES_MAX }).map((entry, index) =>
    readPolicy(entry, `policy ${index + 1}`),
  );
  const names = policies.map(({ namespace, game }) => `${namespace}/${game}`);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw refusal('the file', `has two policies for ${twice}`);
  return policies;
}

function readPolicy(value: unknown, place: string): ScalePolicy {
  const known = [...Object.keys(DEFAULTS), 'game', 'targets', 'schedule'];
  const given = fields(value, { name: place, known });
  const all: Fields = { ...DEFAULTS, targets: {}, schedule: [], ...given };
  const game = name(all.game, `${place}, game`);
  const at = (field: string) => `${place} (${game}), ${field}`;
  const number = (field: keyof typeof DEFAULTS, max: number, min = 0) =>
    whole(all[field], { name: at(field), min, max });
  const policy: ScalePolicy = {
    namespace: name(all.namespace, at('namespace')),
    game,
    min: number('min', SERVERS_MAX),
    max: number('max', SERVERS_MAX, 1),
    seatsPerServer: number('seatsPerServer', SEATS_MAX, 1),
    buffer: readBuffer(all.buffer, at('buffer')),
    targets: readTargets(all.targets, at('targets')),
    schedule: list(all.schedule, { name: at('schedule'), max: FLOORS_MAX }).map((floor, index) =>
      readFloor(floor, at(`schedule, line ${index + 1}`)),
    ),
    tolerancePercent: number('tolerancePercent', 100),
    up: readDirection(all.up, { place: at('up'), defaults: DEFAULTS.up }),
    down: readDirection(all.down, { place: at('down'), defaults: DEFAULTS.down }),
    staleMs: 1000 * number('staleSeconds', SECONDS_MAX, 1),
    unknownPercentMax: number('unknownPercentMax', 100),
  };
  if (policy.min > policy.max) throw refusal(at('min'), `is ${policy.min}, and max is ${policy.max}`);
  for (const direction of ['up', 'down'] as const) checkLimits(policy, direction, at(direction));
  return policy;
}

/** A limit that allows only such changes as the controller leaves alone would stop a large fleet. */
function checkLimits(policy: ScalePolicy, direction: 'up' | 'down', place: string): void {
  const { max, tolerancePercent } = policy;
  for (const { servers = 0, percent = 0 } of policy[direction].limits)
    if (percent <= tolerancePercent && servers * 100 <= tolerancePercent * max && tolerancePercent > 0)
      throw refusal(
        place,
        `has a limit of ${servers} servers and ${percent} %, and the HPA controller makes no change of up to ${tolerancePercent} %; allow more in a longer time`,
      );
}

function readBuffer(value: unknown, place: string): ScalePolicy['buffer'] {
  const { seats, percent } = { seats: 0, percent: 0, ...fields(value, { name: place, known: ['seats', 'percent'] }) };
  const buffer = {
    seats: whole(seats, { name: `${place}.seats`, min: 0, max: SEATS_MAX }),
    percent: whole(percent, { name: `${place}.percent`, min: 0, max: PERCENT_MAX }),
  };
  if (buffer.seats === 0) throw refusal(`${place}.seats`, 'is 0; without a free seat the first player has to wait');
  return buffer;
}

function readTargets(value: unknown, place: string): ScalePolicy['targets'] {
  const given = fields(value, { name: place, known: MEASURE_NAMES });
  return Object.fromEntries(
    Object.entries(given).map(([measure, target]) => {
      const { max } = MEASURES[measure as MeasureName];
      if (typeof target !== 'number' || !(target > 0 && target <= max))
        throw refusal(`${place}.${measure}`, `is not a number above 0, and at most ${max}`);
      return [measure, target];
    }),
  );
}

function readFloor(value: unknown, place: string): Floor {
  const given = fields(value, { name: place, known: ['from', 'zone', 'minutes', 'servers'] });
  const { from, zone = 'UTC' } = given;
  const cron = typeof from === 'string' ? readCron(from) : undefined;
  if (!cron)
    throw refusal(`${place}.from`, 'is not a line of cron such as "0 18 * * 1-5": minute hour day month weekday');
  if (typeof zone !== 'string' || !isZone(zone))
    throw refusal(`${place}.zone`, 'is not a time zone such as Europe/Berlin');
  return {
    cron,
    zone,
    minutes: whole(given.minutes, { name: `${place}.minutes`, min: 1, max: FLOOR_MINUTES_MAX }),
    servers: whole(given.servers, { name: `${place}.servers`, min: 1, max: SERVERS_MAX }),
  };
}

function readDirection(value: unknown, { place, defaults }: { place: string; defaults: object }): Direction {
  const all: Fields = { ...defaults, ...fields(value, { name: place, known: ['stabiliseSeconds', 'limits'] }) };
  return {
    stabiliseMs: 1000 * whole(all.stabiliseSeconds, { name: `${place}.stabiliseSeconds`, min: 0, max: SECONDS_MAX }),
    limits: list(all.limits, { name: `${place}.limits`, max: LIMITS_MAX }).map((limit, index) =>
      readLimit(limit, `${place}.limits, line ${index + 1}`),
    ),
  };
}

function readLimit(value: unknown, place: string): RateLimit {
  const given = fields(value, { name: place, known: ['servers', 'percent', 'periodSeconds'] });
  const { servers = 0, percent = 0, periodSeconds } = given;
  return {
    servers: whole(servers, { name: `${place}.servers`, min: 0, max: SERVERS_MAX }),
    percent: whole(percent, { name: `${place}.percent`, min: 0, max: PERCENT_MAX }),
    periodMs: 1000 * whole(periodSeconds, { name: `${place}.periodSeconds`, min: 1, max: SECONDS_MAX }),
  };
}

function fields(value: unknown, { name: place, known }: { name: string; known: readonly string[] }): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refusal(place, 'is not an object');
  const unknown = Object.keys(value).find((field) => !known.includes(field));
  if (unknown !== undefined)
    throw refusal(place, `has no field ${unknown.slice(0, 60)}; it may have ${known.join(', ')}`);
  return value as Fields;
}

function list(value: unknown, { name: place, max }: { name: string; max: number }): unknown[] {
  if (!Array.isArray(value) || value.length > max) throw refusal(place, `is not a list of at most ${max} entries`);
  return value;
}

function whole(value: unknown, { name: place, min, max }: { name: string; min: number; max: number }): number {
  if (!Number.isInteger(value) || (value as number) < min || (value as number) > max)
    throw refusal(place, `is not a whole number from ${min} to ${max}`);
  return value as number;
}

function name(value: unknown, place: string): string {
  if (typeof value !== 'string' || !NAME.test(value)) throw refusal(place, 'is not a name as Kubernetes takes them');
  return value;
}

function refusal(place: string, why: string): NearlightError {
  return new NearlightError('NL_SETTING', `SCALE_POLICIES: ${place} ${why}`);
}
