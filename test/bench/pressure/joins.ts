/** A burst of match-making: joins without media, through the whole admission; then a dependency that gets slow by an injected fault. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { readConfig } from '../../../host/base/config.ts';
import { BUDGETS_MS, PROTECTION_STEPS } from '../../../host/base/protection.ts';
import { openGate } from '../../../host/edge/admission/gate.ts';
import { limitedGate } from '../../../host/edge/protection/gate.ts';
import { Meters } from '../../../host/observe/meters.ts';
import { faultsOfGate, openResilience, type Resilience } from '../../../host/play/resilience.ts';
import { Issuer } from '../../edge/issuer.ts';
import { RecordedPlayer, startServer } from '../../stream/fixture.ts';
import type { Ask } from '../admission-load.ts';
import type { Bench } from '../harness.ts';
import type { JoinLoad } from './join-load.ts';
import { noteErrors, now, type Offered, type Phase, recoveryMs, report } from './load.ts';

const PER_SECOND = 1200;
const CALM_PER_SECOND = 100;
const CALM_MS = 2000;
const PLAYERS_PER_ADDRESS = 4;
/** Time that a join may take when all is well. */
const JOIN_MS = 100;
const FAULT_MS = 50;
const FAULT_SECONDS = 60;

const SETTINGS = {
  admission: 'token',
  oidcAudience: 'games',
  trustedProxies: '127.0.0.1',
  offersPerSecondMax: 100_000,
  addressOffersPerSecondMax: 100,
  accountJoinsPerSecondMax: 100,
  // A seat is kept for a moment only, because no one comes to take it.
  ticketMsMax: 100,
  chaos: 'on',
};

interface Host {
  url: string;
  resilience: Resilience;
  meters: Meters;
  lines: string[];
  close(): Promise<void>;
}

async function openHost(issuer: Issuer, opaUrl: string): Promise<Host> {
  const config = { ...readConfig({}), ...SETTINGS, oidcIssuer: issuer.url, opaUrl };
  const meters = new Meters();
  const lines: string[] = [];
  const log = (_: string, line: string) => lines.push(`${now().toFixed(0)} ${line}`);
  const resilience = openResilience({ config, log, meters });
  const game = { id: 'test', isRunning: true, players: 0, seats: 10 };
  const gate = await openGate({ config, log, meters, game: () => game, ...faultsOfGate(resilience) });
  const { server } = await startServer(config, {
    gate: limitedGate(gate, resilience.joins),
    meters,
    faults: resilience.faults,
    admit: async (view) => () => new RecordedPlayer(0, view),
  });
  return {
    url: server.url,
    resilience,
    meters,
    lines,
    async close() {
      resilience.close();
      await server.close();
      await gate.close();
    },
  };
}

async function asksOf(issuer: Issuer, count: number): Promise<Ask[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, player) => {
      const address = Math.floor(player / PLAYERS_PER_ADDRESS);
      const client = `10.${(address >> 16) & 255}.${(address >> 8) & 255}.${address & 255}`;
      return { token: await issuer.token({ sub: `player ${player}` }), client, isHonest: true };
    }),
  );
}

async function drive(url: string, phases: Phase[], asks: Ask[]): Promise<Offered> {
  const child = fork(join(import.meta.dirname, 'join-load.ts'));
  child.send({ url, phases, asks } satisfies JoinLoad);
  const [offered] = (await once(child, 'message')) as [Offered];
  return offered;
}

/** Returns how long after a time the log had a line, in milliseconds; undefined if it had none. */
export function loggedAfter(lines: readonly string[], at: number, part: string): number | undefined {
  const line = lines.find((text) => text.includes(part));
  return line === undefined ? undefined : Number.parseInt(line, 10) - at;
}

export async function pressJoins(bench: Bench, seconds: number): Promise<void> {
  const issuer = await Issuer.open();
  const host = await openHost(issuer, '');
  const asks = await asksOf(issuer, 4000);
  await drive(host.url, [{ perSecond: CALM_PER_SECOND, ms: CALM_MS }], asks);
  const offered = await drive(
    host.url,
    [
      { perSecond: CALM_PER_SECOND, ms: CALM_MS },
      { perSecond: PER_SECOND, ms: seconds * 1000, isPressure: true },
      { perSecond: CALM_PER_SECOND, ms: 2 * CALM_MS },
    ],
    asks,
  );
  const { errors } = report(bench, 'joins', offered, JOIN_MS);
  const recognised = loggedAfter(host.lines, offered.pressedAt, 'is recognised');
  if (recognised !== undefined) bench.value('joins: recognised after', 'ms', recognised);
  for (const step of PROTECTION_STEPS) {
    const p95 = host.resilience.figures.p95Ms(step);
    if (p95 === undefined) continue;
    bench.goal(`joins: P95 of the step "${step}" in the last 10 s`, {
      direction: 'at most',
      limit: BUDGETS_MS[step],
      value: p95,
      unit: 'ms',
    });
  }
  bench.goal('joins within their limits, refused', { direction: 'at most', limit: 0, value: errors, unit: '' });
  await host.close();
  issuer.close();
}

/** Injects a latency into the OPA server that is beyond the budget of the step, and measures how long the experiment goes on. */
export async function stopExperiment(bench: Bench): Promise<void> {
  const opa = createServer((request, response) => {
    request.resume().on('end', () => response.end('{"result":true}'));
  }).listen(0, '127.0.0.1');
  await once(opa, 'listening');
  const issuer = await Issuer.open();
  const host = await openHost(issuer, `http://127.0.0.1:${(opa.address() as AddressInfo).port}`);
  const asks = await asksOf(issuer, 1000);
  await drive(host.url, [{ perSecond: CALM_PER_SECOND, ms: CALM_MS }], asks);
  let [begun, ended] = [0, 0];
  host.resilience.faults.onChange(() => {
    if (begun > 0) ended ||= now();
  });
  const fault = { place: 'opa', kind: 'latency', seconds: FAULT_SECONDS, ms: FAULT_MS };
  const driving = drive(host.url, [{ perSecond: CALM_PER_SECOND, ms: 5 * CALM_MS, isPressure: true }], asks);
  await host.resilience.call.answer({ method: 'PUT', body: JSON.stringify({ faults: [fault] }) });
  begun = now();
  const offered = await driving;
  bench.value('slow OPA server: joins that failed', '', offered.outcomes.filter(({ error }) => error).length);
  bench.goal('slow OPA server: time until the experiment stops by itself', {
    direction: 'at most',
    limit: 5000,
    value: ended === 0 ? FAULT_SECONDS * 1000 : ended - begun,
    unit: 'ms',
  });
  const after = { ...offered, pressedAt: begun, releasedAt: ended };
  bench.value('slow OPA server: recovery after that', 'ms', recoveryMs(after, JOIN_MS));
  noteErrors(bench, 'slow OPA server', offered.outcomes);
  const reason = host.lines.find((line) => line.includes('injected faults end'));
  bench.note(`  slow OPA server: ${reason?.replace(/^\d+ /, '')}`);
  await host.close();
  issuer.close();
  opa.closeAllConnections();
  opa.close();
}
