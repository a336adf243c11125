import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { readConfig } from '../../../host/base/config.ts';
import { NearlightError } from '../../../host/base/errors.ts';
import type { RuleEngine } from '../../../host/edge/rules/engine.ts';
import { harmlessFacts } from '../../../host/edge/rules/facts.ts';
import { RULE_FAILED, Rule, WAIT_MS_MAX, WAITING_MAX } from '../../../host/edge/rules/rule.ts';
import { DEATHS_MAX, DEATHS_WINDOW_MS } from '../../../host/edge/rules/version.ts';
import { createRuleEngine } from '../../../host/play/rule-engine.ts';
import { FACTS_BYTES, FACTS_PLAYERS, OCCASION_JOIN } from '../../../renderer/contract/rule.ts';
import { at } from '../../at.ts';
import { good } from '../../engine/modules.ts';
import { ManualClock, settle } from '../../room/fake.ts';
import { eventually } from '../../wait.ts';
import { FakeEngine } from './fake-engine.ts';
import { PLAYERS, ruleModule } from './modules.ts';

const cacheDir = mkdtempSync(join(tmpdir(), 'nearlight-rules-'));
const open: Rule[] = [];
afterEach(() => Promise.all(open.splice(0).map((rule) => rule.close())));
afterAll(() => rmSync(cacheDir, { recursive: true, force: true }));

function facts(players = 1): Uint8Array {
  const record = harmlessFacts(OCCASION_JOIN);
  new DataView(record.buffer).setUint32(FACTS_PLAYERS, players, true);
  return record;
}

async function start(engine: RuleEngine, module: Uint8Array, onFailure: 'open' | 'closed' = 'closed') {
  const clock = new ManualClock();
  const lines: string[] = [];
  const log = (level: string, message: string) => void lines.push(`${level} ${message}`);
  const rule = await Rule.open(module, { name: 'test', engine, clock, onFailure, log });
  open.push(rule);
  // The instance that waits is there, too.
  await eventually(() => expect(rule.version.ready).toBe(2));
  return { rule, clock, lines };
}

/** An engine with the modules of its rules, and a function that ends the calls that do not return. */
interface Stand {
  name: string;
  engine: RuleEngine;
  module(reason: string): Uint8Array;
  broken: Uint8Array;
  expire(): void;
}

function realStand(): Stand {
  let now = 0;
  const config = readConfig({ CACHE_DIR: cacheDir, RISK_MS_MAX: '20' });
  return {
    name: 'WasmEdge',
    engine: createRuleEngine(
      config,
      () => {},
      () => now,
    ),
    module: (reason) => ruleModule({ reason }),
    broken: ruleModule({ first: '(unreachable)' }),
    expire() {
      now += config.riskMsMax;
    },
  };
}

function fakeStand(): Stand {
  const engine = new FakeEngine();
  const load = engine.load.bind(engine);
  engine.load = async (module) => {
    if (module.length === 0) throw new NearlightError('NL_MODULE_INVALID', 'it does not begin with the four bytes');
    return load(module);
  };
  return {
    name: 'the stand-in',
    engine,
    module: (reason) => new TextEncoder().encode(reason),
    broken: new Uint8Array(),
    expire: () => engine.expire(),
  };
}

describe.each([fakeStand(), realStand()])('a rule on $name', ({ engine, module, broken, expire }) => {
  test('a rule decides', async () => {
    const { rule } = await start(engine, module('one'));
    expect(await rule.decide(facts())).toMatchObject({ verdict: 'allow', reason: 'one', score: 0, failure: undefined });
  });

  test('a trap costs one decision, and those that wait behind it are made', async () => {
    const { rule } = await start(engine, module('one'));
    const decisions = await Promise.all([1, PLAYERS.trap, 2, 3].map((players) => rule.decide(facts(players))));
    expect(decisions.map(({ verdict, reason }) => `${verdict} ${reason}`)).toEqual([
      'allow one',
      `refuse ${RULE_FAILED}`,
      'allow one',
      'allow one',
    ]);
    expect(at(decisions, 1).failure?.code).toBe('NL_GUEST_TRAP');
    await eventually(() => expect(rule.version.ready).toBe(2));
  });

  test('an endless decision costs one decision, and the others do not wait for it', async () => {
    const { rule, lines } = await start(engine, module('one'));
    const endless = rule.decide(facts(PLAYERS.endless));
    for (let n = 0; n < 3; n++) expect(await rule.decide(facts())).toMatchObject({ verdict: 'allow', reason: 'one' });
    expire();
    expect((await endless).failure?.code).toBe('NL_GUEST_TIMEOUT');
    expect(await rule.decide(facts())).toMatchObject({ verdict: 'allow', reason: 'one' });
    await eventually(() => expect(rule.version.ready).toBe(2));
    expect(lines.join()).toContain('the limit of a decision is RISK_MS_MAX');
  });

  test('an answer that breaks the contract costs one decision, and the instance goes on', async () => {
    const { rule } = await start(engine, module('one'), 'open');
    const wrong = await rule.decide(facts(PLAYERS.broken));
    expect(wrong).toMatchObject({ verdict: 'allow', reason: RULE_FAILED });
    expect(wrong.failure?.code).toBe('NL_RULE');
    expect(rule.version.ready).toBe(2);
    expect(await rule.decide(facts())).toMatchObject({ reason: 'one', failure: undefined });
  });

  test('a new version takes over between two decisions, and no decision fails', async () => {
    const { rule } = await start(engine, module('one'));
    const reasons: string[] = [];
    let isDone = false;
    const asking = (async () => {
      while (!isDone || reasons.at(-1) !== 'two') {
        const { reason, failure } = await rule.decide(facts());
        expect(failure).toBeUndefined();
        reasons.push(reason);
        await settle();
      }
    })();
    await eventually(() => expect(reasons.length).toBeGreaterThan(2));
    await rule.replace(module('two'));
    isDone = true;
    await asking;
    expect(new Set(reasons)).toEqual(new Set(['one', 'two']));
    expect(reasons).toEqual(reasons.toSorted());
  });

  test('a new version that cannot be used is refused, and the old one goes on', async () => {
    const { rule } = await start(engine, module('one'));
    await expect(rule.replace(broken)).rejects.toThrow(/NL_(GUEST_TRAP|MODULE_INVALID)/);
    expect(await rule.decide(facts())).toMatchObject({ reason: 'one' });
    await rule.replace(module('two'));
    expect(await rule.decide(facts())).toMatchObject({ reason: 'two' });
  });
});

describe('a rule', () => {
  const module = new TextEncoder().encode('one');

  test('a game, and a rule that answers wrongly, are refused when they are opened', async () => {
    const { engine } = realStand();
    await expect(start(engine, good())).rejects.toThrow('NL_RULE: The risk rule cannot be used: it is a game');
    await expect(start(engine, ruleModule({ words: [5] }))).rejects.toThrow('it has not submitted exactly one answer');
  });

  test('facts fit at the end of the memory of a rule, and not 8 bytes later', async () => {
    const { engine } = realStand();
    const last = 65_536 - FACTS_BYTES;
    const { rule } = await start(engine, ruleModule({ address: last, reason: 'one' }));
    expect((await rule.decide(facts())).reason).toBe('one');
    await expect(start(engine, ruleModule({ address: last + 8 }))).rejects.toThrow('NL_GUEST_TRAP');
  });

  test('an instance that ends between two decisions costs none', async () => {
    const engine = new FakeEngine();
    const { rule } = await start(engine, module);
    at(engine.instances, 0).die(new NearlightError('NL_GUEST_KILLED', 'it was killed'));
    await settle();
    expect((await rule.decide(facts())).failure).toBeUndefined();
    await eventually(() => expect(engine.running).toBe(2));
  });

  test('the decision that is being made is finished by the version that has begun it', async () => {
    const engine = new FakeEngine();
    const { rule } = await start(engine, module);
    const slow = rule.decide(facts(PLAYERS.endless));
    await rule.replace(new TextEncoder().encode('two'));
    expect(await rule.decide(facts())).toMatchObject({ reason: 'two' });
    await settle();
    expect([at(engine.instances, 0).hasEnded, at(engine.instances, 1).hasEnded]).toEqual([false, true]);
    engine.expire();
    expect((await slow).failure?.code).toBe('NL_GUEST_TIMEOUT');
    await eventually(() => expect(engine.running).toBe(2));
  });

  test('a decision waits WAIT_MS_MAX for an instance and then does what is declared', async () => {
    const engine = new FakeEngine();
    const { rule, clock } = await start(engine, module);
    const never = Promise.withResolvers<void>();
    engine.delay = never.promise;
    for (const instance of engine.instances) instance.die(new NearlightError('NL_GUEST_KILLED', 'it was killed'));
    await settle();
    const early = rule.decide(facts());
    await clock.pass(WAIT_MS_MAX - 1);
    const late = rule.decide(facts());
    await clock.pass(1);
    expect(await early).toMatchObject({ verdict: 'refuse', reason: RULE_FAILED, ms: WAIT_MS_MAX });
    never.resolve();
    expect((await late).failure).toBeUndefined();
  });

  test('a decision that is late because the host was busy is made', async () => {
    const engine = new FakeEngine();
    const { rule, clock } = await start(engine, module);
    const decisions = [PLAYERS.slow, PLAYERS.slow, 1].map((players) => rule.decide(facts(players)));
    await settle();
    clock.jump(2 * WAIT_MS_MAX);
    // The instances answer before the clock wakes the rule.
    engine.release();
    for (const decision of decisions) expect(await decision).toMatchObject({ failure: undefined, ms: 2 * WAIT_MS_MAX });
  });

  test('WAITING_MAX decisions may wait, and the next one fails at once', async () => {
    const engine = new FakeEngine();
    const { rule } = await start(engine, module, 'open');
    const endless = [rule.decide(facts(PLAYERS.endless)), rule.decide(facts(PLAYERS.endless))];
    const waiting = Array.from({ length: WAITING_MAX }, () => rule.decide(facts()));
    const over = await rule.decide(facts());
    expect(over).toMatchObject({ verdict: 'allow', reason: RULE_FAILED });
    expect(over.failure?.code).toBe('NL_RULE_BUSY');
    engine.expire();
    await Promise.all(endless);
    expect((await Promise.all(waiting)).every(({ failure }) => failure === undefined)).toBe(true);
  });

  test('a rule that traps again and again gets no new instance until the time for its deaths has passed', async () => {
    const engine = new FakeEngine();
    const { rule, clock } = await start(engine, module);
    for (let n = 0; n < DEATHS_MAX; n++) {
      await eventually(() => expect(rule.version.ready).toBe(2));
      await rule.decide(facts(PLAYERS.trap));
    }
    await settle();
    expect(rule.version.ready).toBe(1);
    await clock.pass(DEATHS_WINDOW_MS - 1);
    expect(rule.version.ready).toBe(1);
    await clock.pass(1);
    expect(rule.version.ready).toBe(2);
  });

  test('an instance that cannot be started is tried again later', async () => {
    const engine = new FakeEngine();
    const { rule, clock, lines } = await start(engine, module);
    engine.refusal = new NearlightError('NL_HOST_MEMORY', 'none left');
    await rule.decide(facts(PLAYERS.trap));
    await settle();
    expect(rule.version.ready).toBe(1);
    expect(lines.join()).toContain('an instance could not be started and is tried again: NL_HOST_MEMORY');
    engine.refusal = undefined;
    await clock.pass(1000);
    expect(rule.version.ready).toBe(2);
  });

  test('failures are logged once a second, with their number', async () => {
    const engine = new FakeEngine();
    const { rule, clock, lines } = await start(engine, module);
    for (let n = 0; n < 3; n++) await rule.decide(facts(PLAYERS.broken));
    clock.jump(1000);
    await rule.decide(facts(PLAYERS.broken));
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^warn rule test failed and refuses, as declared: NL_RULE: .*verdict 3 is unknown$/);
    expect(lines[1]).toMatch(/; 2 more decisions failed since the last line$/);
  });

  test('a closed rule ends its instances when their decisions are made, and decisions that wait fail', async () => {
    const engine = new FakeEngine();
    const { rule } = await start(engine, module);
    const begun = [rule.decide(facts(PLAYERS.endless)), rule.decide(facts(PLAYERS.endless))];
    const waiting = rule.decide(facts());
    const closed = rule.close();
    expect((await waiting).failure?.code).toBe('NL_RULE_BUSY');
    expect(engine.running).toBe(2);
    engine.expire();
    await closed;
    expect(engine.running).toBe(0);
    expect((await Promise.all(begun)).map(({ failure }) => failure?.code)).toEqual(Array(2).fill('NL_GUEST_TIMEOUT'));
    expect((await rule.decide(facts())).failure?.code).toBe('NL_SHUTDOWN');
  });
});
