import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { readConfig } from '../../host/base/config.ts';
import { harmlessFacts, type PersonFacts } from '../../host/edge/rules/facts.ts';
import { RuleFiles } from '../../host/edge/rules/files.ts';
import { PlayWatch, type WatchedPlayer } from '../../host/edge/rules/play-watch.ts';
import { Meters } from '../../host/observe/meters.ts';
import { startHost } from '../../host/play/host.ts';
import { buildModules } from '../../host/play/modules.ts';
import { openRisk, type Risk, watchedPlayers } from '../../host/play/risk.ts';
import { createRuleEngine } from '../../host/play/rule-engine.ts';
import type { PlayStatistics } from '../../host/room/input-statistics.ts';
import { REACTION_BUCKETS } from '../../renderer/contract/rule.ts';
import { at } from '../at.ts';
import { ruleModule } from '../edge/rules/modules.ts';
import { fakeConnection, ManualClock } from '../room/fake.ts';
import { closeStages, join as joinRoom, stage } from '../room/stage.ts';
import { compile } from '../session/compile.ts';

const folder = mkdtempSync(join(tmpdir(), 'nearlight-risk-'));
const paths: Record<string, string> = {};
const open: Risk[] = [];

beforeAll(async () => {
  for (const { name, path } of await buildModules(['rules/velocity', 'rules/region', 'rules/conduct']))
    paths[name.replace('rules/', '')] = path;
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((risk) => risk.close()));
  await closeStages();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Opens the examples by their names. Decisions have all the time that a slow machine needs. */
async function start(...names: string[]) {
  const lines: string[] = [];
  const meters = new Meters();
  const RISK_RULES = names.map((name) => `closed:${paths[name]}`).join();
  const config = readConfig({ RISK_RULES, RISK_MS_MAX: '10000', CACHE_DIR: join(folder, 'cache') });
  const log = (level: string, message: string) => void lines.push(`${level} ${message}`);
  const risk = await openRisk({ config, log, meters, rooms: () => [], clock: new ManualClock() });
  if (!risk) throw new Error('no rules');
  open.push(risk);
  return { rules: risk.rules, lines, meters };
}

const person: PersonFacts = { role: 'player', account: 'a', address: '1', region: 'DE', seats: 10, players: 1 };

test('without RISK_RULES, no rule is opened', async () => {
  const config = readConfig({});
  expect(await openRisk({ config, log: () => {}, meters: new Meters(), rooms: () => [] })).toBeUndefined();
});

test('the engine that cannot stop an endless rule is refused', () => {
  expect(() => createRuleEngine(readConfig({ ENGINE: 'javascript' }), () => {})).toThrow(
    'NL_SETTING: A setting is out of its bounds: ENGINE=javascript cannot stop an endless risk rule; set ENGINE=wasmedge',
  );
});

test('a missing file stops the start, with its name', async () => {
  const config = readConfig({ RISK_RULES: `open:${join(folder, 'gone.wasm')}` });
  await expect(openRisk({ config, log: () => {}, meters: new Meters(), rooms: () => [] })).rejects.toThrow(
    `NL_RULE: The risk rule cannot be used: ${join(folder, 'gone.wasm')}: there is no file`,
  );
});

test('a host opens its rules, and does not start with one that is missing', async () => {
  const [triangle] = await buildModules(['triangle']);
  const startWith = (file: string) => {
    const config = readConfig({ RISK_RULES: `open:${file}`, CACHE_DIR: join(folder, 'cache') });
    const modules = [must(triangle, 'triangle').path];
    return startHost({ modules, config: { ...config, port: 0, operatorPort: 0 }, log: () => {} });
  };
  const host = await startWith(paths.conduct ?? '');
  expect(host.risk?.rules.rules.map(({ name }) => name)).toEqual(['conduct']);
  expect(host.risk?.rules.watchesPlay).toBe(true);
  await host.close();
  await expect(startWith(join(folder, 'gone.wasm'))).rejects.toThrow('NL_RULE');
});

describe('the example', () => {
  test('velocity refuses the seventh join of an account within a minute, and not a return', async () => {
    const { rules, meters } = await start('velocity');
    const codes: string[] = [];
    for (let n = 0; n < 7; n++) codes.push((await rules.atJoin(person)).code);
    expect(codes).toEqual([...Array(6).fill('ok'), 'velocity.account-too-fast']);
    expect(await rules.atJoin({ ...person, role: 'returning' })).toMatchObject({ allow: true });
    expect(await rules.atJoin({ ...person, account: 'b' })).toMatchObject({ allow: true });
    expect([...meters.ruleDecisions.values()]).toEqual([
      { rule: 'velocity', verdict: 'allow', count: 8 },
      { rule: 'velocity', verdict: 'refuse', count: 1 },
    ]);
  });

  test('velocity refuses an address with 60 joins or 20 refusals within a minute', async () => {
    const { rules } = await start('velocity');
    const join = (address: string) => rules.atJoin({ ...person, account: undefined, address });
    for (let n = 0; n < 60; n++) expect(await join('1')).toMatchObject({ allow: true });
    expect((await join('1')).code).toBe('velocity.address-too-fast');
    for (let n = 0; n < 20; n++) {
      expect(await join('2')).toMatchObject({ allow: true });
      rules.noteRefusal({ address: '2' });
    }
    expect((await join('2')).code).toBe('velocity.address-refused-often');
  });

  test.each([
    [{ region: 'DE' }, true, 'ok'],
    [{ region: 'DE-BE' }, true, 'ok'],
    [{ region: 'US-CA' }, true, 'ok'],
    [{ region: 'US-WA' }, false, 'region.region-closed'],
    [{ region: 'DEU' }, false, 'region.region-closed'],
    [{ region: 'D' }, false, 'region.region-closed'],
    [{ region: 'GB' }, false, 'region.region-closed'],
    [{ region: 'GB', role: 'spectator' as const }, true, 'ok'],
    [{ region: undefined }, true, 'region.region-unknown'],
  ])('region decides about %o', async (facts, allow, code) => {
    const { rules } = await start('region');
    expect(await rules.atJoin({ ...person, ...facts })).toMatchObject({ allow, code });
  });

  const reactions = (...first: number[]) => [...first, ...Array(REACTION_BUCKETS - first.length).fill(0)];
  const honest: PlayStatistics = {
    seconds: 5,
    actions: 40,
    actionsPeak: 15,
    pauseMeanMs: 120,
    pauseDeviationMs: 45,
    turns: 30,
    impossibleTurns: 15,
    reactions: reactions(3, 2, 0, 0, 0, 5),
  };
  test.each([
    ['an honest player', {}, 'ok'],
    ['30 presses in a second', { actionsPeak: 30 }, 'ok'],
    ['31 presses in a second', { actionsPeak: 31 }, 'conduct.too-many-actions'],
    ['40 presses by a clock', { pauseDeviationMs: 1.9 }, 'conduct.clockwork'],
    ['39 presses by a clock', { pauseDeviationMs: 0, actions: 39 }, 'ok'],
    ['more than half impossible turns', { impossibleTurns: 16 }, 'conduct.impossible-turns'],
    ['too few turns to say', { turns: 19, impossibleTurns: 19 }, 'ok'],
    ['more than half the reactions below 50 ms', { reactions: reactions(3, 3, 0, 0, 5) }, 'conduct.reactions-too-fast'],
    ['too few reactions to say', { reactions: reactions(9) }, 'ok'],
  ])('conduct, looking at %s, says so', async (_name, changes, code) => {
    const { rules } = await start('conduct');
    const statistics = { ...honest, ...changes };
    expect(await rules.duringPlay({ ...person, statistics, flags: 2 })).toMatchObject({ allow: true, code });
    expect(await rules.duringPlay({ ...person, statistics, flags: 3 })).toMatchObject({ allow: code === 'ok', code });
  });

  test('conduct decides during play only, and the others at joins only', async () => {
    const { rules, meters } = await start('velocity', 'region', 'conduct');
    await rules.atJoin(person);
    await rules.duringPlay({ ...person, statistics: honest, flags: 0 });
    expect([...meters.ruleDecisions.values()].map(({ rule }) => rule)).toEqual(['velocity', 'region', 'conduct']);
    expect(meters.ruleDecision.count).toBe(3);
  });
});

test('a file that changes replaces its rule on the real engine', async () => {
  paths.swapped = join(folder, 'swapped.wasm');
  copyFileSync(paths.velocity ?? '', paths.swapped);
  const lines: string[] = [];
  const log = (_level: string, message: string) => void lines.push(message);
  const config = readConfig({
    RISK_RULES: `open:${paths.swapped}`,
    RISK_MS_MAX: '10000',
    CACHE_DIR: join(folder, 'cache'),
  });
  const files = await RuleFiles.open({ engine: createRuleEngine(config, log), clock: new ManualClock(), config, log });
  const rule = at(files.rules, 0);
  const replaceBy = async (module: Uint8Array) => {
    writeFileSync(join(folder, 'new'), module);
    renameSync(join(folder, 'new'), paths.swapped ?? '');
    await files.check();
    return (await rule.decide(harmlessFacts(1))).reason;
  };
  expect(await replaceBy(ruleModule({ reason: 'second' }))).toBe('second');
  expect(await replaceBy(ruleModule({ reason: 'third' }).slice(0, 100))).toBe('second');
  expect(lines.at(-1)).toContain('the new version is refused, and the old one goes on: NL_MODULE_INVALID');
  expect(await replaceBy(ruleModule({ first: '(unreachable)' }))).toBe('second');
  expect(lines.at(-1)).toContain('the new version is refused, and the old one goes on: NL_GUEST_TRAP');
  await files.close();
  await rule.close();
});

describe('the guide to rules', () => {
  const guide = readFileSync(join(import.meta.dirname, '../../renderer/sdk/RULES.md'), 'utf8');

  test('its first rule compiles and decides as the guide says', async () => {
    const [, source = ''] = must(/```ts\n([\s\S]+?)```/.exec(guide), 'rule in the guide');
    await compile('many-tries', source);
    paths['many-tries'] = join(import.meta.dirname, '../../build/bench/many-tries.wasm');
    const { rules } = await start('many-tries');
    const enter = async (players: number) => (await rules.atJoin({ ...person, players })).code;
    for (let n = 0; n < 4; n++) expect(await enter(8)).toBe('ok');
    expect(await enter(9)).toBe('many-tries.too-many-tries');
    expect(await enter(8)).toBe('ok');
  });

  test('it names every fact that a rule can read', () => {
    const sdk = readFileSync(join(import.meta.dirname, '../../renderer/sdk/rule.ts'), 'utf8');
    const [facts = ''] = must(/export class Facts[\s\S]+?\n\}/.exec(sdk), 'class Facts');
    const names = [...facts.matchAll(/^ {2}(?:get )?(\w+)\(/gm)].map(([, name]) => name);
    expect(names).toContain('reactionsBelow');
    for (const name of names) expect(guide).toMatch(new RegExp(`\`${name}[(\`]`));
  });
});

describe('the players of a room', () => {
  const watched = (on: ReturnType<typeof stage>): WatchedPlayer[] => watchedPlayers(on.room);

  test('a player is watched from the join to the end of the connection, and as the same one after a return', async () => {
    const on = stage();
    const player = on.room.accept({ width: 640, height: 360, fps: 60 });
    expect(watched(on)).toEqual([]);
    const { player: second } = await joinRoom(on);
    expect(watched(on).map(({ name }) => name)).toEqual(['test: seat 1']);
    const before = at(watched(on), 0).session;
    second.onLost();
    expect(watched(on)).toEqual([]);
    const again = second.return({ width: 640, height: 360, fps: 60 });
    again.onConnected(fakeConnection());
    await on.clock.pass(10);
    expect(at(watched(on), 0).session).toBe(before);
    player.onClosed('page');
  });

  test('a player whose presses no hand makes is flagged three times, and then the session ends', async () => {
    const { rules } = await start('conduct');
    const on = stage();
    const { player, connection } = await joinRoom(on);
    const lines: string[] = [];
    const log = (_level: string, message: string) => void lines.push(message);
    const watch = new PlayWatch({ rules, players: () => watched(on), intervalMs: 5000, log });
    let sequence = 0;
    for (let round = 0; round < 4; round++) {
      expect(connection.notices).not.toContain('NL_RISK');
      for (let n = 0; n < 40; n++) {
        on.clock.jump(20);
        for (const down of [true, false]) player.input.button(0, down, ++sequence);
      }
      await watch.check();
    }
    expect(lines).toEqual([
      ...Array(3).fill('test: seat 0: flagged by a risk rule: conduct.too-many-actions, score 0.90'),
      'test: seat 0: a risk rule ends the session: conduct.too-many-actions, score 0.90',
    ]);
    expect(connection.notices).toContain('NL_RISK');
  });

  test("a player's input reaches the statistics, and the end of the session reaches the page", async () => {
    const on = stage();
    const { player, connection } = await joinRoom(on);
    player.input.key(4, true, 1);
    const [seat] = watched(on);
    expect(seat?.take().actions).toBe(1);
    expect(seat?.person).toEqual({ role: 'player', address: '', seats: 2, players: 1 });
    seat?.end('NL_RISK', 'x');
    expect(connection.notices).toContain('NL_RISK');
  });
});
