import { readPolicies } from '../../../host/fleet/scale/policies.ts';
import type { ScalePolicy } from '../../../host/fleet/scale/policy.ts';
import { HOURS, joinsPerSecond } from './diurnal.ts';
import { MIDNIGHT, type Outcome, World, type WorldOptions } from './world.ts';

/** Players of each of ten games, as parts of all: a few games have most of them. */
const SHARES = [0.4, 0.2, 0.12, 0.08, 0.06, 0.05, 0.04, 0.03, 0.015, 0.005];
const PODS_PER_NODE = 20;
const REGIONS = 4;
const SEATS = 10;
/** Players at the peak for each player of a day: with sessions of 25 minutes, and the busiest hour of the curve. */
const PEAK_PER_DAY = 25 / 60 / HOURS;

export interface Scenario {
  name: string;
  nodes: number;
  playersPerDay: number;
  /** Fields of the policies that differ from the defaults. */
  policy?: object;
  events?: WorldOptions['events'];
  fromHour?: number;
  hours?: number;
  tolerance?: number;
}

/** The most players of a day whose peak takes this part of all pods. */
export function playersFor(nodes: number, part: number): number {
  return Math.round((nodes * PODS_PER_NODE * SEATS * part) / PEAK_PER_DAY);
}

/** Servers with a quarter of free seats for the players at an hour. */
function serversAt(playersPerDay: number, hour: number): number {
  const players = joinsPerSecond(playersPerDay, MIDNIGHT + hour * 3_600_000) * 25 * 60;
  return Math.ceil((1.25 * players + 20) / SEATS) + 2;
}

/** Runs a scenario with ten games. */
export function play({
  nodes,
  playersPerDay,
  policy = {},
  events,
  fromHour = 12,
  hours = 24,
  tolerance,
}: Scenario): Outcome {
  const policies: ScalePolicy[] = readPolicies(
    JSON.stringify(
      SHARES.map((_, index) => ({
        game: `game${index}`,
        min: 2,
        max: nodes * PODS_PER_NODE,
        seatsPerServer: SEATS,
        ...policy,
      })),
    ),
  );
  const world = new World({
    games: policies.map((policy, index) => {
      const players = playersPerDay * (SHARES[index] ?? 0);
      return { policy, playersPerDay: players, servers: serversAt(players, fromHour) };
    }),
    nodes,
    podsPerNode: PODS_PER_NODE,
    seatsPerServer: SEATS,
    fromHour,
    hours,
    ...(events ? { events } : {}),
    ...(tolerance === undefined ? {} : { tolerance }),
  });
  return world.run();
}

/** Returns the numbers of the nodes of a region. */
export function regionOf(nodes: number, region: number): number[] {
  return Array.from({ length: nodes }, (_, node) => node).filter((node) => node % REGIONS === region);
}

export { MIDNIGHT, SEATS };
