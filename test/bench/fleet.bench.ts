// A simulated fleet: the real policies over days with an evening peak, lost nodes, a cut region and a bad build.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readMeasures } from '../../host/base/measures.ts';
import { addUp } from '../../host/fleet/scale/load.ts';
import { drawPlot, type Panel } from './fleet/plot.ts';
import { play, playersFor, regionOf, type Scenario, SEATS } from './fleet/scenario.ts';
import { SimulatedServer } from './fleet/shelf.ts';
import type { Outcome } from './fleet/world.ts';
import { type Bench, benchmark } from './harness.ts';

const OUT = join(import.meta.dirname, '../../build/bench');
const MINUTE = 1 / 60;

/** One run and its outcome in a few words. */
interface Run {
  scenario: Scenario;
  outcome: Outcome;
}

const panels: Panel[] = [];

function run(bench: Bench, scenario: Scenario, marks: Panel['marks'] = []): Run {
  const begun = performance.now();
  const outcome = play(scenario);
  const seconds = (performance.now() - begun) / 1000;
  const { name } = scenario;
  const sum = (of: (tally: (typeof outcome.world.games)[number]['tally']) => number) =>
    outcome.world.games.reduce((total, { tally }) => total + of(tally), 0);
  const servers = Math.max(...outcome.rows.map((row) => row.servers));
  const players = Math.max(...outcome.rows.map((row) => row.players));
  const waitSeconds = Math.max(...outcome.world.games.map(({ tally }) => tally.waitMsMax)) / 1000;
  bench.note(
    `  ${name}: ${sum((tally) => tally.joined)} joins, ${players} players at most on ${servers} servers; waited ${sum((tally) => tally.waited)} (up to ${waitSeconds} s), scaled away ${sum((tally) => tally.removed)}, lost with nodes ${sum((tally) => tally.lost)}, thrown out by a bad build ${sum((tally) => tally.failed)}; ${sum((tally) => tally.reversals)} reversals in ${sum((tally) => tally.changes)} changes; pods without a node ${sum((tally) => tally.pending)}; ${(sum((tally) => tally.serverMs) / sum((tally) => tally.oracleMs)).toFixed(2)} x an oracle; ${seconds.toFixed(1)} s`,
  );
  bench.note(
    `    ${whyItBreaks(outcome, { waited: sum((tally) => tally.waited), pending: sum((tally) => tally.pending) })}`,
  );
  bench.figure(`${name}: decision for one game`, 'ms', outcome.decisionMs);
  bench.goal(`${name}: players scaled away`, {
    direction: 'at most',
    limit: 0,
    value: sum((tally) => tally.removed),
    unit: 'players',
  });
  bench.goal(`${name}: changes back within ten minutes`, {
    direction: 'at most',
    limit: 0,
    value: sum((tally) => tally.reversals),
    unit: 'changes',
  });
  panels.push({ title: name, rows: outcome.rows, marks, seatsPerServer: SEATS });
  return { scenario, outcome };
}

/** Says whether players had to wait, from when on, and why. */
function whyItBreaks({ rows, world }: Outcome, { waited, pending }: { waited: number; pending: number }): string {
  const failed = world.games.reduce((total, { tally }) => total + tally.failed, 0);
  if (waited === 0) return pending === 0 ? 'holds' : 'holds, but it wanted more pods than the nodes have room for';
  const first = rows.find((row) => row.waiting > 0)?.hour;
  const when =
    first === undefined
      ? 'for less than a quarter of an hour'
      : `from ${Math.floor(first) % 24}:${String(Math.round((first % 1) * 60)).padStart(2, '0')} on`;
  if (pending > 0) return `breaks ${when}: no node has room for another pod, and players wait`;
  if (failed > 0)
    return `breaks ${when}: servers that fail are started again later each time, and free seats are some of theirs`;
  return `breaks ${when}: players come faster than the HPA controller asks and pods start`;
}

/** A day with an evening peak at each size, with room to spare. */
function sizes(bench: Bench): void {
  for (const nodes of [50, 250, 2500])
    run(bench, {
      name: `${nodes} nodes, ${nodes * 20} pods, ${(playersFor(nodes, 0.7) / 1e6).toFixed(1)} million players a day`,
      nodes,
      playersPerDay: playersFor(nodes, 0.7),
      ...(nodes > 1000 ? { fromHour: 17, hours: 5 } : { hours: 24 }),
    });
}

/** The mission's day: a million players, then two million, on nodes that are enough for one. */
function days(bench: Bench): void {
  const nodes = 220;
  for (const millions of [1, 2])
    run(bench, {
      name: `${nodes} nodes, ${millions} million players a day`,
      nodes,
      playersPerDay: millions * 1e6,
    });
}

/** Failures at the peak. */
function failures(bench: Bench): void {
  const nodes = 250;
  const playersPerDay = 1e6;
  const base = { nodes, playersPerDay, fromHour: 18, hours: 6 };
  const lost = regionOf(nodes, 0).slice(0, 12);
  run(
    bench,
    {
      ...base,
      name: '12 of 250 nodes lost at 20:00',
      events: [{ hour: 20, run: (world) => lost.forEach((node) => void world.lose(node)) }],
    },
    [{ hour: 20, text: '12 nodes lost' }],
  );
  const region = regionOf(nodes, 1);
  run(
    bench,
    {
      ...base,
      name: 'one region of four cut from 20:00 to 20:30',
      events: [
        { hour: 20, run: (world) => world.cut(region, true) },
        { hour: 20.5, run: (world) => world.cut(region, false) },
      ],
    },
    [
      { hour: 20, text: 'cut' },
      { hour: 20.5, text: 'mended' },
    ],
  );
  // A server of this build fails a minute after its first player has come.
  const renewing = Array.from({ length: 10 }, (_, minute) => ({
    hour: 20 + minute * MINUTE,
    run: (world: Outcome['world'], now: number) => {
      for (const game of world.games) {
        game.failsAfterMs = 60_000;
        game.renew(Math.ceil(game.servers.size / 10));
        game.reconcile(now);
      }
    },
  }));
  run(
    bench,
    {
      ...base,
      name: 'a bad build from 20:00, rolled back at 20:15',
      events: [
        ...renewing,
        {
          hour: 20.25,
          run: (world, now) => {
            for (const game of world.games) {
              game.failsAfterMs = undefined;
              game.rollBack(now);
              game.reconcile(now);
            }
          },
        },
      ],
    },
    [
      { hour: 20, text: 'bad build' },
      { hour: 20.25, text: 'rolled back' },
    ],
  );
}

/** The largest rush for which a seat is always free: the crowd of a tournament that comes within a minute. */
function rush(bench: Bench): void {
  for (const factor of [4, 8, 16, 32]) {
    run(
      bench,
      {
        name: `joins ${factor} times as many for ten minutes at 16:00`,
        nodes: 2000,
        playersPerDay: 1e6,
        fromHour: 14,
        hours: 4,
        events: [
          { hour: 16, run: (world) => crowd(world, factor) },
          { hour: 16 + 10 * MINUTE, run: (world) => crowd(world, 1) },
        ],
      },
      [{ hour: 16, text: `x ${factor}` }],
    );
  }
}

function crowd({ games }: Outcome['world'], factor: number): void {
  for (const game of games) game.crowd = factor;
}

/** How much time the process of the fleet spends for each second of reports. */
function reports(bench: Bench): void {
  for (const pods of [1000, 5000, 50_000]) {
    const servers = Array.from({ length: pods }, () => {
      const server = new SimulatedServer({ seats: SEATS, node: 0, readyAt: 0 });
      return Object.assign(server, { state: 'allocated', at: 0 } as const);
    });
    const text = JSON.stringify({ sessions: 7, queue: 0, frameP99Ms: 21.4, gpuMsPerSecond: 130, throttledRatio: 0.01 });
    const [reading, adding] = [[] as number[], [] as number[]];
    for (let second = 0; second < 20; second++) {
      let begun = performance.now();
      for (const server of servers) server.measures = readMeasures(JSON.parse(text)) ?? {};
      reading.push(performance.now() - begun);
      begun = performance.now();
      addUp(servers, { now: 0, staleMs: 1000 });
      adding.push(performance.now() - begun);
    }
    const read = bench.figure(`${pods} pods: read the reports of one second`, 'ms', reading);
    bench.figure(`${pods} pods: add up their load`, 'ms', adding);
    bench.goal(`${pods} pods: part of one processor for reports`, {
      direction: 'at most',
      limit: 50,
      value: read.p50 / 10,
      unit: '%',
    });
  }
}

await benchmark('fleet', (bench) => {
  bench.note('Ten games; pods start in 3 s; the HPA controller asks each 15 s and makes changes of more than 10 %.');
  reports(bench);
  sizes(bench);
  days(bench);
  failures(bench);
  rush(bench);
  mkdirSync(OUT, { recursive: true });
  writeFileSync(join(OUT, 'fleet.svg'), drawPlot(panels));
  bench.note(`  The plot is in ${join(OUT, 'fleet.svg')}`);
});
