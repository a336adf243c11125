// Risk rules: time of a decision, 1,000 swaps of a rule under 500 decisions per second, and decisions that trap or never end.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../../host/base/clock.ts';
import { readConfig } from '../../host/base/config.ts';
import { milli } from '../../host/base/time.ts';
import { FactsWriter, type PersonFacts } from '../../host/edge/rules/facts.ts';
import { type Decision, Rule } from '../../host/edge/rules/rule.ts';
import { createRuleEngine } from '../../host/play/rule-engine.ts';
import { compile } from '../session/compile.ts';
import { benchmark } from './harness.ts';
import { numberFrom } from './switches.ts';

const SWAPS = numberFrom('SWAPS', 1000, 1);
const PER_SECOND = 500;
const QUIET_SECONDS = 20;
/** Decisions of honest players between two hostile ones. */
const BETWEEN = 500;
const HOSTILE = 5;
/** Numbers of players at which the rule traps and at which it never ends. */
const [TRAP, ENDLESS] = [66, 67];

const source = (reason: string) => `
import { Answer, atJoin, Facts } from '@nearlight/sdk/rule';
export { init, join, leave, render, tick, version } from '@nearlight/sdk/rule';

let turns: u32 = 0;

atJoin((facts: Facts, answer: Answer): void => {
  if (facts.players === ${TRAP}) unreachable();
  while (facts.players === ${ENDLESS}) turns++;
  if (facts.accountJoins > 6) answer.refuse('${reason}');
  else if (!facts.inRegion('DE')) answer.flag('${reason}', 0.5);
  else answer.allow(<f32>0.25);
});
`;

const writer = new FactsWriter({ secret: new Uint8Array(32), wallClock: Date.now });
const counts = { account: 1, address: 2, addressRefusals: 0, node: 300 };
const person: PersonFacts = {
  role: 'player',
  account: 'a',
  address: '203.0.113.7',
  region: 'DE',
  seats: 10,
  players: 1,
};

/** Asks for decisions at PER_SECOND, however long each takes. Those that a busy machine could not ask for in time follow at once. */
class Load {
  readonly decisions: Decision[] = [];
  readonly #rule: Rule;
  #isEnding = false;
  #asking: Promise<void> = Promise.resolve();
  readonly #pending = new Set<Promise<void>>();

  constructor(rule: Rule) {
    this.#rule = rule;
  }

  ask(players = 1): Promise<Decision> {
    const decided = this.#rule.decide(writer.join({ ...person, players }, counts));
    const noted = decided.then((decision) => {
      this.decisions.push(decision);
      this.#pending.delete(noted);
    });
    this.#pending.add(noted);
    return decided;
  }

  start(): void {
    this.#asking = (async () => {
      const start = systemClock.now();
      for (let n = 0; !this.#isEnding; await systemClock.until(milli(start + (n * 1000) / PER_SECOND)))
        for (const now = systemClock.now(); start + (n * 1000) / PER_SECOND <= now; n++) void this.ask();
    })();
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#asking;
    await Promise.all(this.#pending);
  }
}

const failed = (decisions: Decision[]) => decisions.filter(({ failure }) => failure !== undefined).length;

await benchmark('rules', async (bench) => {
  const cacheDir = mkdtempSync(join(tmpdir(), 'nearlight-rules-bench-'));
  const config = readConfig({ CACHE_DIR: cacheDir });
  const engine = createRuleEngine(config, () => {});
  const modules = [await compile('rule-a', source('a')), await compile('rule-b', source('b'))] as const;
  bench.value('module', 'bytes', modules[0].length);
  bench.machine({ RISK_MS_MAX: config.riskMsMax });
  const options = { name: 'bench', engine, clock: systemClock, onFailure: 'closed' as const, log: () => {} };
  let begun = performance.now();
  const rule = await Rule.open(modules[0], options);
  bench.value('opening a rule, with compiling it to native code', 'ms', performance.now() - begun);

  const quiet = new Load(rule);
  quiet.start();
  await pause(QUIET_SECONDS * 1000);
  await quiet.end();
  const undisturbed = bench.figure(
    `decision, ${PER_SECOND} per second`,
    'ms',
    quiet.decisions.map(({ ms }) => ms),
  );
  bench.goal('decision, P99', { direction: 'at most', limit: 5, value: undisturbed.p99, unit: 'ms' });

  const swapped = new Load(rule);
  swapped.start();
  const swaps: number[] = [];
  const swappingAt = performance.now();
  for (let n = 0; n < SWAPS; n++) {
    begun = performance.now();
    await rule.replace(modules[n % 2 === 0 ? 1 : 0]);
    swaps.push(performance.now() - begun);
  }
  await swapped.end();
  const swappedSeconds = (performance.now() - swappingAt) / 1000;
  bench.value('decisions during the swaps', 'per second', swapped.decisions.length / swappedSeconds);
  bench.figure('swap, native code in the cache', 'ms', swaps);
  bench.figure(
    `decision during ${SWAPS} swaps`,
    'ms',
    swapped.decisions.map(({ ms }) => ms),
  );
  const lost = failed(swapped.decisions);
  bench.goal(`decisions that failed during ${SWAPS} swaps`, { direction: 'at most', limit: 0, value: lost, unit: '' });

  for (const [name, players] of [
    ['trapping', TRAP],
    ['endless', ENDLESS],
  ] as const) {
    const load = new Load(rule);
    load.start();
    for (let n = 0; n < HOSTILE; n++) {
      await pause((BETWEEN / PER_SECOND) * 1000);
      await load.ask(players);
    }
    await pause((BETWEEN / PER_SECOND) * 1000);
    await load.end();
    const honest = load.decisions.filter(({ failure }) => !failure);
    bench.figure(
      `decision of others, ${HOSTILE} ${name} ones`,
      'ms',
      honest.map(({ ms }) => ms),
    );
    const lost = load.decisions.filter(({ failure }) => failure);
    bench.figure(
      `decision, ${name}`,
      'ms',
      lost.map(({ ms }) => ms),
    );
    const value = lost.length / HOSTILE;
    bench.goal(`decisions that each ${name} one costs`, { direction: 'at most', limit: 1, value, unit: '' });
  }
  await rule.close();
  rmSync(cacheDir, { recursive: true, force: true });
});
