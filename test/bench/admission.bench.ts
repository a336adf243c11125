// The time that admission adds to a join, and joins at a high rate without media: players within their limits are never refused.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { readConfig } from '../../host/base/config.ts';
import { type OpenedGate, openGate } from '../../host/edge/admission/gate.ts';
import { Meters } from '../../host/observe/meters.ts';
import type { Gate } from '../../host/stream/gate.ts';
import { Issuer } from '../edge/issuer.ts';
import { RecordedPlayer, startServer } from '../stream/fixture.ts';
import type { Answer, Ask, Load } from './admission-load.ts';
import { type Bench, benchmark, percentile } from './harness.ts';
import { numberFrom } from './switches.ts';

const SECONDS = numberFrom('BENCH_SECONDS', 10, 1);
const PER_SECOND = numberFrom('JOINS_PER_SECOND', 1200, 1);
/** The rate at which the time of a decision is measured. At the full rate it also holds the wait for a processor. */
const USUAL_PER_SECOND = 100;
/** One request of six comes from a player who asks far too often, or who has no valid token. */
const ATTACK_EVERY = 6;
/** Each honest player joins twice, from an address that a few of them share. */
const JOINS_EACH = 2;
const PLAYERS_PER_ADDRESS = 4;
const GOALS = { p50: 2, p99: 5, p99_9: 10 };

const SETTINGS = {
  admission: 'token',
  oidcAudience: 'games',
  trustedProxies: '127.0.0.1',
  offersPerSecondMax: 10_000,
  addressOffersPerSecondMax: 10,
  // A seat is kept for a moment only, because no one comes to take it.
  ticketMsMax: 100,
};

/** Wraps a gate so that it tells how long its own steps take together for each join. */
function timed(gate: OpenedGate, report: (ms: number) => void): Gate {
  const spent = new WeakMap<object, number>();
  const tickets = gate.tickets;
  return {
    ...(tickets
      ? {
          tickets: {
            msMax: tickets.msMax,
            isTicket: (bearer) => tickets.isTicket(bearer),
            createId: () => tickets.createId(),
            redeem: (text) => tickets.redeem(text),
            refuse: (reason) => tickets.refuse(reason),
            async issue(id, pass, place) {
              const begun = performance.now();
              const ticket = await tickets.issue(id, pass, place);
              report((spent.get(pass) ?? 0) + performance.now() - begun);
              return ticket;
            },
          },
        }
      : {}),
    measure: (step, work) => gate.measure(step, work),
    passOf: (account) => gate.passOf(account),
    async identify(bearer) {
      const begun = performance.now();
      const pass = await gate.identify(bearer);
      spent.set(pass, performance.now() - begun);
      return pass;
    },
    async judge(pass, asked) {
      const begun = performance.now();
      const room = await gate.judge(pass, asked);
      spent.set(pass, (spent.get(pass) ?? 0) + performance.now() - begun);
      return room;
    },
  };
}

async function asksOf(issuer: Issuer, count: number): Promise<Ask[]> {
  const asks: Ask[] = [];
  const honest = Math.ceil((count * (ATTACK_EVERY - 1)) / ATTACK_EVERY / JOINS_EACH);
  const tokens: string[] = [];
  for (let player = 0; player < honest; player++) tokens.push(await issuer.token({ sub: `player ${player}` }));
  const greedy = await issuer.token({ sub: 'greedy' });
  const stale = await issuer.token({ exp: Math.floor(Date.now() / 1000) - 3600 });
  let next = 0;
  for (let index = 0; index < count; index++) {
    if (index % ATTACK_EVERY === 0) {
      const token = index % (2 * ATTACK_EVERY) === 0 ? greedy : stale;
      asks.push({ token, client: `198.51.100.${index % 250}`, isHonest: false });
      continue;
    }
    const player = next++ % honest;
    const address = Math.floor(player / PLAYERS_PER_ADDRESS);
    const client = `10.${(address >> 16) & 255}.${(address >> 8) & 255}.${address & 255}`;
    asks.push({ token: tokens[player] ?? '', client, isHonest: true });
  }
  return asks;
}

async function drive(load: Load): Promise<{ answers: Answer[]; seconds: number }> {
  const child = fork(join(import.meta.dirname, 'admission-load.ts'));
  child.send(load);
  const [result] = (await once(child, 'message')) as [{ answers: Answer[]; seconds: number }];
  return result;
}

async function run(bench: Bench): Promise<void> {
  const issuer = await Issuer.open();
  const config = { ...readConfig({}), ...SETTINGS, oidcIssuer: issuer.url };
  const meters = new Meters();
  const game = { id: 'test', isRunning: true, players: 0, seats: 10 };
  const gate = await openGate({ config, log: () => {}, meters, game: () => game });
  const added: number[] = [];
  const { server } = await startServer(
    { ...SETTINGS, oidcIssuer: issuer.url },
    {
      gate: timed(gate, (ms) => added.push(ms)),
      meters,
      admit: async (view) => () => new RecordedPlayer(0, view),
    },
  );
  // The caches are warm when the host has let in its first players.
  await drive({ url: server.url, perSecond: 100, asks: await asksOf(issuer, 100) });
  added.length = 0;
  await drive({ url: server.url, perSecond: USUAL_PER_SECOND, asks: await asksOf(issuer, USUAL_PER_SECOND * SECONDS) });
  const usual = added.splice(0);
  const asks = await asksOf(issuer, PER_SECOND * SECONDS);
  const { answers, seconds } = await drive({ url: server.url, perSecond: PER_SECOND, asks });
  const honest = answers.filter(({ isHonest }) => isHonest);
  const refused = honest.filter(({ status }) => status !== 201);
  for (const [code, list] of Map.groupBy(refused, (answer) => `${answer.status} ${answer.code}`))
    bench.note(`  honest, refused: ${list.length} times ${code}`);
  bench.value('joins answered per second', '1/s', answers.length / seconds);
  bench.figure(`added by admission, at ${USUAL_PER_SECOND} joins per second`, 'ms', usual);
  bench.figure(`added by admission, at ${PER_SECOND} joins per second`, 'ms', added);
  bench.figure(
    'from when a request is due to its ticket',
    'ms',
    honest.map(({ ms }) => ms),
  );
  bench.value(
    'players beyond their limits, refused',
    '',
    answers.filter((a) => !a.isHonest && a.status !== 201).length,
  );
  const sorted = Float64Array.from(usual).sort();
  for (const [name, percent, limit] of [
    ['P50', 50, GOALS.p50],
    ['P99', 99, GOALS.p99],
    ['P99.9', 99.9, GOALS.p99_9],
  ] as const)
    bench.goal(`added by admission at ${USUAL_PER_SECOND} joins per second, ${name}`, {
      direction: 'at most',
      limit,
      value: percentile(sorted, percent),
      unit: 'ms',
    });
  bench.goal('players within their limits, refused', {
    direction: 'at most',
    limit: 0,
    value: refused.length,
    unit: '',
  });
  await server.close();
  await gate.close();
  issuer.close();
}

await benchmark('admission', run);
